package session

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

// Whatever a server answers, what a refusal tells stands in the answer.
func FuzzClassify(f *testing.F) {
	f.Add("AccessDenied", "not authorized to perform: sts:TagSession: condition sts:ExternalId")
	f.Add("ValidationError", "DurationSeconds")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, code, message string) {
		err := classify(&smithy.GenericAPIError{Code: code, Message: message})
		r, ok := errors.AsType[*Refusal](err)
		if !ok || r.Code != code || r.Message != message {
			t.Fatalf("got %v", err)
		}
		if !strings.Contains(message, r.Action) || !strings.Contains(message, r.Condition) || !strings.Contains(err.Error(), message) {
			t.Errorf("got %+v of %q", r, message)
		}
		if (r.Action != "" || r.Condition != "") && r.Reason != ErrDenied {
			t.Errorf("%v names a cause of a denial", r)
		}
	})
}
