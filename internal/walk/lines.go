package walk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// maxLine is the most bytes that a line of a list may have; a longer path is
// one that no system opens.
const maxLine = 4096

// Errors of lists, wrapped with the line's number.
var (
	ErrLongLine = errors.New("line is too long")
	ErrMixed    = errors.New("a NUL among lines") // lines end in newlines, or all in NUL
	ErrUTF16    = errors.New("list is UTF-16")    // write it as UTF-8
)

// Lines yields the lines of a list, of which the last need not be ended. The
// first NUL or newline in it decides what ends lines: NUL, as find -print0
// writes, or newline, before which one carriage return is dropped. Empty lines
// and a byte order mark at the start are skipped; there are no comments, no
// quotes and no escapes, and spaces belong to the name. An error ends it.
//
// It holds one line, and reads no further than to fill a small buffer, so that
// a list may still be being written.
func Lines(r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		in := &lines{in: bufio.NewReaderSize(r, maxLine+2)} // a line and its ending
		for {
			line, err := in.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield("", err)
				return
			}
			if line != "" && !yield(line, nil) {
				return
			}
		}
	}
}

type lines struct {
	in     *bufio.Reader
	number int
	ending byte
	known  bool // whether ending is
}

// next is the next line, io.EOF after the last.
func (l *lines) next() (string, error) {
	if l.number++; l.number == 1 {
		if err := l.mark(); err != nil {
			return "", err
		}
	}
	line, err := l.read()
	if err == io.EOF && len(line) > 0 {
		err = nil
	}
	if err == io.EOF {
		return "", err
	}
	if err != nil {
		return "", fmt.Errorf("read line %d: %w", l.number, err)
	}
	if l.ending == '\n' {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if bytes.IndexByte(line, 0) >= 0 {
			return "", fmt.Errorf("read line %d: %w", l.number, ErrMixed)
		}
	}
	if len(line) > maxLine {
		return "", fmt.Errorf("read line %d: %w: over %d bytes", l.number, ErrLongLine, maxLine)
	}
	return string(line), nil
}

// mark passes over a byte order mark. It waits for no byte that a list
// without one need not have.
func (l *lines) mark() error {
	head, _ := l.in.Peek(1) // an empty list says so when it is read
	if len(head) == 0 || head[0] < 0x80 {
		return nil
	}
	head, _ = l.in.Peek(2) // and so does a short one
	switch string(head) {
	case "\xff\xfe", "\xfe\xff":
		return ErrUTF16
	case "\xef\xbb":
		if head, _ = l.in.Peek(3); string(head) == "\ufeff" {
			_, _ = l.in.Discard(len(head)) // they are there
		}
	}
	return nil
}

// read returns a line without its ending. What it returns is good until the
// next call.
func (l *lines) read() ([]byte, error) {
	if !l.known {
		return l.first()
	}
	line, err := l.in.ReadSlice(l.ending)
	if err == bufio.ErrBufferFull {
		return nil, fmt.Errorf("%w: over %d bytes", ErrLongLine, maxLine)
	}
	return bytes.TrimSuffix(line, []byte{l.ending}), err
}

// first reads the first line, and learns from it what ends lines.
func (l *lines) first() ([]byte, error) {
	var line []byte
	for {
		b, err := l.in.ReadByte()
		if err != nil {
			return bytes.TrimSuffix(line, []byte("\r")), err
		}
		if b == '\n' || b == 0 {
			l.ending, l.known = b, true
			return line, nil
		}
		if line = append(line, b); len(line) > maxLine+1 {
			return nil, fmt.Errorf("%w: over %d bytes", ErrLongLine, maxLine)
		}
	}
}
