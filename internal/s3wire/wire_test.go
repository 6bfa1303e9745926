package s3wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/sealift/sealift/internal/sum"
)

// static are credentials that never change.
var static = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "SECRET", SessionToken: "TOKEN"}, nil
})

// serve is a client of a server that answers as told, for answers that no
// well-behaved server gives.
func serve(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	transport := NewTransport(nil, nil)
	t.Cleanup(transport.CloseIdleConnections)
	return New(Config{Credentials: static, Region: "us-east-1", Endpoint: server.URL, Transport: transport, UserAgent: "test", Stall: 2 * time.Second})
}

func say(status int, header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("x-amz-request-id", "REQ")
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

var object = Object{Bucket: "bucket", Key: "key"}

func bytesOf(text string) Body {
	return Body{Reader: strings.NewReader(text), Size: int64(len(text)), Sum: sum.Of([]byte(text))}
}

func TestAnswersAreClassified(t *testing.T) {
	for code, want := range map[string]Class{
		"SlowDown": Busy, "RequestTimeout": Busy, "InternalError": Server, "ExpiredToken": Expired, "RequestTimeTooSkewed": Skewed,
		"AccessDenied": Denied, "SignatureDoesNotMatch": Denied, "PreconditionFailed": Exists, "ConditionalRequestConflict": Conflict,
		"NoSuchUpload": NoUpload, "NoSuchBucket": NoBucket, "NoSuchKey": NoObject, "BadDigest": Corrupt, "InvalidPart": BadPart, "MalformedXML": Refused,
	} {
		c := serve(t, say(400, "", "<?xml version=\"1.0\"?><Error><Code>"+code+"</Code><Message>words</Message></Error>"))
		_, err := c.Put(t.Context(), object, bytesOf("x"), true)
		if got := Classify(err); got != want {
			t.Errorf("%s is class %d, want %d: %v", code, got, want, err)
		}
		e, _ := errors.AsType[*Error](err)
		if e.Code != code || e.RequestID != "REQ" || e.KeyID != "AKID" || e.Message != "words" {
			t.Errorf("error is %+v", e)
		}
	}
}

func TestAnswersWithoutACodeAreClassifiedByStatus(t *testing.T) {
	for status, want := range map[int]Class{503: Busy, 429: Busy, 500: Server, 502: Server, 504: Server, 408: Server, 403: Denied, 401: Denied,
		412: Exists, 409: Conflict, 404: NoObject, 400: Refused, 307: Refused, 301: Refused, 418: Refused} {
		c := serve(t, say(status, "", "<html>not S3"))
		if _, err := c.Put(t.Context(), object, bytesOf("x"), true); Classify(err) != want {
			t.Errorf("%d is class %d, want %d: %v", status, Classify(err), want, err)
		}
	}
}

func TestRetryAfterIsRead(t *testing.T) {
	c := serve(t, say(503, "Retry-After: 7", ""))
	_, err := c.Put(t.Context(), object, bytesOf("x"), true)
	if e, ok := errors.AsType[*Error](err); !ok || e.RetryAfter != 7*time.Second {
		t.Errorf("error is %+v", err)
	}
}

// A success that says nothing, or nonsense, may or may not have happened.
func TestNonsenseIsNoSuccess(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"empty":        say(200, "", ""),
		"html":         say(200, "", "<html></html>"),
		"another root": say(200, "", "<ListPartsOutput/>"),
		"cut":          say(200, "", "<CompleteMultipartUploadResult><ETag>"),
		"huge":         say(200, "", strings.Repeat(" ", maxBody+1)),
		"cut off": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("<"))
		},
	} {
		c := serve(t, answer)
		_, err := c.Complete(t.Context(), object, "id", []Part{{Number: 1, ETag: `"e"`}}, 1, sum.Sums{CRC: 1}, true)
		if Classify(err) != Network || !Lost(err) {
			t.Errorf("complete, %s: class %d, lost %v: %v", name, Classify(err), Lost(err), err)
		}
		if _, _, err := c.Create(t.Context(), object); Classify(err) != Network {
			t.Errorf("create, %s: %v", name, err)
		}
		if _, err := c.Parts(t.Context(), object, "id"); Classify(err) != Network {
			t.Errorf("parts, %s: %v", name, err)
		}
	}
}

