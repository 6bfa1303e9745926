package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/sealift/sealift/internal/redact"
)

// Streams are what a command reads, writes and is told by its surroundings.
type Streams struct {
	In  io.Reader
	Out io.Writer // results, one a line
	Err io.Writer // talk
	Env func(name string) (string, bool)

	args    []string // the command line, for who goes on with it later
	going   string   // ULID of the run that resume goes on with; "" = none is named
	leaving *leaving // what to undo where the process leaves at once; nil = nothing
}

// Say tells the user something, on one line.
func (s *Streams) Say(format string, args ...any) {
	fmt.Fprintf(s.Err, "sealift: %s\n", redact.Escape(fmt.Sprintf(format, args...)))
}

// complain says what went wrong and, where there is one, the remedy.
func (s *Streams) complain(err error) {
	s.Say("%v", err)
	s.hint(err)
}

// hint says the remedy for an error, where there is one.
func (s *Streams) hint(err error) {
	for line := range strings.Lines(hintFor(err)) {
		s.Say("hint: %s", strings.TrimRight(line, "\n"))
	}
}

// env is a variable's value, "" when it is not set.
func (s *Streams) env(name string) string {
	value, _ := s.Env(name)
	return value
}

// terminal returns the file behind w if it is a terminal.
func terminal(w any) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// oneScreen tells whether results and talk are both on a terminal.
func (s *Streams) oneScreen() bool {
	_, out := terminal(s.Out)
	_, err := terminal(s.Err)
	return out && err
}

// Ask prompts for one line on the terminal. Without one it is errNoTerminal.
func (s *Streams) Ask(ctx context.Context, prompt string) (string, error) {
	_, in := terminal(s.In)
	if _, out := terminal(s.Err); !in || !out {
		return "", errNoTerminal
	}
	fmt.Fprintf(s.Err, "sealift: %s: ", redact.Escape(prompt))
	type answer struct {
		line string
		err  error
	}
	// A read of a terminal cannot be cancelled: when ctx ends first, the
	// goroutine stays until the process does, which is then on its way out.
	answers := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(s.In).ReadString('\n')
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.Err) // ends the prompt's line
		return "", context.Cause(ctx)
	case a := <-answers:
		if a.err != nil {
			fmt.Fprintln(s.Err)
		}
		line := strings.TrimSpace(a.line)
		if line == "" && a.err == nil {
			a.err = errors.New("nothing was typed")
		}
		return line, a.err
	}
}
