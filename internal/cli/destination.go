package cli

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// A destination is what s3://BUCKET[/KEY] names: one key, or a prefix under
// which sources keep their names when it is empty or ends in a slash.
type destination struct{ bucket, key string }

// bucketName is what S3 takes as a bucket's name.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
// (read 2026-11-24).
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// parseDestination reads an S3 address, or returns errURL.
func parseDestination(address string) (destination, error) {
	rest, ok := strings.CutPrefix(address, "s3://")
	if scheme, _, cut := strings.Cut(address, "://"); !ok && cut && strings.EqualFold(scheme, "s3") {
		return destination{}, &advised{fmt.Errorf("%w: %s", errURL, address), "write the scheme in lower case: s3" + address[2:]}
	}
	if !ok {
		return destination{}, fmt.Errorf("%w: %s", errURL, address)
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if !bucketName.MatchString(bucket) {
		return destination{}, &advised{fmt.Errorf("%w: %s: bucket %q is not 3 to 63 lower-case letters, digits, dots and hyphens", errURL, address, bucket),
			"correct the bucket's name: s3://BUCKET[/KEY], in lower case"}
	}
	return destination{bucket, key}, nil
}

// folder tells whether sources keep their names under the destination.
func (d destination) folder() bool { return d.key == "" || strings.HasSuffix(d.key, "/") }

// keyFor is the key of a source.
func (d destination) keyFor(path string) string {
	if !d.folder() {
		return d.key
	}
	return d.key + filepath.Base(path)
}

// prefix is the narrowest prefix that the destination names.
func (d destination) prefix() string { return d.key[:strings.LastIndex(d.key, "/")+1] }

// address writes an object as S3 addresses are written.
func address(bucket, key string) string { return "s3://" + bucket + "/" + key }
