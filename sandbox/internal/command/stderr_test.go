package command

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// What the engine says of itself is passed on as the program's own words; what
// clients do is not.
func TestEngineIsQuotedWithoutColours(t *testing.T) {
	var stderr bytes.Buffer
	before := os.Stderr
	restore := plainly(&stderr)
	fmt.Fprint(os.Stderr, "\x1b[31m[INTERNAL ERROR]: link object: no space left\x1b[0m\n")
	fmt.Fprint(os.Stderr, "\x1b[31m[INTERNAL ERROR]: unexpected EOF\x1b[0m\n")
	fmt.Fprint(os.Stderr, "something else, without an end")
	restore()
	want := "sealift-sandbox: engine: link object: no space left\nsomething else, without an end\n"
	if got := stderr.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if os.Stderr != before {
		t.Error("standard error was not given back")
	}
}
