package trail

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

const (
	bufferSize = 64 << 10 // bytes of the file that are read at once
	windowSize = 64 << 10 // bytes of inflated text that are held, to begin with
)

// A window is the part of a file's inflated text that is in memory. It is
// used for one file after the other, and keeps its buffers.
type window struct {
	file    *bufio.Reader
	zip     *gzip.Reader // nil until a file is compressed
	src     io.Reader    // what text is read from: file or zip
	buf     []byte
	r, w    int   // what is not yet consumed is buf[r:w]
	base    int64 // where buf[0] stands in the text
	members int
	second  int64 // where the text of the second member begins
	err     error // why there is no more text: io.EOF at the end
}

// open begins with a file, and finds out whether it is compressed.
func (w *window) open(from io.Reader) {
	if w.file == nil {
		w.file = bufio.NewReaderSize(from, bufferSize)
		w.buf = make([]byte, windowSize)
	} else {
		w.file.Reset(from)
	}
	w.second = 0
	w.src, w.r, w.w, w.base, w.members, w.err = w.file, 0, 0, 0, 0, nil
	if w.zipped() {
		w.src = nil
		w.err = w.member()
	}
}

// zipped tells whether a gzip member begins here.
func (w *window) zipped() bool {
	magic, _ := w.file.Peek(2)
	return string(magic) == "\x1f\x8b"
}

// member goes on with the gzip member that begins here.
func (w *window) member() (err error) {
	if w.zip == nil {
		w.zip, err = gzip.NewReader(w.file)
	} else {
		err = w.zip.Reset(w.file)
	}
	if err != nil {
		return inflating(err)
	}
	w.zip.Multistream(false)
	w.src = w.zip
	w.members++
	return nil
}

// text is what is in memory and not yet consumed.
func (w *window) text() []byte { return w.buf[w.r:w.w] }

// offset is where text begins in the whole.
func (w *window) offset() int64 { return w.base + int64(w.r) }

func (w *window) consume(n int) { w.r += n }

// more makes text longer, and tells whether it did. It does not where it has
// most bytes already, or where there are no more.
func (w *window) more(most int) bool {
	if w.err != nil || w.w-w.r >= most {
		return false
	}
	w.makeRoom()
	for empty := 0; w.err == nil; empty++ {
		n, err := w.src.Read(w.buf[w.w:])
		w.w += n
		if err != nil {
			w.err = w.over(err)
		} else if n == 0 && empty == 100 {
			w.err = io.ErrNoProgress
		}
		if n > 0 {
			return true
		}
	}
	return false
}

// makeRoom moves what is left to the front of the buffer, and doubles the
// buffer where that is more than half.
func (w *window) makeRoom() {
	if w.w < len(w.buf) && w.r < len(w.buf)/2 {
		return
	}
	held := w.text()
	to := w.buf
	if len(held) > len(to)/2 {
		to = make([]byte, 2*len(to))
	}
	w.base += int64(w.r)
	w.w = copy(to, held)
	w.r, w.buf = 0, to
}

// over says what the end of a source means: of a gzip member, perhaps that
// another follows.
func (w *window) over(err error) error {
	if w.members == 0 {
		return err
	}
	if err != io.EOF {
		return inflating(err)
	}
	if _, err := w.file.Peek(1); err != nil {
		return err // io.EOF, most often
	}
	if !w.zipped() {
		return fmt.Errorf("%w: what follows the first %d is no gzip", ErrMembers, w.members)
	}
	if w.members == 1 {
		w.second = w.base + int64(w.w)
	}
	return w.member()
}

// inflating says what is wrong with a gzip member.
func inflating(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the gzip member is not whole", ErrTruncated)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
