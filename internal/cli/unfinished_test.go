package cli

import (
	"slices"
	"strings"
	"testing"
)

// Of a command line is kept what makes the objects: a word that is a flag's value
// is never taken for a flag.
func TestLastingCommandLine(t *testing.T) {
	for given, want := range map[string]string{
		"upload a s3://b/":                                 "upload a s3://b/",
		"upload --json a --concurrency 3 s3://b/":          "upload a s3://b/",
		"upload --concurrency=3 --quiet=false a s3://b/":   "upload a s3://b/",
		"upload --receipt --json a s3://b/":                "upload --receipt --json a s3://b/",
		"upload --exclude --state-dir --state-dir x a b/":  "upload --exclude --state-dir a b/",
		"upload --metadata a=1 --deadline 2h -- --json b/": "upload --metadata a=1 -- --json b/",
		"upload --deadline -- --json b/":                   "upload b/",
		"upload --dryrun --quiet a s3://b/":                "upload --dryrun a s3://b/",
		"upload --include=--json --receipt=- a s3://b/":    "upload --include=--json --receipt=- a s3://b/",
		"upload --narrow":                                  "upload --narrow",
		"upload --log-file":                                "upload",
		"upload --nobody-knows --json a b":                 "upload --nobody-knows a b",
	} {
		if got := lasting(strings.Fields(given)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: got %v, want %s", given, got, want)
		}
	}
}
