package sealift

import (
	"io"
	"os"

	"github.com/sealift/sealift/internal/source"
)

// A Source is the local bytes of one transfer. Make one with File or ReaderAt.
type Source struct{ of *source.Source }

// File is a source that reads f, a regular file, by position; its offset is
// neither used nor moved. The file is fingerprinted around every part, and an
// upload of one that changes is ErrSourceChanged. The caller closes f after
// Upload has returned.
func File(f *os.File) Source { return Source{source.File(f)} }

// ReaderAt is a source of the first size bytes of r, which must be safe for
// concurrent use and give the same bytes each time.
func ReaderAt(r io.ReaderAt, size int64) Source { return Source{source.ReaderAt(r, size)} }
