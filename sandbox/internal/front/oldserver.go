package front

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/sealift/sealift/sandbox/internal/awserr"
)

// Checksums says what the sandbox does about checksums: "" or "keep" is what
// S3 does; "ignore" is an older server that names none in its answers (the
// engine still looks at those it is sent: they are signed, and it checks the
// signature again), "refuse" one that takes no header of theirs. Content-MD5
// they all know.
type Checksums string

// CheckChecksums reports whether there is such a way.
func CheckChecksums(c Checksums) bool {
	return slices.Contains([]Checksums{"", "keep", "ignore", "refuse"}, c)
}

func (f *Front) old() bool { return f.Checksums == "ignore" || f.Checksums == "refuse" }

// refuseChecksums refuses a request that carries one, where the sandbox is to.
func (f *Front) refuseChecksums(k *call) *awserr.Error {
	if f.Checksums != "refuse" {
		return nil
	}
	for name := range k.c.Request().Header.All() {
		if isChecksum(string(name)) {
			return awserr.New(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented").With("Header", string(name))
		}
	}
	return nil
}

func isChecksum(header string) bool {
	header = strings.ToLower(header)
	return strings.HasPrefix(header, "x-amz-checksum-") && header != "x-amz-checksum-mode" || header == "x-amz-sdk-checksum-algorithm"
}

var checksumElement = regexp.MustCompile(`<Checksum[A-Z0-9a-z]+>[^<]*</Checksum[A-Z0-9a-z]+>`)

// hideChecksums takes off an answer what the engine knows of checksums.
func (f *Front) hideChecksums(k *call) {
	if !f.old() {
		return
	}
	h := &k.c.Response().Header
	var names []string
	for name := range h.All() {
		if isChecksum(string(name)) {
			names = append(names, string(name))
		}
	}
	for _, name := range names {
		h.Del(name)
	}
	switch k.op.Name {
	case "CompleteMultipartUpload", "ListParts", "CreateMultipartUpload", "GetObjectAttributes":
		k.c.Response().SetBody(checksumElement.ReplaceAll(bytes.Clone(k.c.Response().Body()), nil))
	}
}
