package cli

import (
	"fmt"
	"regexp"
	"strings"
)

// How a KMS key is named. A session policy takes its ARN only.
//
// Source: https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html
// and cmks-in-iam-policies.html, which says that an alias in a policy's
// Resource is not the key it stands for (recalled, not read again).
var (
	kmsARN = regexp.MustCompile(`^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$`)
	kmsID  = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
)

// keyARN is the ARN of a key that was named by its ARN, or by its id: the key
// is then one of the role's account, in the bucket's region, which is where S3
// looks for it too.
func keyARN(key, roleARN, region string) (string, error) {
	switch {
	case key == "" || kmsARN.MatchString(key):
		return key, nil
	case strings.HasPrefix(key, "alias/") || strings.Contains(key, ":alias/"):
		return "", &usageError{fmt.Sprintf("--sse-kms-key-id %s is an alias, and a session policy can allow only the key itself", key),
			"give the key's ARN: aws kms describe-key --key-id " + key + "; or give --narrow off"}
	}
	role := strings.Split(roleARN, ":")
	if !kmsID.MatchString(key) || len(role) < 6 || region == "" {
		return "", &usageError{fmt.Sprintf("--sse-kms-key-id %s is no ARN of a KMS key", key), "give arn:aws:kms:REGION:ACCOUNT:key/ID, or the ID alone"}
	}
	return fmt.Sprintf("arn:%s:kms:%s:%s:key/%s", role[1], region, role[4], key), nil
}
