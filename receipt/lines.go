package receipt

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Lines reads receipts that stand one a line, as those of a tree do, in their
// order. A line that is no receipt is yielded as Read's error with its number,
// and the next one is read; a last line that was not written whole, since a
// crash tore it, is passed over. Empty lines are, too. An error of reading, and
// a line over MaxSize, end it.
func Lines(from io.Reader) iter.Seq2[*Receipt, error] {
	return func(yield func(*Receipt, error) bool) {
		in := bufio.NewReaderSize(from, MaxSize+1)
		for number := 1; ; number++ {
			line, err := in.ReadSlice('\n')
			if err != nil && err != io.EOF {
				if errors.Is(err, bufio.ErrBufferFull) {
					err = fmt.Errorf("%w: over %d bytes", ErrInvalid, MaxSize)
				}
				yield(nil, fmt.Errorf("read receipt on line %d: %w", number, err))
				return
			}
			if !readLine(line, number, err == io.EOF, yield) || err == io.EOF {
				return
			}
		}
	}
}

// readLine yields what a line holds, and reports whether to go on. One that no
// line feed ends may be torn.
func readLine(line []byte, number int, last bool, yield func(*Receipt, error) bool) bool {
	if len(bytes.TrimSpace(line)) == 0 {
		return true
	}
	r, err := decode(line)
	switch {
	case err == nil:
		return yield(r, nil)
	case last && !errors.Is(err, ErrVersion):
		return true
	}
	return yield(nil, fmt.Errorf("read receipt on line %d: %w", number, err))
}
