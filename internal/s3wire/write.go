package s3wire

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/sealift/sealift/internal/sum"
)

// condition makes S3 refuse the object (412) if its key holds one already.
func condition(h http.Header, overwrite bool) {
	if !overwrite {
		h.Set("If-None-Match", "*")
	}
}

// A Body is the bytes of one request and their sum. Reader is read once.
type Body struct {
	Reader io.Reader
	Size   int64
	Sum    sum.CRC
	Other  string    // their sum of the object's kind, where that is not CRC64NVME
	Moved  func(int) // called with the bytes of each read; may be nil
	Fresh  bool      // over a connection of its own, not one that was used before
	Behind bool      // a part's sums are not known yet, and are sent behind the bytes: only where the client Trails
}

func (b Body) sums() sum.Sums { return sum.Sums{CRC: b.Sum, Other: b.Other} }

// Stored is what S3 says of an object that it has.
type Stored struct {
	Answer
	ETag         string   // opaque, with its quotes
	VersionID    string   // "" in a bucket without versions
	Kind         sum.Kind // of Checksum
	Checksum     string   // base64, composite ones with their number of parts; "" when S3 named none
	ChecksumType string   // "FULL_OBJECT" or "COMPOSITE"; "" when S3 did not say
	Encryption   string
	KMSKeyID     string
	StorageClass string // "" when S3 did not say, which is STANDARD
}

// stored reads an answer's header, the checksum of that kind among it.
func stored(answer Answer, h http.Header, kind sum.Kind) Stored {
	kind = kept(kind)
	return Stored{
		Answer:       answer,
		Kind:         kind,
		ETag:         h.Get("ETag"),
		VersionID:    h.Get("x-amz-version-id"),
		Checksum:     h.Get(checksumHeader(kind)),
		ChecksumType: h.Get("x-amz-checksum-type"),
		Encryption:   h.Get("x-amz-server-side-encryption"),
		KMSKeyID:     h.Get("x-amz-server-side-encryption-aws-kms-key-id"),
		StorageClass: h.Get("x-amz-storage-class"),
	}
}

// Put stores a whole object. Without overwrite, a key that holds one is 412.
func (c *Client) Put(ctx context.Context, o Object, b Body, overwrite bool) (Stored, error) {
	h := o.describe()
	condition(h, overwrite)
	tell(h, o.Kind, b.sums())
	resp, answer, err := c.do(ctx, request{operation: PutObject, method: http.MethodPut,
		bucket: o.Bucket, key: o.Key, header: h, body: b.Reader, size: b.Size, moved: b.Moved})
	if err != nil {
		return Stored{}, err
	}
	return stored(answer, resp.Header, o.Kind), drain(resp, answer)
}

// Create opens a multipart upload whose object will have a checksum of its
// kind, and returns its id.
func (c *Client) Create(ctx context.Context, o Object) (string, Answer, error) {
	h := o.describe()
	if o.Kind.Told() {
		h.Set("X-Amz-Checksum-Algorithm", string(kept(o.Kind)))
		h.Set("X-Amz-Checksum-Type", ChecksumType(o.Kind))
	}
	resp, answer, err := c.do(ctx, request{operation: CreateMultipartUpload, method: http.MethodPost,
		bucket: o.Bucket, key: o.Key, query: "uploads=", header: h})
	if err != nil {
		return "", answer, err
	}
	var result struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		UploadID string   `xml:"UploadId"`
	}
	if err := decode(resp, answer, &result); err != nil {
		return "", answer, err
	}
	if result.UploadID == "" {
		return "", answer, nonsense(answer, "no upload id")
	}
	return result.UploadID, answer, nil
}

// A Part is one that S3 has: its number, and what S3 said of it.
type Part struct {
	Number int
	Size   int64
	ETag   string
	Sum    sum.CRC
	Other  string // the sum of the object's kind, where that is not CRC64NVME
	Silent bool   // S3 took it and did not repeat its checksum
}

// Sums are what is known of the part's bytes.
func (p Part) Sums() sum.Sums { return sum.Sums{CRC: p.Sum, Other: p.Other} }

// Part stores one part of a multipart upload and returns it with S3's ETag. A
// part whose checksum S3 repeats wrongly is Corrupt.
func (c *Client) Part(ctx context.Context, o Object, uploadID string, number int, b Body) (Part, Answer, error) {
	r := request{operation: UploadPart, method: http.MethodPut, bucket: o.Bucket, key: o.Key,
		query:  "partNumber=" + strconv.Itoa(number) + "&uploadId=" + escape(uploadID, false),
		header: o.guard(), body: b.Reader, size: b.Size, moved: b.Moved, fresh: b.Fresh}
	if !b.Behind {
		tell(r.header, o.Kind, b.sums())
		return c.part(ctx, r, o.Kind, number, b.Size, func(Answer) (sum.Sums, error) { return b.sums(), nil })
	}
	f, length := frame(b, o.Kind)
	f.describe(r.header, b.Size)
	r.body, r.size, r.moved, r.hash = f, length, nil, unsignedTrailer
	part, answer, err := c.part(ctx, r, o.Kind, number, b.Size, f.sums)
	return part, answer, c.triedTrailer(part, err)
}

