package sealift_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/minio/crc64nvme"
)

// named is what Complete says of the parts.
type named struct {
	Part []struct {
		PartNumber        int
		ETag              string
		ChecksumCRC64NVME string
	}
}

func (m *memory) complete(req *http.Request, key, id string, data []byte) answer {
	if t := m.over[id]; t != nil {
		return completed(t)
	}
	u := m.open[id]
	var list named
	if u == nil {
		return refusal(404, "NoSuchUpload")
	}
	if xml.Unmarshal(data, &list) != nil || len(list.Part) == 0 {
		return refusal(400, "MalformedXML")
	}
	whole := &thing{meta: u.meta}
	sum := crc64nvme.New()
	for i, p := range list.Part {
		t := u.parts[p.PartNumber]
		switch {
		case t == nil || t.etag != p.ETag || p.ChecksumCRC64NVME != base64Of(t.crc):
			return refusal(400, "InvalidPart")
		case p.PartNumber != i+1:
			return refusal(400, "InvalidPartOrder")
		case t.size < 5*mib && i < len(list.Part)-1:
			return refusal(400, "EntityTooSmall")
		}
		whole.size += t.size
		whole.pieces = append(whole.pieces, t.pieces...)
		for _, piece := range t.pieces {
			sum.Write(piece)
		}
	}
	whole.crc = sum.Sum64()
	whole.etag = fmt.Sprintf(`"%x-%d"`, whole.crc, len(list.Part))
	if m.pace > 0 {
		whole.crc = crcOf(req.Header.Get(crcHeader))
	}
	switch {
	case req.Header.Get("X-Amz-Mp-Object-Size") != strconv.FormatInt(whole.size, 10):
		return refusal(400, "InvalidRequest")
	case req.Header.Get(crcHeader) != base64Of(whole.crc):
		return refusal(400, "BadDigest")
	case m.taken(req, key):
		return refusal(412, "PreconditionFailed")
	}
	m.versions[key] = append(m.versions[key], whole)
	m.over[id] = whole
	delete(m.open, id)
	return completed(whole)
}

func completed(t *thing) answer {
	return answer{status: 200, body: struct {
		XMLName           xml.Name `xml:"CompleteMultipartUploadResult"`
		ETag              string
		ChecksumCRC64NVME string
		ChecksumType      string
	}{ETag: t.etag, ChecksumCRC64NVME: base64Of(t.crc), ChecksumType: "FULL_OBJECT"}}
}

func (m *memory) abort(id string) answer {
	_, over := m.over[id]
	if m.open[id] == nil && !over {
		return refusal(404, "NoSuchUpload")
	}
	if !over {
		m.over[id] = nil
		delete(m.open, id)
	}
	return answer{status: 204}
}

// listed is a page of parts: at most two, so that there are pages.
type listed struct {
	XMLName              xml.Name `xml:"ListPartsResult"`
	IsTruncated          bool
	NextPartNumberMarker int
	Part                 []listedPart
}

type listedPart struct {
	PartNumber        int
	Size              int64
	ETag              string
	ChecksumCRC64NVME string
}

func (m *memory) list(id, marker, most string) answer {
	u := m.open[id]
	if u == nil {
		return refusal(404, "NoSuchUpload")
	}
	after, _ := strconv.Atoi(marker)
	limit, _ := strconv.Atoi(most)
	var page listed
	for n := range u.parts {
		if n > after {
			t := u.parts[n]
			page.Part = append(page.Part, listedPart{n, t.size, t.etag, base64Of(t.crc)})
		}
	}
	slices.SortFunc(page.Part, func(a, b listedPart) int { return a.PartNumber - b.PartNumber })
	if limit = min(limit, 2); len(page.Part) > limit {
		page.Part, page.IsTruncated = page.Part[:limit], true
		page.NextPartNumberMarker = page.Part[limit-1].PartNumber
	}
	return answer{status: 200, body: page}
}

func (m *memory) head(key string) answer {
	v := m.versions[key]
	if len(v) == 0 {
		return answer{status: 404}
	}
	return answer{status: 200, header: v[len(v)-1].header()}
}

// equals reports whether an object is those bytes.
func (t *thing) equals(data []byte) bool {
	if t.size != int64(len(data)) {
		return false
	}
	for _, piece := range t.pieces {
		if !bytes.Equal(piece, data[:len(piece)]) {
			return false
		}
		data = data[len(piece):]
	}
	return len(data) == 0
}
