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
	if strings.HasPrefix(rest, "arn:") {
		return parseAccessPoint(rest)
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if !bucketName.MatchString(bucket) {
		return destination{}, &advised{fmt.Errorf("%w: %s: bucket %q is not 3 to 63 lower-case letters, digits, dots and hyphens", errURL, address, bucket),
			"correct the bucket's name: s3://BUCKET[/KEY], in lower case"}
	}
	return destination{bucket, key}, nil
}

// accessPoint is the ARN of one, in either of the forms that AWS writes, with a
// key behind it or without.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
// (recalled, not read again).
var accessPoint = regexp.MustCompile(`^(arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]{12}:accesspoint)[:/]([a-z0-9][a-z0-9-]{1,48}[a-z0-9])(?:/(?s:(.*)))?$`)

// parseAccessPoint reads ARN[/KEY].
func parseAccessPoint(rest string) (destination, error) {
	found := accessPoint.FindStringSubmatch(rest)
	if found == nil {
		return destination{}, &advised{fmt.Errorf("%w: s3://%s: no ARN of an access point", errURL, rest),
			"write s3://arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME/KEY; other ARNs, of multi-region access points too, are not supported"}
	}
	return destination{found[1] + "/" + found[2], found[3]}, nil
}

// regionIn is that of an access point; "" for a bucket, whose name does not tell.
func regionIn(bucket string) string {
	if !strings.HasPrefix(bucket, "arn:") {
		return ""
	}
	return strings.Split(bucket, ":")[3]
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
