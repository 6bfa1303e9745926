package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealift/sealift/internal/s3wire"
)

func TestErrorsOfHousekeepingHaveTheirCodeAndRemedy(t *testing.T) {
	for _, c := range []struct {
		op     s3wire.Operation
		status int
		code   string
		exit   int
		hint   string
	}{
		{s3wire.ListMultipartUploads, 403, "AccessDenied", codeDenied, "s3:ListBucketMultipartUploads on bucket b"},
		{s3wire.ListMultipartUploads, 403, "", codeDenied, "s3:ListBucketMultipartUploads on bucket b"},
		{s3wire.ListParts, 403, "AccessDenied", codeDenied, "s3:ListMultipartUploadParts"},
		{s3wire.AbortMultipartUpload, 403, "AccessDenied", codeDenied, "s3:AbortMultipartUpload"},
		{s3wire.ListMultipartUploads, 404, "NoSuchBucket", codeFailed, "check the bucket's name"},
		{s3wire.ListMultipartUploads, 403, "SignatureDoesNotMatch", codeDenied, "does not take these keys"},
	} {
		asked := &s3wire.Error{Answer: s3wire.Answer{Operation: c.op, RequestID: "REQ"}, Status: c.status, Code: c.code}
		err := housekeeping("b", fmt.Errorf("list: %w", asked))
		if exitCode(err) != c.exit || !strings.Contains(hintFor(err), c.hint) || !errors.Is(err, error(asked)) {
			t.Errorf("%s %s: exit %d, hint %q", c.op, c.code, exitCode(err), hintFor(err))
		}
	}
	if err := errors.New("x"); housekeeping("b", err) != err {
		t.Error("an error that is not S3's was changed")
	}
}

func TestPricesAreAWSsAtItsOwnEndpointsAlone(t *testing.T) {
	for endpoint, want := range map[string]bool{"": true, "https://s3.eu-west-1.amazonaws.com": true, "http://127.0.0.1:9090": false,
		"https://amazonaws.com.example": false, "https://x/.amazonaws.com": false} {
		if isAWS(endpoint) != want {
			t.Errorf("%s: want %v", endpoint, want)
		}
	}
}
