package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/receipt"
)

// standardInput is the source that stands for it. A file of that name is ./-.
const standardInput = "-"

// flows reports whether a source is a stream: standard input, or a FIFO.
func flows(path string) bool {
	if path == standardInput {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// gatherStream looks at a source that is a stream. It has no name to make a key
// of, and no end until it comes: it goes alone, to an exact key.
func gatherStream(paths []string, path string, to destination) (sendings, error) {
	what := "standard input"
	if path != standardInput {
		what = path + " is a FIFO, which"
	}
	if len(paths) > 1 {
		return nil, errAlone(what)
	}
	if to.folder() {
		return nil, &usageError{what + " needs an exact key, and " + address(to.bucket, to.key) + " names none", "give the whole key: s3://BUCKET/KEY"}
	}
	return sendings{{path: path, key: to.key, stream: true}}, nil
}

func errAlone(what string) error {
	return &usageError{what + " is uploaded alone", "upload it by a command of its own, without folders, lists and patterns; a file that is called - is ./-"}
}

// flowing refuses what a stream cannot be read from, or put aside in.
func (u *Upload) flowing(s *Streams, all sendings) error {
	if len(all) != 1 || !all[0].stream {
		return nil
	}
	if u.DryRun {
		return &usageError{"--dry-run does not read streams, and without that nothing is known of one", "leave it out"}
	}
	if all[0].path == standardInput {
		if err := piped(s.In); err != nil {
			return err
		}
	}
	if u.SpoolDir == "" {
		return nil
	}
	if info, err := os.Stat(u.SpoolDir); err != nil || !info.IsDir() {
		return &usageError{"--spool-dir: " + u.SpoolDir + " is not a folder", "name a folder that is there, with room for 1 GiB, or two parts"}
	}
	return nil
}

// piped refuses a standard input into which nobody writes: a terminal, and the
// null device. That is what a standard input that was closed becomes, and what
// a service has that was given none; an object made of it would be a surprise.
func piped(in io.Reader) error {
	const hint = "pipe something into it: COMMAND | sealift upload - s3://BUCKET/KEY"
	f, ok := in.(*os.File)
	if !ok {
		return nil
	}
	if _, typed := terminal(f); typed {
		return &usageError{"standard input is a terminal", hint}
	}
	ours, err := f.Stat()
	if err != nil {
		return nil // reading will tell
	}
	if null, err := os.Stat(os.DevNull); err == nil && os.SameFile(ours, null) {
		return &usageError{"standard input is closed, or " + os.DevNull, hint + "\nfor an empty object, pipe an empty file"}
	}
	return nil
}

// pour uploads a stream.
func (r *run) pour(ctx context.Context, up *sealift.Uploader, bucket string, one sending) (*receipt.Receipt, error) {
	in := r.In
	if one.path != standardInput {
		f, err := openFIFO(ctx, one.path)
		if err != nil {
			return nil, err
		}
		defer f.Close() // read only
		in = f
	}
	object := r.upload.object(bucket, one.key)
	if object.ContentType == "" { // the first bytes are the library's to read
		object.ContentType = mime.TypeByExtension(strings.ToLower(filepath.Ext(one.key)))
	}
	spool := r.upload.spool(r.under)
	got, err := up.Upload(ctx, sealift.Stream(&poured{in, one.path, ctx.Done()}, spool), object)
	if errors.Is(err, syscall.ENOSPC) {
		err = &advised{err, "free some of " + spool + ", or name another folder with --spool-dir: it takes 1 GiB, or two parts"}
	}
	return got, err
}

// spool is the folder for what of a stream does not fit in memory: the state
// folder's own, else the system's for temporary files, which may be memory.
func (u *Upload) spool(s *Streams) string {
	if u.SpoolDir != "" {
		return u.SpoolDir
	}
	if state := u.state(s); state != "" {
		spool := filepath.Join(state, "spool")
		if os.MkdirAll(spool, 0o700) == nil && mayCreate(spool) {
			return spool
		}
	}
	return os.TempDir()
}

func mayCreate(folder string) bool {
	f, err := os.CreateTemp(folder, "trial-*")
	if err != nil {
		return false
	}
	return f.Close() == nil && os.Remove(f.Name()) == nil
}

// poured is a stream with the name that the user gave it.
//
// A Ctrl-C reaches whoever writes into the pipe too, and may end it sooner than
// this process hears of it: what then looks like the stream's end is none.
// Beyond that, a writer that died cannot be told from one that was done.
type poured struct {
	io.Reader
	name string
	done <-chan struct{} // the run is interrupted
}

// hearing is how long the end of a stream is held back for an interruption.
const hearing = 100 * time.Millisecond

// Read implements io.Reader.
func (p *poured) Read(buf []byte) (int, error) {
	n, err := p.Reader.Read(buf)
	if err == io.EOF {
		select {
		case <-p.done:
			return n, errInterrupted
		case <-time.After(hearing):
		}
	}
	return n, err
}

// Name is what receipts and bars call the stream.
func (p *poured) Name() string { return p.name }

// SetReadDeadline ends a read that nobody waits for any more, where that can be
// done.
func (p *poured) SetReadDeadline(at time.Time) error {
	if f, ok := p.Reader.(*os.File); ok {
		return f.SetReadDeadline(at)
	}
	return os.ErrNoDeadline
}

// openFIFO opens a FIFO, once somebody has opened it to write: before that, it
// would read as empty.
func openFIFO(ctx context.Context, path string) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}
	result := make(chan opened, 1)
	go func() {
		f, err := os.OpenFile(path, os.O_RDONLY, 0)
		result <- opened{f, err}
	}()
	select {
	case o := <-result:
		if o.err != nil {
			return nil, o.err
		}
		if info, err := o.f.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			return nil, errors.Join(fmt.Errorf("%s is no longer a FIFO", path), o.f.Close())
		}
		return o.f, nil
	case <-ctx.Done():
	}
	// An open that waits ends when a writer comes, be it this one.
	if w, err := os.OpenFile(path, os.O_WRONLY|openFlags, 0); err == nil {
		defer w.Close()
		select {
		case o := <-result:
			if o.err == nil {
				_ = o.f.Close()
			}
		case <-time.After(time.Second): // it waits for what no longer has this name
		}
	}
	return nil, context.Cause(ctx)
}
