package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// smallSize is that of each of the many files, in bytes.
const smallSize = 4096

// A load is what every tool is given to upload.
type load struct {
	name    string
	source  string // a file, or with tree a folder
	tree    bool
	latency time.Duration // that the server adds to every answer
}

// makeLoads writes random bytes: one large file, and a folder of small ones.
func makeLoads(dir string, size int64, files int) (large, small string, err error) {
	large, small = filepath.Join(dir, "large.bin"), filepath.Join(dir, "small")
	if err := randomFile(large, size); err != nil {
		return "", "", err
	}
	for i := range files {
		name := filepath.Join(small, fmt.Sprintf("%02d", i%100), fmt.Sprintf("file-%05d", i))
		if i < 100 {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return "", "", err
			}
		}
		if err := randomFile(name, smallSize); err != nil {
			return "", "", err
		}
	}
	return large, small, nil
}

func randomFile(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, int(min(size, 1<<20)))
	if _, err := io.CopyN(w, rand.Reader, size); err != nil {
		return err
	}
	return w.Flush()
}
