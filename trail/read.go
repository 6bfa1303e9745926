package trail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
)

// MaxRecord is the most bytes that a record may have where Options do not say.
// CloudTrail's own limit is 256 KB, and 1 MB since events can be enriched.
const MaxRecord = 8 << 20

// Options say what is read of a trail, and how. The zero value reads all.
type Options struct {
	Filter    Filter
	MaxRecord int // bytes; 0 means MaxRecord
	Files     int // files that ReadAll reads at once; 0 means as many as there are processors
}

func (o Options) filled() Options {
	if o.MaxRecord <= 0 {
		o.MaxRecord = MaxRecord
	}
	if o.Files <= 0 {
		o.Files = runtime.GOMAXPROCS(0)
	}
	return o
}

// Read reads the events of one file, plain or compressed by gzip: CloudTrail's
// own {"Records":[…]}, an array of records, or records one after the other, as
// JSON lines are. The name stands in positions alone. Every error that is
// yielded is an *Error, and comes with an Event that has its position and,
// where it is about one record, Raw.
func Read(name string, from io.Reader, o Options) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		r := reader{options: o.filled()}
		r.read(name, from, yield)
	}
}

// A reader reads one file after the other.
type reader struct {
	window
	scanner scanner
	options Options
	filter  needles

	name    string
	record  int // the number of the last record that was found
	events  int // how many of them were events
	members int // that were spoken of
	yield   func(Event, error) bool
	stopped bool // nobody wants more, or there can be no more
	log     bool // the records are within CloudTrail's own object
	synced  bool // the text begins with a record, for it was looked for
}

// errNone is the end of a text without a further value.
var errNone = errors.New("no value")

func (r *reader) read(name string, from io.Reader, yield func(Event, error) bool) {
	r.name, r.record, r.events, r.members, r.yield, r.stopped, r.log, r.synced = name, 0, 0, 1, yield, false, false, false
	r.filter = r.options.Filter.needles()
	r.open(from)
	values := 0
	for ; !r.stopped; values++ {
		c, err := r.peek()
		switch {
		case err != nil:
			r.ended(values)
			return
		case c == '{':
			r.document()
		case c == '[':
			r.records()
		default:
			r.stop(ErrNotTrail, "records should begin at %+q", head(r.text()))
		}
	}
}

// ended says how the file ended, if not well.
func (r *reader) ended(values int) {
	r.speak()
	switch {
	case r.err != io.EOF:
		r.fault("", r.err)
	case values == 0:
		r.fault("", fmt.Errorf("%w: it is empty", ErrNotTrail))
	}
	r.stopped = true
}

// one reads one record, and yields it or what is wrong with it. After a bad
// one, the next is looked for by how records begin.
func (r *reader) one(begins string) {
	r.record++
	r.synced = false
	if r.filter.some() {
		n, err := r.whole(func(b []byte) (int, error) { return skim(b, 0) })
		if err == nil && n > 0 && !r.filter.may(r.text()[:n]) {
			r.consume(n)
			r.events++
			return
		}
	}
	n, err := r.whole(r.scanner.record)
	if err == nil {
		r.event(n)
		return
	}
	r.bad(err, begins)
}

// event yields the record that was scanned, if the filter keeps it.
func (r *reader) event(n int) {
	e, err := r.scanner.event(n)
	e.Position = r.here()
	switch {
	case err != nil:
		r.fault(e.Raw, err)
	default:
		r.events++
		if r.options.Filter.Keep(e) {
			r.give(e, nil)
		}
	}
	r.consume(n)
}

// bad tells what is wrong with a record, and passes over it.
func (r *reader) bad(err error, begins string) {
	switch {
	case errors.Is(err, errShort):
		r.cut()
		return
	case errors.Is(err, ErrSize):
		r.fault("", err)
		r.pass()
		return
	}
	n, ends := r.whole(func(b []byte) (int, error) { return skim(b, 0) })
	if ends == nil && n > 0 && !bytes.Contains(r.text()[1:n], []byte(begins)) {
		r.fault(JSON(r.text()[:n]), err)
		r.consume(n)
		return
	}
	r.fault(JSON(head(r.text())), err)
	r.resync(1, begins)
}

