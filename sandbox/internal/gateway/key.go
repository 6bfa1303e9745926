package gateway

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/versity/versitygw/backend/posix"
)

// maxSegment is what file systems allow a name to have.
const maxSegment = 255 // bytes

// Unstorable says why a key cannot be a file of its own, "" if it can; the
// engine would quietly take another one, keep it out of listings, or fail.
func Unstorable(key string) string {
	if key == "" {
		return ""
	}
	if strings.Contains(key, "\x00") {
		return "it has a NUL byte"
	}
	if first, _, _ := strings.Cut(key, "/"); first == posix.MetaTmpDir {
		return "its first segment is the engine's own, " + posix.MetaTmpDir
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(key, "/"), "/") {
		switch {
		case segment == "":
			return "it has an empty segment"
		case segment == "." || segment == "..":
			return "it has a segment " + segment
		case len(segment) > maxSegment:
			return "it has a segment of more than 255 bytes"
		}
	}
	return ""
}

// Occupied says why a key that could be a file cannot be written now, "" if it
// can. The engine would find out when an upload is completed, after all parts
// were sent, and answer 409, which S3 means otherwise.
func (s *Store) Occupied(bucket, key string) string {
	at := filepath.Join(s.data, bucket)
	segments := strings.Split(strings.TrimSuffix(key, "/"), "/")
	for i, segment := range segments {
		at = filepath.Join(at, segment)
		info, err := os.Lstat(at)
		last := i == len(segments)-1 && !strings.HasSuffix(key, "/")
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return ""
		case err != nil:
			return err.Error()
		case last && info.IsDir():
			return "there are keys below it"
		case !last && !info.IsDir():
			return strings.Join(segments[:i+1], "/") + " is an object, or a deleted one"
		}
	}
	return ""
}
