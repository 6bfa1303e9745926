package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/sealift/sealift/internal/redact"
	"github.com/sealift/sealift/internal/ui"
)

// Output says how a command tells what it does.
type Output struct {
	JSON       bool
	Quiet      bool
	NoProgress bool
	LogLevel   string
	LogFile    string
}

func (o *Output) bind(f *pflag.FlagSet) {
	f.BoolVar(&o.JSON, "json", false, "print JSON lines, the last one a summary")
	f.BoolVar(&o.Quiet, "quiet", false, "say nothing but warnings and errors; results are still printed")
	f.BoolVar(&o.NoProgress, "no-progress", false, "show no bars and no progress lines")
	o.bindLog(f)
}

func (o *Output) bindLog(f *pflag.FlagSet) {
	oneOf(f, &o.LogLevel, "log-level", "how much to log: to --log-file, else to standard error (default off)", "off", "error", "warn", "info", "debug")
	f.StringVar(&o.LogFile, "log-file", "", "append the log to this `FILE`, at info unless --log-level says otherwise")
}

// logger opens the log. It is discarded unless asked for. The file is this
// user's alone; close it when done.
func (o Output) logger(s *Streams) (*slog.Logger, func() error, error) {
	nothing := func() error { return nil }
	level := slog.LevelInfo
	if o.LogLevel != "off" {
		if err := level.UnmarshalText([]byte(o.LogLevel)); err != nil {
			return nil, nil, err
		}
	}
	options := &slog.HandlerOptions{Level: level}
	switch {
	case o.LogFile != "":
		f, err := os.OpenFile(o.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY|openFlags, 0o600)
		if err != nil {
			return nil, nil, &usageError{fmt.Sprintf("--log-file: %v", err), "name a file that you may write to, in a folder that is there"}
		}
		log := &logFile{File: f}
		return slog.New(slog.NewTextHandler(log, options)), log.Close, nil
	case o.LogLevel != "off":
		return slog.New(slog.NewTextHandler(s.Err, options)), nothing, nil
	default:
		return slog.New(slog.DiscardHandler), nothing, nil
	}
}

// A logFile remembers that a line did not get into it: who logs does not ask.
type logFile struct {
	*os.File
	lost error // the handler writes one line at a time
}

func (l *logFile) Write(p []byte) (int, error) {
	n, err := l.File.Write(p)
	if err != nil && l.lost == nil {
		l.lost = err
	}
	return n, err
}

// Close returns the first error that writing or closing met.
func (l *logFile) Close() error {
	if err := l.File.Close(); l.lost == nil {
		l.lost = err
	}
	return l.lost
}

// progress begins to show transfers on standard error.
func (o Output) progress(s *Streams, of amount) ui.Progress {
	live, colour, ascii := ui.Surroundings(s.Env)
	options := ui.Options{Out: s.Err, Hidden: o.JSON || o.Quiet || o.NoProgress,
		Transfers: of.transfers, Bytes: of.bytes, Tree: of.tree, Done: of.done, Colour: colour, ASCII: ascii}
	mixed := o.LogFile == "" && o.LogLevel != "off" // a log's lines would tear the bars
	if f, ok := terminal(s.Err); ok && live && !mixed {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			options.Terminal = f
		}
	}
	return ui.New(options)
}

// jsonLines prints one object a line. It is safe for concurrent use; a nil one
// prints nothing.
type jsonLines struct {
	mu  sync.Mutex
	out io.Writer
	err error // the first that writing met
}

// head begins every line of --json.
type head struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	Run  string    `json:"run"`
}

// heading is the head of a line written now.
func heading(kind, run string) head { return head{kind, time.Now().UTC(), run} }

func (j *jsonLines) print(line any) {
	if j == nil {
		return
	}
	text, err := json.Marshal(line)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		_, err = j.out.Write(append(plain(text), '\n'))
	}
	if err != nil && j.err == nil {
		j.err = fmt.Errorf("%w: %w", errOutput, err)
	}
}

// failed is the first error that writing met.
func (j *jsonLines) failed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// plain writes what does not print, or deceives the eye, as JSON's \u escapes:
// the same JSON, safe on a terminal. encoding/json has escaped all below U+0020.
func plain(text []byte) []byte {
	if utf8.Valid(text) && !bytes.ContainsFunc(text, hidden) {
		return text
	}
	var out []byte
	for _, r := range string(text) {
		switch {
		case !hidden(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

func hidden(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }

// A summary is the last line of --json.
type summary struct {
	head
	OK       bool     `json:"ok"`
	Exit     int      `json:"exit"`
	Stored   int64    `json:"stored"`
	Skipped  int64    `json:"skipped"`
	Passed   int64    `json:"passed_over"`
	Failed   int64    `json:"failed"`
	Unread   int64    `json:"unreadable"`
	Bytes    int64    `json:"bytes"` // of what was stored
	Receipts []string `json:"receipts"`
	Manifest string   `json:"manifest,omitempty"`

	Plan  *rehearsal `json:"plan,omitempty"` // of --dry-run
	Error string     `json:"error,omitempty"`
	Hint  string     `json:"hint,omitempty"`
}

// conclude makes the summary of a run that ended with err.
func conclude(run string, err error) summary {
	s := summary{head: heading("summary", run), OK: err == nil, Exit: exitCode(err), Receipts: []string{}}
	if err != nil {
		s.Error, s.Hint = err.Error(), hintFor(err)
	}
	return s
}

// result is a line for a pipe: an object and the path of its receipt.
func result(object, path string) string {
	return redact.Escape(object) + "\t" + redact.Escape(path)
}

// printResult writes a result line; an error of standard output is the
// command's.
func (s *Streams) printResult(text string) error {
	if _, err := fmt.Fprintln(s.Out, text); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	return nil
}