func TestErrorInsideA200IsAnError(t *testing.T) {
	c := serve(t, say(200, "", "  \n \n<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>m</Message></Error>"))
	_, err := c.Complete(t.Context(), object, "id", nil, 1, sum.Sums{CRC: 1}, true)
	if Classify(err) != Server || !Lost(err) {
		t.Errorf("class %d: %v", Classify(err), err)
	}
}

// A server that says in its own words what it will never do is not asked again.
func TestRefusalsForGoodAreRefusals(t *testing.T) {
	for code, status := range map[string]int{"NotImplemented": 501, "InvalidBucketState": 409, "ObjectParentIsFile": 409} {
		c := serve(t, say(status, "", "<Error><Code>"+code+"</Code></Error>"))
		if _, err := c.Put(t.Context(), object, bytesOf("x"), true); Classify(err) != Refused || Lost(err) {
			t.Errorf("%s is class %d, lost %v: %v", code, Classify(err), Lost(err), err)
		}
	}
}

// A second attempt does not wait behind what holds the first one up.
func TestFreshBodiesHaveTheirOwnConnection(t *testing.T) {
	var from []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		from = append(from, r.RemoteAddr)
		w.Header().Set("ETag", `"e"`)
	})
	for _, fresh := range []bool{false, true, true, false} {
		b := bytesOf("x")
		b.Fresh = fresh
		if _, _, err := c.Part(t.Context(), object, "id", 1, b); err != nil {
			t.Fatal(err)
		}
	}
	if from[0] != from[3] || from[1] == from[0] || from[2] == from[0] || from[2] == from[1] {
		t.Errorf("requests came from %v", from)
	}
}

// Someone may have to find an MFA device before there are credentials: that is
// no connection that stands still.
func TestCredentialsMayTakeTheirTime(t *testing.T) {
	c := serve(t, say(200, "", ""))
	c.config.Stall = 50 * time.Millisecond
	var given time.Time
	c.config.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		time.Sleep(200 * time.Millisecond)
		given = time.Now()
		if ctx.Err() != nil {
			return aws.Credentials{}, context.Cause(ctx)
		}
		return static(ctx)
	})
	stored, err := c.Put(t.Context(), object, bytesOf("x"), true)
	if err != nil || stored.Time.Before(given) {
		t.Errorf("sent at %v, signed at %v: %v", stored.Time, given, err)
	}
}

// A request for which there never was a connection did not happen, not even
// one without a body.
func TestRequestWithoutAConnectionIsNotLost(t *testing.T) {
	secure := httptest.NewTLSServer(say(200, "", ""))
	t.Cleanup(secure.Close)
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never shakes hands
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	for name, endpoint := range map[string]string{"unknown certificate": secure.URL, "no handshake": "https://" + mute.Addr().String(), "refused": "http://127.0.0.1:1"} {
		transport := NewTransport(nil, nil)
		transport.TLSHandshakeTimeout = 100 * time.Millisecond
		c := New(Config{Credentials: static, Region: "us-east-1", Endpoint: endpoint, Transport: transport})
		if _, _, err := c.Create(t.Context(), object); err == nil || Lost(err) {
			t.Errorf("%s: lost is %v: %v", name, Lost(err), err)
		}
	}
}

// What may have happened is Lost, however it is answered.
func TestAnswersThatDoNotTellAreLost(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   bool
	}{
		{200, "<Error><Code>NeverHeardOf</Code></Error>", true},
		{200, "<Error><Code>SlowDown</Code></Error>", false},
		{500, "", true},
		{503, "<html>a proxy's</html>", true},
		{503, "<Error><Code>SlowDown</Code></Error>", false},
		{429, "", false},
		{400, "", false},
		{412, "", false},
	} {
		_, err := serve(t, say(c.status, "", c.body)).Complete(t.Context(), object, "id", []Part{{Number: 1, ETag: "e"}}, 1, sum.Sums{CRC: 1}, false)
		if Lost(err) != c.want {
			t.Errorf("%d %s: lost is %v, want %v", c.status, c.body, Lost(err), c.want)
		}
	}
}

func TestPartWithoutAnETagOrWithAnotherSumIsNotStored(t *testing.T) {
	c := serve(t, say(200, "", ""))
	if _, _, err := c.Part(t.Context(), object, "id", 1, bytesOf("x")); Classify(err) != Network {
		t.Errorf("no ETag: %v", err)
	}
	c = serve(t, say(200, "x-amz-checksum-crc64nvme: AAAAAAAAAAA=", ""))
	if _, _, err := c.Part(t.Context(), object, "id", 1, bytesOf("x")); Classify(err) != Corrupt {
		t.Errorf("another sum: %v", err)
	}
}

