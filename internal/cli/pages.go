package cli

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/sealift/sealift/receipt"
)

// pages hands out the whole lines of a file, as many at a time as fit into a
// page, to several goroutines at once.
type pages struct {
	mu   sync.Mutex
	in   io.Reader
	rest []byte // what is behind the last whole line of the page before
	err  error  // io.EOF, or what ended it
}

// pageSize is what is read at a time, in bytes, where no line is longer.
const pageSize = 128 << 10

// errLongLine says that a line is longer than any receipt.
var errLongLine = errors.New("a line is too long")

// next reads whole lines into page, which grows if one is longer, and returns
// them. io.EOF says that there are no more; what is not ended by then is torn,
// and no line. The next call with that page overwrites them.
func (p *pages) next(page *[]byte) (lines []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for p.err == nil {
		if n == len(*page) {
			p.grow(page)
		}
		n += copy((*page)[n:], p.rest)
		p.rest = p.rest[:0]
		for n < len(*page) && p.err == nil {
			var more int
			more, p.err = p.in.Read((*page)[n:])
			n += more
		}
		if whole := bytes.LastIndexByte((*page)[:n], '\n') + 1; whole > 0 {
			p.rest = append(p.rest, (*page)[whole:n]...)
			return (*page)[:whole], nil
		}
	}
	return nil, p.err
}

// grow makes a page twice as large, as far as a receipt can need that.
func (p *pages) grow(page *[]byte) {
	switch size := len(*page); {
	case size == 0:
		*page = make([]byte, pageSize)
	case size > receipt.MaxSize:
		p.err = errLongLine
	default:
		*page = append(*page, make([]byte, size)...)
	}
}
