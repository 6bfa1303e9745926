package journal

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/sealift/sealift/internal/durable"
)

// Records yields the records of a journal, in order, and ends where trust does:
// at the end, at a line that was torn, or at one that is damaged. An error is
// the last thing it yields: the reader's, or of a line that is whole and is no
// record (ErrInvalid), or of a newer version (ErrVersion).
func Records(r io.Reader) iter.Seq2[Record, error] { return newLines(r).records() }

func (l *lines) records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for number := 1; ; number++ {
			payload, err := l.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			r, err := decode(payload)
			if err != nil {
				if !errors.Is(err, ErrVersion) {
					err = fmt.Errorf("%w: record %d: %w", ErrInvalid, number, err)
				}
				yield(nil, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Read is the state of a transfer's journal, without taking it: another process
// may be writing it. Errors are those of Open but HeldError.
func Read(disk durable.Disk, folder, transfer string) (State, error) {
	if !isULID(transfer) {
		return State{}, fmt.Errorf("read journal %q: %w: that is no ULID", transfer, ErrInvalid)
	}
	r, err := readAll(disk, pathOf(folder, transfer), transfer)
	if err != nil {
		return r.state, fmt.Errorf("read journal of transfer %s: %w", transfer, err)
	}
	return r.state, nil
}

// A reading is a journal as it was read.
type reading struct {
	state State
	lines *lines
}

func readAll(disk durable.Disk, path, transfer string) (reading, error) {
	f, err := disk.Open(path)
	if err != nil {
		return reading{}, err
	}
	r := reading{lines: newLines(f)}
	err = r.reduce(transfer)
	return r, errors.Join(err, f.Close())
}

func (r *reading) reduce(transfer string) error {
	for record, err := range r.lines.records() {
		if err == nil {
			err = r.state.Add(record)
		}
		if err != nil {
			return err
		}
	}
	switch named := r.state.Begin.Transfer; {
	case r.state.Phase == PhaseNone:
		return fmt.Errorf("%w: its first record is missing or damaged", ErrInvalid)
	case named != transfer:
		return fmt.Errorf("%w: it is that of transfer %s, under another's name", ErrInvalid, named)
	}
	var err error
	r.state.Tail, err = r.lines.tail()
	return err
}
