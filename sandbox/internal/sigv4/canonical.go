package sigv4

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// Verify says whether s is the signature that the holder of secret makes for
// r.
func (s Signature) Verify(r Request, secret string) bool {
	key := Key(secret, s.Date, s.Region, s.Service)
	want := hex.EncodeToString(mac(key, s.stringToSign(r)))
	return hmac.Equal([]byte(want), []byte(s.value))
}

// Key derives the signing key of a scope from a secret; date is yyyymmdd.
func Key(secret, date, region, service string) []byte {
	k := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, "aws4_request"} {
		k = mac(k, part)
	}
	return k
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func (s Signature) stringToSign(r Request) string {
	sum := sha256.Sum256([]byte(s.canonical(r)))
	return strings.Join([]string{
		algorithm,
		s.Time.Format(timeFormat),
		strings.Join([]string{s.Date, s.Region, s.Service, "aws4_request"}, "/"),
		hex.EncodeToString(sum[:]),
	}, "\n")
}

func (s Signature) canonical(r Request) string {
	var headers strings.Builder
	for _, name := range s.SignedNames {
		headers.WriteString(name + ":" + canonicalValue(r, name) + "\n")
	}
	hash := s.PayloadHash
	if hash == "" {
		hash = emptyHash
	}
	return strings.Join([]string{
		r.Method,
		s.canonicalPath(r.Path),
		canonicalQuery(r.Query),
		headers.String(),
		strings.Join(s.SignedNames, ";"),
		hash,
	}, "\n")
}

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func canonicalValue(r Request, name string) string {
	if name == "host" {
		return r.Host
	}
	var values []string
	for _, v := range r.Header(name) {
		values = append(values, strings.Join(strings.Fields(v), " "))
	}
	return strings.Join(values, ",")
}

// canonicalPath is the path as sent, for all services but S3 escaped once
// more. What a client signed is what it sent: decoding and encoding again
// would lose which slashes of a key were escaped.
func (s Signature) canonicalPath(raw string) string {
	raw = cmp.Or(raw, "/")
	if s.Service == "s3" {
		return raw
	}
	return escape(raw, true)
}

// canonicalQuery escapes and sorts all parameters but the signature itself.
func canonicalQuery(raw string) string {
	var pairs [][2]string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, value = unescapeQuery(name), unescapeQuery(value)
		if name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, [2]string{escape(name, false), escape(value, false)})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	joined := make([]string, len(pairs))
	for i, p := range pairs {
		joined[i] = p[0] + "=" + p[1]
	}
	return strings.Join(joined, "&")
}

func unescapeQuery(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return plain
}

// escape is the standard's URI encoding: all but unreserved characters, and
// slashes where the text is a path.
func escape(s string, path bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9',
			c == '-', c == '_', c == '.', c == '~', path && c == '/':
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
