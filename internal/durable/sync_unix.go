//go:build unix

package durable

import (
	"errors"
	"os"
	"syscall"
)

// syncFolder makes the names in a folder durable. A file system that cannot
// sync folders says EINVAL; there is nothing more to do there.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
