package iameval

import (
	"encoding/json"
	"strings"
)

// narrowing are condition keys that keep a statement for everybody from being
// public, when compared with fixed values.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
// (recalled, not read again for this code; values are not looked at here).
const narrowing = "aws:principalarn aws:principalaccount aws:principalorgid aws:sourcearn aws:sourceaccount aws:sourcevpc aws:sourcevpce aws:sourceip aws:userid s3:dataaccesspointarn s3:dataaccesspointaccount "

// Public says whether a statement of a resource policy lets everybody in.
func (d Document) Public() bool {
	for _, s := range d.statements {
		if s.public() {
			return true
		}
	}
	return false
}

func (s statement) public() bool {
	var doc struct {
		Statement []struct {
			Effect    string
			Condition map[string]map[string]json.RawMessage
		}
	}
	if json.Unmarshal([]byte(s.alone), &doc) != nil || doc.Statement[0].Effect != "Allow" {
		return false
	}
	if s.reaches(Principal{ARN: "nobody", Account: "none"}) != anyone {
		return false
	}
	for _, keys := range doc.Statement[0].Condition {
		for key := range keys {
			if strings.Contains(narrowing, strings.ToLower(key)+" ") {
				return false
			}
		}
	}
	return true
}
