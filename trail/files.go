package trail

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A File is one file of a trail, wherever it is kept.
type File struct {
	Name string // as positions show it
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Path is a file by its path; - is what in gives, standard input most often.
func Path(path string, in io.Reader) File {
	if path == "-" {
		return File{"stdin", func(context.Context) (io.ReadCloser, error) { return io.NopCloser(in), nil }}
	}
	return File{path, func(context.Context) (io.ReadCloser, error) { return os.Open(path) }}
}

// Folder is a folder's files, those of the folders in it too, by their paths'
// order: regular files whose names end in .json, .jsonl, .ndjson or .gz. It
// passes over CloudTrail-Digest and CloudTrail-Insight, which hold no events of
// the trail. In CloudTrail's own layout it passes over days that end before the
// filter begins: a file is delivered after the events in it, by a day's margin.
//
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
// (read 2026-11-25).
func Folder(folder string, f Filter) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				if !yield(File{Name: path}, err) {
					return fs.SkipAll
				}
				if d != nil && d.IsDir() {
					return fs.SkipDir
				}
				return nil
			case d.IsDir() && path != folder && passedOver(path, f.From):
				return fs.SkipDir
			case d.Type().IsRegular() && isLog(d.Name()) && !yield(Path(path, nil), nil):
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(File{Name: folder}, err)
		}
	}
}

func isLog(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json", ".jsonl", ".ndjson", ".gz":
		return true
	}
	return false
}

// passedOver tells whether a folder can hold no event from a time on.
func passedOver(path string, from time.Time) bool {
	parts := strings.Split(filepath.ToSlash(path), "/")
	switch parts[len(parts)-1] {
	case "CloudTrail-Digest", "CloudTrail-Insight":
		return true
	}
	// …/CloudTrail/REGION/YYYY/MM/DD
	if n := len(parts); n >= 5 && parts[n-5] == "CloudTrail" && !from.IsZero() {
		day, err := time.Parse("2006/01/02", strings.Join(parts[n-3:], "/"))
		return err == nil && day.AddDate(0, 0, 2).Before(from)
	}
	return false
}

// ReadAll reads the events of many files, several at once, and yields them in
// the files' order, as Read would one after the other. What files yields as an
// error is yielded as an *Error in its place. When ctx ends, its cause is
// yielded last; a read that has begun is waited for. Files are asked for and
// opened on other goroutines; at most Options.Files are ahead of their turn,
// with a few hundred events of each in memory.
func ReadAll(ctx context.Context, files iter.Seq2[File, error], o Options) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		o := o.filled()
		stopped := false
		give := func(e Event, err error) bool {
			stopped = stopped || !yield(e, err)
			return !stopped
		}
		if o.Files == 1 {
			oneByOne(ctx, files, o, give)
		} else {
			sideBySide(ctx, files, o, give)
		}
		if ctx.Err() != nil && !stopped {
			yield(Event{}, context.Cause(ctx))
		}
	}
}

func oneByOne(ctx context.Context, files iter.Seq2[File, error], o Options, yield func(Event, error) bool) {
	r := reader{options: o}
	going := true
	for f, err := range files {
		r.single(ctx, f, err, func(e Event, err error) bool {
			going = ctx.Err() == nil && yield(e, err)
			return going
		})
		if !going || ctx.Err() != nil {
			return
		}
	}
}

// single reads one file, unless finding it came to an error.
func (r *reader) single(ctx context.Context, f File, err error, yield func(Event, error) bool) {
	var from io.ReadCloser
	if err == nil {
		from, err = f.Open(ctx)
	}
	if err != nil {
		at := Position{File: f.Name}
		yield(Event{Position: at}, &Error{Position: at, Err: err})
		return
	}
	defer from.Close()
	r.read(f.Name, from, yield)
}

// A result is what reading came to, once.
type result struct {
	event Event
	err   error
}

// A reading is a file that is being read, and its results so far.
type reading struct {
	file File
	err  error
	out  chan []result
}

// Results go from reader to consumer by so many, or as many as have so many
// bytes, whichever is fewer.
const (
	batchEvents = 128
	batchBytes  = 256 << 10
)

func sideBySide(ctx context.Context, files iter.Seq2[File, error], o Options, yield func(Event, error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	queue := make(chan *reading, o.Files) // in order, for the consumer
	work := make(chan *reading)
	running.Go(func() {
		defer close(queue)
		defer close(work)
		for f, err := range files {
			r := &reading{f, err, make(chan []result, 1)}
			for _, to := range []chan *reading{queue, work} {
				select {
				case to <- r:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	for range o.Files {
		running.Go(func() {
			r := reader{options: o}
			for next := range work {
				r.batches(ctx, next)
			}
		})
	}
	consume(ctx, queue, yield)
}

// batches reads one file, and sends its results in batches.
func (r *reader) batches(ctx context.Context, to *reading) {
	defer close(to.out)
	var batch []result
	size := 0
	send := func() bool {
		select {
		case to.out <- batch:
			batch, size = nil, 0
			return true
		case <-ctx.Done():
			return false
		}
	}
	r.single(ctx, to.file, to.err, func(e Event, err error) bool {
		batch = append(batch, result{e, err})
		if size += len(e.Raw); len(batch) < batchEvents && size < batchBytes {
			return true
		}
		return send()
	})
	if len(batch) > 0 {
		send()
	}
}

func consume(ctx context.Context, queue <-chan *reading, yield func(Event, error) bool) {
	for next := range queue {
		for {
			var batch []result
			more := false
			select {
			case batch, more = <-next.out:
			case <-ctx.Done():
				return
			}
			if !more {
				break
			}
			for _, r := range batch {
				if ctx.Err() != nil || !yield(r.event, r.err) {
					return
				}
			}
		}
	}
}
