package trail

import (
	"errors"
	"fmt"
)

// document reads an object that is a container of records or a record itself:
// the first name that is known decides.
func (r *reader) document() {
	contained := false
	n, err := r.whole(func(b []byte) (n int, err error) {
		n, contained, err = container(b)
		return n, err
	})
	switch {
	case errors.Is(err, errShort):
		r.cut()
	case err != nil && r.events == 0:
		r.stop(ErrNotTrail, "what it begins with is no record: %+q", head(r.text()))
	case err == nil && contained:
		r.consume(n)
		r.contained()
	default:
		r.one("\n{")
	}
}

// container looks for the name Records in an object, and where its value
// begins. Where it finds a field of an event first, the object is a record.
func container(b []byte) (n int, contained bool, err error) {
	for i := 1; ; {
		if i = blank(b, i); i >= len(b) {
			return 0, false, errShort
		}
		if b[i] != '"' {
			return 0, false, errNone
		}
		end, err := skim(b, i)
		if err != nil {
			return 0, false, err
		}
		name := b[i+1 : end-1]
		if inEvent.find(name, noField) != noField {
			return 0, false, nil
		}
		if i = blank(b, end); i >= len(b) {
			return 0, false, errShort
		}
		if b[i] != ':' {
			return 0, false, errNone
		}
		i = blank(b, i+1)
		if string(name) == "Records" {
			return i, true, nil
		}
		if i, err = skim(b, i); err != nil {
			return 0, false, err
		}
		if i = blank(b, i); i >= len(b) {
			return 0, false, errShort
		}
		if b[i] == ',' {
			i++
		}
	}
}

// contained reads the value of Records, and what follows it in its object.
func (r *reader) contained() {
	c, err := r.peek()
	switch {
	case err != nil:
		r.cut()
		return
	case c != '[':
		r.stop(ErrNotTrail, "its Records are no array")
		return
	}
	r.log = true
	for r.records(); !r.stopped; {
		c, err := r.peek()
		switch {
		case err != nil:
			r.cut()
			return
		case c == '}':
			r.consume(1)
			return
		}
		r.sibling()
	}
}

// sibling reads what stands beside Records. Another Records is told of, and
// read: nobody knows which of both another reader would take.
func (r *reader) sibling() {
	again := false
	n, err := r.whole(func(b []byte) (n int, err error) {
		n, again, err = behindComma(b)
		return n, err
	})
	switch {
	case errors.Is(err, errShort):
		r.cut()
		return
	case err != nil:
		r.stop(ErrNotTrail, "what follows its Records is %+q", head(r.text()))
		return
	}
	if again {
		r.fault("", fmt.Errorf("%w: %+q", ErrDuplicate, "Records"))
	}
	r.consume(n)
	if c, err := r.peek(); err == nil && c == '[' && again {
		r.records()
		return
	}
	n, err = r.whole(func(b []byte) (int, error) { return skim(b, 0) })
	switch {
	case errors.Is(err, ErrSize):
		r.pass()
	case err != nil:
		r.cut()
	default:
		r.consume(n)
	}
}

// behindComma is where the value behind a comma, a name and a colon begins, and
// whether the name is Records.
func behindComma(b []byte) (n int, records bool, err error) {
	if b[0] != ',' {
		return 0, false, errNone
	}
	from := blank(b, 1)
	n, err = skim(b, from)
	if err != nil {
		return 0, false, err
	}
	name := string(b[from:n])
	if n = blank(b, n); n >= len(b) {
		return 0, false, errShort
	}
	if b[n] != ':' {
		return 0, false, errNone
	}
	return n + 1, name == `"Records"`, nil
}

// records reads an array of records.
func (r *reader) records() {
	r.consume(1)
	r.synced = true
	for !r.stopped {
		begins := r.synced
		r.synced = false
		c, err := r.peek()
		switch {
		case err != nil:
			r.cut()
			return
		case c == ']':
			r.consume(1)
			return
		case !begins && c == ',':
			r.consume(1)
		case !begins:
			r.fault("", fmt.Errorf("%w: %+q where a comma should stand", ErrRecord, c))
			if c != '{' {
				r.resync(1, `{"eventVersion"`)
			}
		}
		if r.stopped {
			return
		}
		if _, err := r.peek(); err != nil {
			r.cut()
			return
		}
		if !r.log && r.record == 0 && !r.promising() {
			return
		}
		r.one(`{"eventVersion"`)
	}
}

// promising tells whether the first value of an array looks like a record, and
// stops if not: any file can hold an array.
func (r *reader) promising() bool {
	_, err := r.whole(func(b []byte) (int, error) {
		if b[0] != '{' {
			return 0, errNone
		}
		n, contained, err := container(b)
		if contained {
			err = errNone
		}
		return n, err
	})
	if errors.Is(err, errNone) {
		r.stop(ErrNotTrail, "its first value is no record: %+q", head(r.text()))
	}
	return !r.stopped
}