func TestPagesOfPartsAreFollowedAndMustAdvance(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("part-number-marker") == "0" {
			io.WriteString(w, "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker><Part><PartNumber>1</PartNumber><Size>5</Size><ETag>\"a\"</ETag></Part></ListPartsResult>")
			return
		}
		io.WriteString(w, "<ListPartsResult><Part><PartNumber>2</PartNumber><Size>6</Size><ETag>\"b\"</ETag><ChecksumCRC64NVME>"+sum.CRC(7).String()+"</ChecksumCRC64NVME></Part></ListPartsResult>")
	})
	parts, err := c.Parts(t.Context(), object, "id")
	if err != nil || len(parts) != 2 || parts[1] != (Part{Number: 2, Size: 6, ETag: `"b"`, Sum: 7}) {
		t.Errorf("parts are %+v, %v", parts, err)
	}
	c = serve(t, say(200, "", "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>0</NextPartNumberMarker></ListPartsResult>"))
	if _, err := c.Parts(t.Context(), object, "id"); err == nil {
		t.Error("pages that stand still are a list")
	}
}

// A server that takes the request and never answers is given up; so is one
// that answers a byte and stops.
func TestStandstillIsGivenUp(t *testing.T) {
	done := make(chan struct{})
	for name, answer := range map[string]http.HandlerFunc{
		"no answer":   func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-done },
		"half a body": func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<")); w.(http.Flusher).Flush(); <-done },
	} {
		c := serve(t, answer)
		c.config.Stall = 100 * time.Millisecond
		begun := time.Now()
		_, _, err := c.Create(t.Context(), object)
		if Classify(err) != Network || time.Since(begun) > 10*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(begun))
		}
	}
	close(done)
}

func TestSourceThatCannotBeReadIsNoNetworkTrouble(t *testing.T) {
	c := serve(t, say(200, "ETag: e", ""))
	broken := errors.New("bad sector")
	_, _, err := c.Part(t.Context(), object, "id", 1, Body{Reader: io.MultiReader(strings.NewReader("x"), failing{broken}), Size: 10})
	if Classify(err) != Source || !errors.Is(err, broken) {
		t.Errorf("class %d: %v", Classify(err), err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestConnectionThatWasNeverThereCarriedNothing(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	c := New(Config{Credentials: static, Region: "r", Endpoint: server.URL, Transport: NewTransport(nil, nil)})
	_, err := c.Put(t.Context(), object, Body{}, true)
	if Classify(err) != Network || Lost(err) {
		t.Errorf("class %d, lost %v: %v", Classify(err), Lost(err), err)
	}
}

func TestNoCredentialsIsSaid(t *testing.T) {
	c := New(Config{Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("none")
	}), Region: "r", Transport: NewTransport(nil, nil)})
	_, err := c.Put(t.Context(), object, Body{}, true)
	if Classify(err) != NoCredentials {
		t.Errorf("class %d: %v", Classify(err), err)
	}
}

func TestUnknownAuthorityIsRefusedAtOnce(t *testing.T) {
	server := httptest.NewTLSServer(say(200, "ETag: e", ""))
	server.Config.ErrorLog = nil
	defer server.Close()
	c := New(Config{Credentials: static, Region: "r", Endpoint: server.URL, Transport: NewTransport(nil, nil)})
	_, err := c.Put(t.Context(), object, Body{}, true)
	if Classify(err) != Refused || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("class %d: %v", Classify(err), err)
	}
}

func TestTransportDialsNoMetadataService(t *testing.T) {
	c := New(Config{Credentials: static, Region: "r", Endpoint: "http://169.254.169.254", Transport: NewTransport(nil, nil)})
	_, err := c.Put(t.Context(), object, Body{}, true)
	if !errors.Is(err, ErrEndpoint) || Classify(err) != Refused {
		t.Errorf("class %d: %v", Classify(err), err)
	}
}

