package bucket

import (
	"cmp"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxPolicy is how long a bucket policy may be.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html
// (recalled, not read again for this code).
const maxPolicy = 20 << 10 // bytes

// S3's words for policies that are well-formed IAM and no policies of the
// bucket. Recalled; which of several faults S3 names first is not known.
const (
	badResource  = "Policy has invalid resource"
	badAction    = "Policy has invalid action"
	badMismatch  = "Action does not apply to any resource(s) in statement"
	badPrincipal = "Invalid principal in policy"
)

// operations are S3 operations that many take for actions.
var operations = strings.Fields(`s3:CreateMultipartUpload s3:UploadPart s3:UploadPartCopy s3:CompleteMultipartUpload s3:ListParts
	s3:ListMultipartUploads s3:HeadObject s3:HeadBucket s3:CopyObject s3:ListObjects s3:ListObjectsV2 s3:DeleteObjects`)

var (
	// onObjects are actions whose resource is an object's ARN.
	onObjects = regexp.MustCompile(`^s3:(AbortMultipartUpload|ListMultipartUploadParts|[A-Z][a-z]+Object.*)$`)
	// principals are the forms of a principal.
	principals = regexp.MustCompile(`^(\*|\d{12}|A(ID|RO)A[A-Z0-9]{8,}|arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)/.+))$`)
)

type oneOrMore []string

func (s *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*s = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(s))
}

// checkPolicy says why a policy is not one for this bucket, "" if it is. The
// text has been read as an IAM policy before.
func checkPolicy(bucket, text string) string {
	var policy struct {
		Statement json.RawMessage
	}
	type statement struct {
		Action, Resource oneOrMore
		Principal        json.RawMessage
	}
	var statements []statement
	err := json.Unmarshal([]byte(text), &policy)
	if err == nil && json.Unmarshal(policy.Statement, &statements) != nil {
		var one statement // instead of a list
		err = json.Unmarshal(policy.Statement, &one)
		statements = []statement{one}
	}
	if err != nil {
		return err.Error()
	}
	for _, s := range statements {
		if why := cmp.Or(checkResources(bucket, s.Resource), checkActions(s.Action, s.Resource), checkPrincipals(s.Principal)); why != "" {
			return why
		}
	}
	return ""
}

func checkResources(bucket string, resources []string) string {
	for _, r := range resources {
		name, ok := strings.CutPrefix(r, "arn:aws:s3:::")
		name, _, _ = strings.Cut(name, "/")
		if matches, err := path.Match(name, bucket); !ok || err != nil || !matches {
			return badResource
		}
	}
	return ""
}

// checkActions wants each action to be S3's and to have a resource of its
// kind. Patterns of actions are let through.
func checkActions(actions, resources []string) string {
	for _, a := range actions {
		switch {
		case a != "*" && !strings.HasPrefix(strings.ToLower(a), "s3:") || slices.Contains(operations, a):
			return badAction
		case strings.ContainsAny(a, "*?") || len(resources) == 0:
			continue
		}
		object := onObjects.MatchString(a)
		if !slices.ContainsFunc(resources, func(r string) bool {
			return strings.Contains(r, "*") || strings.Contains(r, "/") == object
		}) {
			return badMismatch
		}
	}
	return ""
}

func checkPrincipals(raw json.RawMessage) string {
	var by struct{ AWS oneOrMore }
	if json.Unmarshal(raw, &by) != nil {
		return "" // "*", or nobody
	}
	for _, p := range by.AWS {
		if !principals.MatchString(p) {
			return badPrincipal
		}
	}
	return ""
}
