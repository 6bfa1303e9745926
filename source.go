package sealift

import (
	"io"
	"os"

	"github.com/sealift/sealift/internal/source"
)

// A Source is the local bytes of one transfer. Make one with File, ReaderAt or
// Stream.
type Source struct{ of *source.Source }

// File is a source that reads f, a regular file, by position; its offset is
// neither used nor moved. The file is fingerprinted around every part, and an
// upload of one that changes is ErrSourceChanged. The caller closes f after
// Upload has returned.
func File(f *os.File) Source { return Source{source.File(f)} }

// Stream is a source of what r gives until io.EOF, read once, from start to
// end. Any other error of r aborts the upload. A Source of it serves one Upload: a
// second is ErrInvalid.
//
// Its size need not be known: parts grow as it goes. In memory, all streams of
// a Budget hold at most 64 MiB that S3 does not have yet; parts beyond 16 MiB,
// which come after 8 GiB, are held in files in the folder spool: 1 GiB, or two
// parts. The files are this process's alone and do not outlast the upload. A
// stream may have 32 TiB, or 10,000 parts where Options.PartSize is set; a longer
// one is ErrInvalid when it turns out to be longer, and nothing is stored. With
// spool "" no file is written, parts have at most 32 MiB, and a stream 290 GiB.
//
// Since it is read once, a stream is not sent again from its start when S3 asks
// for that: the upload fails. Its Event.Size is -1 before its end. Its receipt's
// path is what r.Name() says, where r has such a method and is not os.Stdin, else
// "-".
//
// When Upload returns early, a call of r.Read that has not returned is ended by
// r.SetReadDeadline, where there is such a method and it works; elsewhere it is
// left behind, with the goroutine that makes it, until it returns. The caller
// closes r after Upload has returned.
func Stream(r io.Reader, spool string) Source { return Source{source.Stream(r, spool)} }

// ReaderAt is a source of the first size bytes of r, which must be safe for
// concurrent use and give the same bytes each time.
func ReaderAt(r io.ReaderAt, size int64) Source { return Source{source.ReaderAt(r, size)} }