// resync looks for where the next record begins, at least n bytes on. A quote
// within a string stands behind a backslash, so that no string holds what
// records begin with.
func (r *reader) resync(n int, begins string) {
	for r.consume(n); !r.stopped; {
		if at := bytes.Index(r.text(), []byte(begins)); at >= 0 {
			r.consume(at)
			r.synced = true
			return
		}
		r.consume(max(0, len(r.text())-len(begins)+1))
		if !r.more(r.options.MaxRecord) {
			r.lost()
		}
	}
}

// pass passes over a value that is larger than what may be held.
func (r *reader) pass() {
	depth, quoted, escaped := 0, false, false
	for !r.stopped {
		for i, c := range r.text() {
			switch {
			case escaped:
				escaped = false
			case quoted:
				escaped, quoted = c == '\\', c != '"'
			case c == '"':
				quoted = true
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				depth--
			}
			if depth == 0 && !quoted {
				r.consume(i + 1)
				return
			}
		}
		r.consume(len(r.text()))
		if !r.more(r.options.MaxRecord) {
			r.lost()
		}
	}
}

// lost says that nothing was found to go on with.
func (r *reader) lost() {
	if r.err != io.EOF {
		r.cut()
		return
	}
	r.stop(ErrTruncated, "no record was found behind a bad one")
}

// whole lets step look at the text, with more of it as long as step is short
// of it.
func (r *reader) whole(step func(b []byte) (int, error)) (n int, err error) {
	for {
		n, err = step(r.text())
		switch {
		case err == nil && n <= r.options.MaxRecord:
			return n, nil
		case err != nil && !errors.Is(err, errShort):
			return n, err
		case len(r.text()) >= r.options.MaxRecord:
			return 0, fmt.Errorf("%w: over %d bytes", ErrSize, r.options.MaxRecord)
		case !r.longer():
			return 0, errShort
		}
	}
}

// longer gets more text: of a long one a quarter more, for a step begins anew
// with each.
func (r *reader) longer() bool {
	want := 1
	if n := len(r.text()); n > 4*windowSize {
		want = n / 4
	}
	for before := len(r.text()); len(r.text()) < before+want; {
		if !r.more(r.options.MaxRecord) {
			return len(r.text()) > before
		}
	}
	r.speak()
	return true
}

// peek is the next byte that is no white space, where the text then begins.
func (r *reader) peek() (byte, error) {
	for {
		r.consume(blank(r.text(), 0))
		if b := r.text(); len(b) > 0 {
			return b[0], nil
		}
		if !r.more(r.options.MaxRecord) {
			return 0, errShort
		}
		r.speak()
	}
}

// speak tells of a second gzip member, once.
func (r *reader) speak() {
	if r.window.members > 1 && r.members == 1 {
		r.members = r.window.members
		at := Position{File: r.name, Record: r.record, Offset: r.second}
		r.give(Event{Position: at}, &Error{Position: at, Err: fmt.Errorf("%w: the second begins here", ErrMembers)})
	}
}

// cut says that the file ends before its records do, and why.
func (r *reader) cut() {
	r.speak()
	err := r.err
	switch {
	case err == io.EOF && r.record == 0:
		err = fmt.Errorf("%w before the first record", ErrTruncated)
	case err == io.EOF:
		err = fmt.Errorf("%w within or behind this record", ErrTruncated)
	}
	r.fault(JSON(r.text()), err)
	r.stopped = true
}

func (r *reader) stop(base error, format string, args ...any) {
	r.fault("", fmt.Errorf("%w: %s", base, fmt.Sprintf(format, args...)))
	r.stopped = true
}

func (r *reader) here() Position {
	return Position{File: r.name, Record: r.record, Offset: r.offset()}
}

func (r *reader) fault(raw JSON, err error) {
	at := r.here()
	r.give(Event{Position: at, Raw: raw}, &Error{Position: at, Raw: raw, Err: err})
}

func (r *reader) give(e Event, err error) {
	if !r.stopped && !r.yield(e, err) {
		r.stopped = true
	}
}

// head is enough of a text to show.
func head(b []byte) string {
	return strings.ToValidUTF8(string(b[:min(len(b), 40)]), "\ufffd")
}