func TestWhatIsSentIsWhatWasAskedFor(t *testing.T) {
	var got *http.Request
	var sent []byte
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		sent, _ = io.ReadAll(r.Body)
		w.Header().Set("ETag", `"e"`)
	})
	o := Object{Bucket: "bucket", Key: "a b/ü", ContentType: "text/plain", CacheControl: "no-cache", Metadata: map[string]string{"k": "v"},
		Tags: map[string]string{"t": "u v"}, StorageClass: "STANDARD_IA", Encryption: "aws:kms", KMSKeyID: "alias/x", Owner: "123456789012"}
	if _, err := c.Put(t.Context(), o, bytesOf("text"), false); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/plain", "Cache-Control": "no-cache", "X-Amz-Meta-K": "v", "X-Amz-Tagging": "t=u+v", "X-Amz-Storage-Class": "STANDARD_IA",
		"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "alias/x", "X-Amz-Expected-Bucket-Owner": "123456789012",
		"If-None-Match": "*", "X-Amz-Checksum-Crc64nvme": sum.Of([]byte("text")).String(), "X-Amz-Content-Sha256": unsigned, "User-Agent": "test",
		"X-Amz-Security-Token": "TOKEN",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Header.Get(name), want)
		}
	}
	if got.RequestURI != "/bucket/a%20b/%C3%BC" || !bytes.Equal(sent, []byte("text")) {
		t.Errorf("sent %q to %s", sent, got.RequestURI)
	}
	for _, name := range []string{"host", "if-none-match", "x-amz-checksum-crc64nvme", "x-amz-meta-k", "x-amz-tagging", "x-amz-expected-bucket-owner"} {
		if !strings.Contains(got.Header.Get("Authorization"), name) {
			t.Errorf("%s is not signed: %s", name, got.Header.Get("Authorization"))
		}
	}
}

func TestEndpointsAreTheSDKs(t *testing.T) {
	for _, c := range []struct{ endpoint, region, bucket, want string }{
		{"", "eu-west-1", "plain", "https://plain.s3.eu-west-1.amazonaws.com/k"},
		{"", "us-east-1", "with.dots", "https://s3.us-east-1.amazonaws.com/with.dots/k"},
		{"", "cn-north-1", "plain", "https://plain.s3.cn-north-1.amazonaws.com.cn/k"},
		{"http://127.0.0.1:9090", "us-east-1", "plain", "http://127.0.0.1:9090/plain/k"},
		{"http://localhost:9090", "us-east-1", "plain", "http://localhost:9090/plain/k"},
		{"https://store.example.com/base", "us-east-1", "plain", "https://plain.store.example.com/base/k"},
		{"", "eu-west-1", "arn:aws:s3:eu-west-1:123456789012:accesspoint/ap", "https://ap-123456789012.s3-accesspoint.eu-west-1.amazonaws.com/k"},
	} {
		client := New(Config{Region: c.region, Endpoint: c.endpoint})
		target, err := client.target(t.Context(), c.bucket)
		if err != nil {
			t.Errorf("%s: %v", c.bucket, err)
			continue
		}
		if got := target.url("k", "").String(); got != c.want || target.service != "s3" {
			t.Errorf("%+v goes to %s as %s", c, got, target.service)
		}
	}
	for _, bucket := range []string{"dir--use1-az4--x-s3", "arn:aws:s3::123456789012:accesspoint/mrap.mrap", "arn:nonsense"} {
		if _, err := New(Config{Region: "us-east-1"}).target(t.Context(), bucket); !errors.Is(err, ErrEndpoint) {
			t.Errorf("%s: %v, want ErrEndpoint", bucket, err)
		}
	}
}

