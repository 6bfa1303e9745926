package command

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// plainly puts a filter before what the S3 engine writes to os.Stderr on its
// own: what it says goes to stderr as the program's, without colours, and that
// a client hung up goes unsaid. Call what it gives when the engine has ended.
func plainly(stderr io.Writer) (restore func()) {
	r, w, err := os.Pipe()
	if err != nil {
		return func() {} // then with colours
	}
	before := os.Stderr
	os.Stderr = w
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewReader(r)
		for {
			line, err := lines.ReadString('\n')
			if text := engineSays(line); text != "" {
				fmt.Fprintln(stderr, text)
			}
			if err != nil {
				return
			}
		}
	}()
	return func() {
		os.Stderr = before
		w.Close()
		<-done
		r.Close()
	}
}

var (
	colours = regexp.MustCompile("\x1b\\[[0-9;]*m")
	hungUp  = regexp.MustCompile(`unexpected EOF|connection reset|broken pipe|i/o timeout|use of closed network connection`)
)

// engineSays is a line of the engine's as the program says it, "" = not at all.
func engineSays(line string) string {
	text := strings.TrimRight(colours.ReplaceAllString(line, ""), "\r\n")
	problem, found := strings.CutPrefix(text, "[INTERNAL ERROR]: ")
	switch {
	case !found:
		return text
	case hungUp.MatchString(problem):
		return ""
	}
	return "sealift-sandbox: engine: " + problem
}
