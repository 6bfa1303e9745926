package durable_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sealift/sealift/internal/durable"
)

func TestWriteFileReplacesInOneStep(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.json")
	for _, want := range []string{"one", "two, and longer", ""} {
		if err := durable.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %o, want 600", got)
	}
	if names, _ := os.ReadDir(folder); len(names) != 1 {
		t.Errorf("%d files are left, want 1", len(names))
	}
}

// A symbolic link waiting at the target's place is replaced, not followed.
func TestWriteFileFollowsNoLink(t *testing.T) {
	folder := t.TempDir()
	victim, path := filepath.Join(folder, "victim"), filepath.Join(folder, "receipt")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path); err != nil {
		t.Skip(err)
	}
	if err := durable.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(victim); string(got) != "mine" {
		t.Errorf("the link's target holds %q", got)
	}
}

func TestWriteFileLeavesNothingWhenItFails(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "taken")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if names, _ := os.ReadDir(folder); len(names) != 1 {
		t.Errorf("%d files are left, want 1", len(names))
	}
	if err := durable.WriteFile(filepath.Join(folder, "missing", "a"), nil, 0o600); err == nil {
		t.Error("a file was written into a folder that is not there")
	}
}

func TestMakeFolderIsForItsUserAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "c")
	for range 2 {
		if err := durable.MakeFolder(path); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 && runtime.GOOS != "windows" {
		t.Errorf("mode %o, want 700", got)
	}
	file := filepath.Join(path, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.MakeFolder(filepath.Join(file, "x")); err == nil {
		t.Error("a folder was made inside a file")
	}
}
