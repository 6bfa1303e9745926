package s3wire

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// An Upload is a multipart upload that is open, as S3 lists it.
type Upload struct {
	Key, ID      string
	Initiated    time.Time // UTC; zero when S3 did not say
	Initiator    string    // ARN of who opened it, of an assumed role with its session's name; or a canonical user id
	StorageClass string    // "" when S3 did not say, which is STANDARD

	// Garbled says that the key cannot be known: the server writes keys as they
	// are, and XML has no form for some character of this one.
	Garbled bool
}

// A Marker says behind which upload a page of a listing begins; the zero Marker
// is at the start.
type Marker struct{ Key, ID string }

// MaxUploads is how many uploads a page has at most.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
// (read 2026-11-25 in the SDK's text of it).
const MaxUploads = 1000

// UploadsPage lists at most limit open uploads whose keys begin with o.Key, in
// the order of S3, behind the marker. next says where the following page begins;
// it is zero when there is none. Keys come as S3 has them: they are asked for in
// the encoding that can carry every character. What is not under the prefix, has
// no id, or does not advance, is nonsense.
func (c *Client) UploadsPage(ctx context.Context, o Object, after Marker, limit int) (page []Upload, next Marker, err error) {
	resp, answer, err := c.do(ctx, request{operation: ListMultipartUploads, method: http.MethodGet,
		bucket: o.Bucket, query: uploadsQuery(o.Key, after, limit), header: o.guard()})
	if err != nil {
		return nil, Marker{}, err
	}
	var list uploadsList
	if err := decode(resp, answer, &list); err != nil {
		return nil, Marker{}, err
	}
	for _, l := range list.Upload {
		u, err := l.read(list.EncodingType)
		switch {
		case err != nil:
			return nil, Marker{}, nonsense(answer, err.Error())
		case !u.Garbled && !strings.HasPrefix(u.Key, o.Key):
			return nil, Marker{}, nonsense(answer, "an upload that is not under the prefix")
		}
		page = append(page, u)
	}
	if !list.IsTruncated {
		return page, Marker{}, nil
	}
	key, err := plainKey(list.NextKeyMarker, list.EncodingType)
	next = Marker{key, list.NextUploadIDMarker}
	if err != nil || next.Key == "" || next == after || next.Key < after.Key {
		return nil, Marker{}, nonsense(answer, "its pages do not advance")
	}
	return page, next, nil
}

func uploadsQuery(prefix string, after Marker, limit int) string {
	q := "encoding-type=url"
	if after.Key != "" {
		q += "&key-marker=" + escape(after.Key, false)
	}
	q += "&max-uploads=" + strconv.Itoa(limit)
	if prefix != "" {
		q += "&prefix=" + escape(prefix, false)
	}
	if after.ID != "" {
		q += "&upload-id-marker=" + escape(after.ID, false)
	}
	return q + "&uploads="
}

type uploadsList struct {
	XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
	EncodingType       string
	IsTruncated        bool
	NextKeyMarker      string
	NextUploadIDMarker string         `xml:"NextUploadIdMarker"`
	Upload             []listedUpload `xml:"Upload"`
}

type listedUpload struct {
	Key          string
	UploadID     string `xml:"UploadId"`
	Initiated    string
	StorageClass string
	Initiator    struct{ ID string }
}

func (l listedUpload) read(encoding string) (Upload, error) {
	key, err := plainKey(l.Key, encoding)
	switch {
	case err != nil:
		return Upload{}, err
	case key == "" || l.UploadID == "":
		return Upload{}, fmt.Errorf("an upload without key or id")
	}
	u := Upload{Key: key, ID: l.UploadID, Initiator: l.Initiator.ID, StorageClass: l.StorageClass}
	u.Garbled = encoding != "url" && strings.ContainsRune(key, utf8.RuneError)
	if at, err := time.Parse(time.RFC3339Nano, l.Initiated); err == nil {
		u.Initiated = at.UTC()
	}
	return u, nil
}

// plainKey is a key as it is, of one in a listing of that encoding type. In it
// a space is written as +.
func plainKey(text, encoding string) (string, error) {
	if encoding != "url" {
		return text, nil
	}
	key, err := url.QueryUnescape(text)
	if err != nil {
		return "", fmt.Errorf("a key that is not in the encoding it claims")
	}
	return key, nil
}

// A Weight is what S3 has of an open upload.
type Weight struct {
	Parts int
	Bytes int64
	Last  time.Time // when the last part was stored, UTC; zero when there is none, or S3 did not say
}

// PartsWeight adds up a page of at most limit parts after the number marker,
// and says after which number the next page begins; 0 when there is none.
func (c *Client) PartsWeight(ctx context.Context, o Object, uploadID string, marker, limit int) (Weight, int, error) {
	query := fmt.Sprintf("max-parts=%d&part-number-marker=%d&uploadId=%s", limit, marker, escape(uploadID, false))
	resp, answer, err := c.do(ctx, request{operation: ListParts, method: http.MethodGet,
		bucket: o.Bucket, key: o.Key, query: query, header: o.guard()})
	if err != nil {
		return Weight{}, 0, err
	}
	var list struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		IsTruncated          bool
		NextPartNumberMarker int
		Part                 []struct {
			Size         int64
			LastModified string
		}
	}
	if err := decode(resp, answer, &list); err != nil {
		return Weight{}, 0, err
	}
	w := Weight{Parts: len(list.Part)}
	for _, p := range list.Part {
		w.Bytes += max(0, p.Size)
		if at, err := time.Parse(time.RFC3339Nano, p.LastModified); err == nil && at.After(w.Last) {
			w.Last = at.UTC()
		}
	}
	if !list.IsTruncated {
		return w, 0, nil
	}
	if list.NextPartNumberMarker <= marker {
		return Weight{}, 0, nonsense(answer, "its pages do not advance")
	}
	return w, list.NextPartNumberMarker, nil
}
