package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/receipt"
)

// A roll is the file that keeps the receipts of a tree, one a line, in the
// order in which they came. Lines are only ever added; a crash can tear the
// last one, and the next reader passes over it. Its methods are called from one
// goroutine.
type roll struct {
	path   string // made with the first receipt
	more   bool   // there may be receipts of this run in it
	file   *os.File
	size   int64 // bytes of whole lines
	synced time.Time
	err    error // why no more is written
}

// syncEvery is how long a receipt may be in memory only, as far as the system
// goes: less than a power loss is away.
const syncEvery = time.Second

// keep adds a receipt. Every error is errReceipt.
func (l *roll) keep(r *receipt.Receipt) error {
	text, err := r.Encode()
	if err == nil {
		err = l.add(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errReceipt, err)
	}
	return nil
}

func (l *roll) add(line []byte) error {
	if l.err == nil && l.file == nil {
		l.err = l.open()
	}
	if l.err != nil {
		return l.err
	}
	if n, err := l.file.Write(line); err != nil {
		l.err = err
		if n > 0 {
			l.err = errors.Join(err, l.file.Truncate(l.size))
		}
		return l.err
	}
	l.size += int64(len(line))
	if time.Since(l.synced) > syncEvery {
		return l.sync()
	}
	return nil
}

func (l *roll) open() error {
	if l.path == "" {
		return errors.New("there is no state folder")
	}
	if err := durable.MakeFolder(filepath.Dir(l.path)); err != nil {
		return err
	}
	create := durable.Create
	if l.more {
		create = appendTo
	}
	f, err := create(l.path, 0o600)
	l.file, l.synced = f, time.Now()
	if err == nil {
		l.size, err = f.Seek(0, io.SeekEnd)
	}
	return err
}

// appendTo opens a roll that there may be, without what is torn at its end.
func appendTo(path string, perm os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR|openFlags, perm)
	if err != nil {
		return nil, err
	}
	whole := int64(0)
	in := bufio.NewReaderSize(f, receipt.MaxSize+1)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			break
		}
		whole += int64(len(line))
	}
	if err := f.Truncate(whole); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (l *roll) sync() error {
	l.synced = time.Now()
	if err := l.file.Sync(); err != nil {
		l.err = err
	}
	return l.err
}

// close makes what was kept last.
func (l *roll) close() error {
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Sync(), l.file.Close())
	if err != nil && l.err == nil {
		return fmt.Errorf("%w: %w", errReceipt, err)
	}
	return nil
}
