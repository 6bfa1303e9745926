package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Between opening a lock file and locking it, its holder may remove it and
// another make the next: the lock of the first is worth nothing then.
func TestALockOfAFileThatIsGoneIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	if err := os.Remove(path); err != nil {
		t.Skip(err)
	}
	if err := claim(first, path); !errors.Is(err, errMoved) {
		t.Errorf("got %v", err)
	}
	second, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	if err := claim(first, path); !errors.Is(err, errMoved) {
		t.Errorf("beside another: got %v", err)
	}
	if err := claim(second, path); err != nil {
		t.Errorf("the one that is there: %v", err)
	}
	if err := claim(second, path); err != nil {
		t.Errorf("the one that has it: %v", err)
	}
}