// Which endpoint is AWS's is for the SDK's rules to say, by what is asked for.
func TestEndpointsAreChosenAsAsked(t *testing.T) {
	const ap = "arn:aws:s3:us-west-2:123456789012:accesspoint/ap"
	for _, c := range []struct {
		bucket string
		a      Addressing
		want   string
	}{
		{"plain", Addressing{DualStack: true}, "https://plain.s3.dualstack.eu-west-1.amazonaws.com/k"},
		{"plain", Addressing{FIPS: true}, "https://plain.s3-fips.eu-west-1.amazonaws.com/k"},
		{"plain", Addressing{FIPS: true, DualStack: true}, "https://plain.s3-fips.dualstack.eu-west-1.amazonaws.com/k"},
		{"plain", Addressing{Accelerate: true}, "https://plain.s3-accelerate.amazonaws.com/k"},
		{"plain", Addressing{Accelerate: true, DualStack: true}, "https://plain.s3-accelerate.dualstack.amazonaws.com/k"},
		{"plain", Addressing{PathStyle: true}, "https://s3.eu-west-1.amazonaws.com/plain/k"},
		{ap, Addressing{}, "https://ap-123456789012.s3-accesspoint.us-west-2.amazonaws.com/k"},
		{ap, Addressing{DualStack: true, FIPS: true}, "https://ap-123456789012.s3-accesspoint-fips.dualstack.us-west-2.amazonaws.com/k"},
	} {
		client := New(Config{Region: "eu-west-1", Addressing: c.a})
		target, err := client.target(t.Context(), c.bucket)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if got := target.url("k", "").String(); got != c.want {
			t.Errorf("%+v goes to %s", c, got)
		}
		if c.bucket == ap && target.region != "us-west-2" {
			t.Errorf("signed for %s", target.region)
		}
	}
	for bucket, a := range map[string]Addressing{ap: {Accelerate: true}, ap + "/": {}, "arn:aws:s3:us-west-2:123456789012:accesspoint": {}, "with.dots": {Accelerate: true}} {
		if err := New(Config{Region: "eu-west-1", Addressing: a}).CheckBucket(t.Context(), bucket); !errors.Is(err, ErrEndpoint) {
			t.Errorf("%s %+v: %v, want ErrEndpoint", bucket, a, err)
		}
	}
	if err := New(Config{Region: "eu-west-1", Addressing: Addressing{PathStyle: true}}).CheckBucket(t.Context(), ap); !errors.Is(err, ErrEndpoint) {
		t.Errorf("an access point in the path: %v", err)
	}
}

func TestAddressingThatCannotBe(t *testing.T) {
	const url = "https://s3.example.com"
	for _, c := range []struct {
		a        Addressing
		endpoint string
		ok       bool
	}{
		{Addressing{DualStack: true, FIPS: true}, "", true}, {Addressing{DualStack: true, Accelerate: true}, "", true}, {Addressing{PathStyle: true}, url, true},
		{Addressing{DualStack: true}, url, false}, {Addressing{FIPS: true}, url, false}, {Addressing{Accelerate: true}, url, false},
		{Addressing{Accelerate: true, FIPS: true}, "", false}, {Addressing{Accelerate: true, PathStyle: true}, "", false},
	} {
		if err := c.a.Check(c.endpoint); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrEndpoint) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestEndpointsThatMustNotBeUsed(t *testing.T) {
	for endpoint, want := range map[string]error{
		"":                             nil,
		"https://s3.example.com":       nil,
		"http://127.0.0.1:1":           nil,
		"http://[::1]:1":               nil,
		"http://localhost:1":           nil,
		"http://10.0.0.1":              ErrPlainHTTP,
		"http://s3.example.com":        ErrPlainHTTP,
		"https://169.254.1.1":          ErrEndpoint,
		"http://[fe80::1]":             ErrEndpoint,
		"https://[::ffff:169.254.0.1]": ErrEndpoint,
		"https://0.0.0.0":              ErrEndpoint,
		"ftp://host":                   ErrEndpoint,
		"host:80":                      ErrEndpoint,
		"https://u:p@host":             ErrEndpoint,
		"https://host/?q":              ErrEndpoint,
		"https://":                     ErrEndpoint,
		"://":                          ErrEndpoint,
	} {
		if err := CheckEndpoint(endpoint, false); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%q: %v, want %v", endpoint, err, want)
		}
	}
	if err := CheckEndpoint("http://10.0.0.1", true); err != nil {
		t.Errorf("plain http that is allowed: %v", err)
	}
}

func FuzzParseError(f *testing.F) {
	f.Add([]byte("<Error><Code>SlowDown</Code></Error>"))
	f.Add([]byte("<?xml version=\"1.0\"?><Error/>"))
	f.Fuzz(func(_ *testing.T, text []byte) { Classify(parseError(text)) })
}

// Whatever a server answers to Complete, it is a success only with a result.
func FuzzComplete(f *testing.F) {
	f.Add([]byte("<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"))
	f.Add([]byte("   <Error><Code>InternalError</Code></Error>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(text))}
		_, err := decodeComplete(resp, Answer{Operation: CompleteMultipartUpload}, sum.CRC64NVME)
		if err == nil && !bytes.Contains(text, []byte("CompleteMultipartUploadResult")) {
			t.Errorf("%q is a success", text)
		}
	})
}
