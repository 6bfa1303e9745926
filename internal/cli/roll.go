package cli

import (
	"errors"
	"fmt"
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
	f, err := durable.Create(l.path, 0o600)
	l.file, l.synced = f, time.Now()
	return err
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
