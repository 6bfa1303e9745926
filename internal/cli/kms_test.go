package cli

import "testing"

// A session policy is given the ARN of a key, however it was named; an alias
// cannot be one.
func TestKeysAreNamedByARN(t *testing.T) {
	const role = "arn:aws-cn:iam::123456789012:role/r"
	for key, want := range map[string]string{
		"": "",
		"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab",
		"1234abcd-12ab": "arn:aws-cn:kms:eu-west-1:123456789012:key/1234abcd-12ab",
		"mrk-1234abcd":  "arn:aws-cn:kms:eu-west-1:123456789012:key/mrk-1234abcd",
	} {
		if got, err := keyARN(key, role, "eu-west-1"); err != nil || got != want {
			t.Errorf("%q: got %q, %v", key, got, err)
		}
	}
	for _, key := range []string{"alias/foo", "arn:aws:kms:eu-west-1:123456789012:alias/foo", "arn:aws:kms:*:*:key/*", "*", "a b", "key/1"} {
		if got, err := keyARN(key, role, "eu-west-1"); exitCode(err) != codeUsage || hintFor(err) == "" {
			t.Errorf("%q: got %q, %v", key, got, err)
		}
	}
}