// part sends r and holds the answer against the sums that were sent.
func (c *Client) part(ctx context.Context, r request, kind sum.Kind, number int, size int64, sent func(Answer) (sum.Sums, error)) (Part, Answer, error) {
	resp, answer, err := c.do(ctx, r)
	if err != nil {
		return Part{}, answer, err
	}
	part := Part{Number: number, Size: size, ETag: resp.Header.Get("ETag")}
	said := resp.Header.Get(checksumHeader(kind))
	part.Silent = said == "" && kind.Told()
	if err := drain(resp, answer); err != nil {
		return Part{}, answer, err
	}
	sums, err := sent(answer)
	if err != nil {
		return Part{}, answer, err
	}
	part.Sum, part.Other = sums.CRC, sums.Other
	switch want := sums.Told(kind); {
	case said != "" && said != want:
		return Part{}, answer, &Error{Answer: answer, Status: http.StatusOK, Code: "BadDigest",
			Message: fmt.Sprintf("S3 stored a part with %s %s, sent was %s", kept(kind), said, want)}
	case part.ETag == "":
		return Part{}, answer, nonsense(answer, "no ETag")
	}
	return part, answer, nil
}

// Complete makes the object of the parts, which must be in order from 1. The
// whole has size bytes and the sums whole; S3 refuses it otherwise, but for
// composite ones, which it makes and tells. An error in the body of a 200 is an
// error like any other.
func (c *Client) Complete(ctx context.Context, o Object, uploadID string, parts []Part, size int64, whole sum.Sums, overwrite bool) (Stored, error) {
	h := o.guard()
	condition(h, overwrite)
	if o.Kind.Told() {
		h.Set("X-Amz-Checksum-Type", ChecksumType(o.Kind))
		if !o.Kind.Composite() {
			h.Set(checksumHeader(o.Kind), whole.Told(o.Kind))
		}
	}
	h.Set("X-Amz-Mp-Object-Size", strconv.FormatInt(size, 10))
	h.Set("Content-Type", "application/xml")
	list := completeBody(parts, o.Kind)
	resp, answer, err := c.do(ctx, request{operation: CompleteMultipartUpload, method: http.MethodPost,
		bucket: o.Bucket, key: o.Key, query: "uploadId=" + escape(uploadID, false), header: h, body: bytes.NewReader(list), size: int64(len(list))})
	if err != nil {
		return Stored{}, err
	}
	return decodeComplete(resp, answer, o.Kind)
}

func completeBody(parts []Part, kind sum.Kind) []byte {
	element := "Checksum" + string(kept(kind))
	var b bytes.Buffer
	b.WriteString(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	for _, p := range parts {
		b.WriteString("<Part><PartNumber>")
		b.WriteString(strconv.Itoa(p.Number))
		b.WriteString("</PartNumber><ETag>")
		xml.EscapeText(&b, []byte(p.ETag))
		b.WriteString("</ETag>")
		if kind.Told() {
			b.WriteString("<" + element + ">" + p.Sums().Told(kind) + "</" + element + ">")
		}
		b.WriteString("</Part>")
	}
	b.WriteString("</CompleteMultipartUpload>")
	return b.Bytes()
}

func decodeComplete(resp *http.Response, answer Answer, kind sum.Kind) (Stored, error) {
	text, err := readAll(resp, answer)
	if err != nil {
		return Stored{}, err
	}
	if e := parseError(text); e.Code != "" {
		e.Answer, e.Status = answer, resp.StatusCode
		return Stored{}, e
	}
	var result struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		ETag    string
		checksums
		ChecksumType string
	}
	if err := xml.Unmarshal(text, &result); err != nil {
		return Stored{}, nonsense(answer, "the body is not a result")
	}
	s := stored(answer, resp.Header, kind)
	s.ETag = result.ETag
	s.Checksum, s.ChecksumType = result.of(s.Kind), result.ChecksumType
	return s, nil
}

// Abort gives up a multipart upload. One that is not there is NoUpload.
func (c *Client) Abort(ctx context.Context, o Object, uploadID string) (Answer, error) {
	resp, answer, err := c.do(ctx, request{operation: AbortMultipartUpload, method: http.MethodDelete,
		bucket: o.Bucket, key: o.Key, query: "uploadId=" + escape(uploadID, false), header: o.guard()})
	if err != nil {
		return answer, err
	}
	return answer, drain(resp, answer)
}

// maxBody bounds an answer's body, in bytes: far above a page of 1,000 parts.
const maxBody = 4 << 20

// most is how much is read of an answer. A page of 1,000 uploads with keys of
// 1,024 bytes, each written as %XX, is larger than others.
func (a Answer) most() int {
	if a.Operation == ListMultipartUploads {
		return 2 * maxBody
	}
	return maxBody
}

func readAll(resp *http.Response, answer Answer) ([]byte, error) {
	defer resp.Body.Close()
	most := answer.most()
	text, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	if err != nil {
		return nil, &Error{Answer: answer, Status: resp.StatusCode, Whole: true, Err: fmt.Errorf("read answer: %w", err)}
	}
	if len(text) > most {
		return nil, nonsense(answer, "the body is over "+strconv.Itoa(most)+" bytes")
	}
	return text, nil
}

func decode(resp *http.Response, answer Answer, into any) error {
	text, err := readAll(resp, answer)
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(text, into); err != nil {
		return nonsense(answer, "the body is not what it should be")
	}
	return nil
}

// drain reads a body that should be empty, so that its connection serves again.
func drain(resp *http.Response, answer Answer) error {
	_, err := readAll(resp, answer)
	return err
}

// nonsense is a success that does not make sense: it may or may not have
// happened, like an answer that was lost.
func nonsense(answer Answer, what string) error {
	return &Error{Answer: answer, Whole: true, Err: fmt.Errorf("%s answered with nonsense: %s", answer.Operation, what)}
}
