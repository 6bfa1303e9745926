package s3wire

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func listing(body string) string {
	return `<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + body + `</ListMultipartUploadsResult>`
}

func TestUploadsAreListedWithKeysThatXMLCannotHold(t *testing.T) {
	var asked string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery
		say(200, "", listing(`<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
			<NextKeyMarker>in/z%01+b%2B</NextKeyMarker><NextUploadIdMarker>2</NextUploadIdMarker>
			<Upload><Key>in/%1B%5B2J+%EF%BF%BD</Key><UploadId>1</UploadId><Initiated>2026-11-20T10:00:00.000Z</Initiated><StorageClass>STANDARD_IA</StorageClass>
			<Initiator><ID>arn:aws:sts::1:assumed-role/r/sealift-x</ID><DisplayName>d</DisplayName></Initiator></Upload>`))(w, r)
	})
	page, next, err := c.UploadsPage(t.Context(), Object{Bucket: "bucket", Key: "in/"}, Marker{"in/ &", "é/"}, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := Upload{Key: "in/\x1b[2J \uFFFD", ID: "1", Initiated: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		Initiator: "arn:aws:sts::1:assumed-role/r/sealift-x", StorageClass: "STANDARD_IA"}
	if len(page) != 1 || page[0] != want {
		t.Errorf("got %+v, want %+v", page, want)
	}
	if next != (Marker{"in/z\x01 b+", "2"}) {
		t.Errorf("next is %+v", next)
	}
	if want := "encoding-type=url&key-marker=in%2F%20%26&max-uploads=7&prefix=in%2F&upload-id-marker=%C3%A9%2F&uploads="; asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
}

// A server that ignores the encoding shows some keys as other ones: what is
// done to those would be done to another.
func TestAKeyThatCannotBeKnownIsMarked(t *testing.T) {
	c := serve(t, say(200, "", listing(`<Upload><Key>in/`+"\uFFFD"+`</Key><UploadId>1</UploadId></Upload><Upload><Key>in/a+b%20</Key><UploadId>2</UploadId></Upload>`)))
	page, _, err := c.UploadsPage(t.Context(), Object{Bucket: "bucket", Key: "in/"}, Marker{}, 10)
	if err != nil || len(page) != 2 || !page[0].Garbled || page[1].Garbled || page[1].Key != "in/a+b%20" {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestListingsThatMakeNoSenseAreRefused(t *testing.T) {
	after := Marker{"in/k", "5"}
	for name, body := range map[string]string{
		"no list":             `<?xml version="1.0"?><Other/>`,
		"cut off":             strings.TrimSuffix(listing(""), "Result>"),
		"another prefix":      listing(`<Upload><Key>out/k</Key><UploadId>1</UploadId></Upload>`),
		"no id":               listing(`<Upload><Key>in/k</Key></Upload>`),
		"no key":              listing(`<Upload><UploadId>1</UploadId></Upload>`),
		"false encoding":      listing(`<EncodingType>url</EncodingType><Upload><Key>in/%zz</Key><UploadId>1</UploadId></Upload>`),
		"stands still":        listing(`<IsTruncated>true</IsTruncated><NextKeyMarker>in/k</NextKeyMarker><NextUploadIdMarker>5</NextUploadIdMarker>`),
		"goes back":           listing(`<IsTruncated>true</IsTruncated><NextKeyMarker>in/a</NextKeyMarker>`),
		"no marker":           listing(`<IsTruncated>true</IsTruncated>`),
		"entities":            `<!DOCTYPE x [<!ENTITY a "aaaa">]>` + listing(`<Upload><Key>in/&a;</Key><UploadId>1</UploadId></Upload>`),
		"more than is read":   listing(strings.Repeat(`<Upload><Key>in/k</Key><UploadId>1</UploadId></Upload>`, 200_000)),
		"a number of another": listing(`<IsTruncated>perhaps</IsTruncated>`),
	} {
		t.Run(name, func(t *testing.T) {
			page, _, err := serve(t, say(200, "", body)).UploadsPage(t.Context(), Object{Bucket: "bucket", Key: "in/"}, after, 1000)
			if err == nil || Classify(err) != Network {
				t.Errorf("got %d uploads, %v", len(page), err)
			}
		})
	}
}

func TestPartsAreWeighed(t *testing.T) {
	c := serve(t, say(200, "", `<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>9</NextPartNumberMarker>
		<Part><PartNumber>1</PartNumber><Size>5</Size><LastModified>2026-11-20T10:00:00Z</LastModified></Part>
		<Part><PartNumber>9</PartNumber><Size>7</Size><LastModified>2026-11-19T10:00:00.5Z</LastModified></Part></ListPartsResult>`))
	w, next, err := c.PartsWeight(t.Context(), object, "id", 0, 2)
	if want := (Weight{2, 12, time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}); err != nil || w != want || next != 9 {
		t.Errorf("got %+v, %d, %v", w, next, err)
	}
	if _, _, err := c.PartsWeight(t.Context(), object, "id", 9, 2); Classify(err) != Network {
		t.Errorf("a list that stands still: %v", err)
	}
}

// Whatever a server says is a page or an error, and a page is under the prefix
// and advances.
func FuzzUploadsPage(f *testing.F) {
	f.Add(listing(`<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextKeyMarker>in/b</NextKeyMarker><Upload><Key>in/a</Key><UploadId>1</UploadId></Upload>`))
	f.Add(listing(`<Upload><Key>in/%41</Key><UploadId>1</UploadId><Initiated>x</Initiated></Upload>`))
	f.Fuzz(func(t *testing.T, body string) {
		c := New(Config{Credentials: static, Region: "us-east-1", Endpoint: "http://127.0.0.1", Transport: answering(body), UserAgent: "test"})
		after := Marker{"in/a", "1"}
		page, next, err := c.UploadsPage(t.Context(), Object{Bucket: "bucket", Key: "in/"}, after, 10)
		if err != nil {
			return
		}
		for _, u := range page {
			if u.ID == "" || !u.Garbled && !strings.HasPrefix(u.Key, "in/") {
				t.Errorf("got %+v", u)
			}
		}
		if next != (Marker{}) && (next == after || next.Key < after.Key) {
			t.Errorf("next is %+v", next)
		}
	})
}

// answering answers everything with that body.
type answering string

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(a)))}, nil
}

func TestAPageOfTheLongestKeysIsRead(t *testing.T) {
	var b strings.Builder
	for i := range MaxUploads {
		fmt.Fprintf(&b, "<Upload><Key>%s</Key><UploadId>%0200d</UploadId><Initiator><ID>%0200d</ID></Initiator></Upload>", strings.Repeat("%C3", 1024), i, i)
	}
	page, _, err := serve(t, say(200, "", listing("<EncodingType>url</EncodingType>"+b.String()))).UploadsPage(t.Context(), Object{Bucket: "bucket"}, Marker{}, MaxUploads)
	if err != nil || len(page) != MaxUploads {
		t.Errorf("got %d, %v", len(page), err)
	}
}
