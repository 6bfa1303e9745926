package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/receipt"
)

// A shelf is where a run's receipts are kept.
type shelf struct {
	folder string // receipts lie in it by transfer
	file   string // the one receipt; "" when there is a folder
	stdout bool   // they are the results themselves; the folder is for when that fails
	state  string // the state folder's part that must be writable; "" = none
}

// newShelf reads --receipt: a file, a folder, "-", or "" for the folder of
// the run in the state folder. A file may be there if the run is gone on with and
// has begun it. It makes sure that a place the user named is
// there; the state folder is made when there is something to keep.
func newShelf(named, state, run string, several, again bool) (shelf, error) {
	if named == "-" || named == "" {
		s := shelf{stdout: named == "-"}
		if state != "" {
			s.state = filepath.Join(state, "receipts")
			s.folder = filepath.Join(s.state, run)
		}
		return s, nil
	}
	info, err := os.Stat(named)
	if strings.HasSuffix(named, "/") || err == nil && info.IsDir() {
		return shelf{folder: named}, unwritable(named, durable.MakeFolder(named), named)
	}
	if several {
		return shelf{}, &usageError{fmt.Sprintf("--receipt %s is one file, and there are several sources", named), "end it in / to have one receipt each in that folder"}
	}
	if err == nil && again && info.Mode().IsRegular() && holdsRun(named, run) {
		return shelf{file: named}, nil
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() > 0) {
		return shelf{}, &usageError{fmt.Sprintf("--receipt %s is there already", named), "name a new file, a folder (DIR/) that keeps each receipt by its own name, or - for standard output"}
	}
	if parent, err := os.Stat(filepath.Dir(named)); err != nil || !parent.IsDir() {
		return shelf{}, &usageError{fmt.Sprintf("--receipt %s: its folder is not there", named), "make the folder first"}
	}
	return shelf{file: named}, unwritable(named, nil, filepath.Dir(named))
}

// unwritable refuses a place that cannot hold receipts.
func unwritable(named string, err error, folder string) error {
	if err == nil {
		err = tryFolder(folder)
	}
	if err == nil {
		return nil
	}
	return &usageError{fmt.Sprintf("--receipt %s: cannot be written there: %v", named, err), "name a file in a folder that you may write to, such a folder (DIR/), or - for standard output"}
}

// path is where the receipt of a transfer goes.
func (s shelf) path(transfer string) string {
	if s.file != "" {
		return s.file
	}
	return filepath.Join(s.folder, transfer+".json")
}

// keep writes a receipt durably, as one line of JSON for this user alone, and
// returns its path. Every error is errReceipt.
func (s shelf) keep(r *receipt.Receipt) (string, error) {
	text, err := r.Encode()
	if err != nil {
		return "", fmt.Errorf("%w: %w", errReceipt, err)
	}
	if s.folder == "" && s.file == "" {
		return "", fmt.Errorf("%w: there is no state folder", errReceipt)
	}
	if s.file == "" {
		if err := durable.MakeFolder(s.folder); err != nil {
			return "", fmt.Errorf("%w: %w", errReceipt, err)
		}
	}
	path := s.path(r.Transfer)
	if s.state != "" && r.Run != filepath.Base(s.folder) { // of a run before this one, that did not live to keep it
		path = filepath.Join(s.state, r.Run, filepath.Base(path))
		if err := durable.MakeFolder(filepath.Dir(path)); err != nil {
			return "", fmt.Errorf("%w: %w", errReceipt, err)
		}
	}
	if err := durable.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return "", fmt.Errorf("%w: %w", errReceipt, err)
	}
	return path, nil
}

// writable tries the state folder, so that what is wrong with it is known
// before anything is sent.
func (s shelf) writable() error {
	switch {
	case s.stdout || s.file != "" || s.folder != "" && s.state == "":
		return nil
	case s.state == "":
		return errors.New("there is no home folder and no --state-dir")
	}
	if err := durable.MakeFolder(s.state); err != nil {
		return err
	}
	return tryFolder(s.state)
}

// tryFolder makes a file in a folder, and removes it.
func tryFolder(folder string) error {
	probe, err := os.CreateTemp(folder, ".sealift-*")
	if err != nil {
		return err
	}
	_ = probe.Close()
	return os.Remove(probe.Name())
}
