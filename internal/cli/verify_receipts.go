package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sealift/sealift/receipt"
)

// receiptFilesGiven are files of receipts, as they were named.
type receiptFilesGiven struct {
	args   []string
	single bool // one file that is no list
	stdin  io.Reader
	spool  *os.File // of standard input, where it is read twice; nil otherwise
}

// gatherReceipts looks whether they are there. With twice, receipts can be read
// more than once: what comes on standard input is kept in a temporary file.
func gatherReceipts(s *Streams, args []string, twice bool) (*receiptFilesGiven, error) {
	all := &receiptFilesGiven{args: args, stdin: s.In, single: len(args) == 1 && strings.HasSuffix(args[0], ".json")}
	input := 0
	for _, arg := range args {
		if arg == "-" {
			input++
			continue
		}
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		all.single = all.single && !info.IsDir()
	}
	if input > 1 {
		return nil, &usageError{"standard input is named twice", "name - once"}
	}
	if input == 0 || !twice {
		return all, nil
	}
	f, err := os.CreateTemp("", "sealift-receipts-*")
	if err != nil {
		return nil, err
	}
	all.spool = f
	if _, err := io.Copy(f, s.In); err != nil {
		all.close()
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	return all, nil
}

func (g *receiptFilesGiven) close() {
	if g.spool != nil {
		_ = g.spool.Close() // it goes
		_ = os.Remove(g.spool.Name())
	}
}

// receipts yields all, in order, and in place of one that cannot be used why.
func (g *receiptFilesGiven) receipts(yield func(*looked) bool) {
	for _, arg := range g.args {
		if !g.named(arg, yield) {
			return
		}
	}
}

func (g *receiptFilesGiven) named(arg string, yield func(*looked) bool) bool {
	if arg == "-" {
		in := g.stdin
		if g.spool != nil {
			_, err := g.spool.Seek(0, io.SeekStart)
			if err != nil {
				return yield(unusable(arg, 0, err))
			}
			in = g.spool
		}
		return readReceipts(arg, in, yield)
	}
	info, err := os.Stat(arg)
	if err != nil || !info.IsDir() {
		return readFile(arg, yield)
	}
	going, any := true, false
	err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
		switch ext := filepath.Ext(path); {
		case err != nil:
			going = yield(unusable(path, 0, err))
		case !d.Type().IsRegular() || ext != ".json" && ext != ".jsonl":
			return nil
		default:
			any, going = true, readFile(path, yield)
		}
		if !going {
			return fs.SkipAll
		}
		return nil
	})
	if going && err == nil && !any {
		return yield(unusable(arg, 0, errNoReceipts))
	}
	return going
}

// errNoReceipts says that a folder or a file has none: nothing is proven by it.
var errNoReceipts = errors.New("there is no receipt in it")

func unusable(from string, line int, err error) *looked {
	l := &looked{from: from, line: line, errs: []error{err}, done: make(chan struct{})}
	return l
}

func readFile(path string, yield func(*looked) bool) bool {
	f, _, err := open(path)
	if err != nil {
		return yield(unusable(path, 0, err))
	}
	defer f.Close() // read only
	return readReceipts(path, f, yield)
}

// readReceipts reads receipts one a line, or one that is laid out over several.
func readReceipts(from string, in io.Reader, yield func(*looked) bool) bool {
	lines := bufio.NewReaderSize(in, receipt.MaxSize+1)
	any := false
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if number == 1 && !strings.HasSuffix(from, ".jsonl") && !json.Valid(line) && len(bytes.TrimSpace(line)) > 0 {
			return whole(from, io.MultiReader(bytes.NewReader(bytes.Clone(line)), lines), yield)
		}
		torn := err == io.EOF
		if errors.Is(err, bufio.ErrBufferFull) {
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			any = true
			if !yield(unusable(from, number, fmt.Errorf("read receipt: %w: over %d bytes", receipt.ErrInvalid, receipt.MaxSize))) {
				return false
			}
			line = nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			any = true
			if !yield(&looked{from: from, line: number, text: bytes.Clone(line), torn: torn, done: make(chan struct{})}) {
				return false
			}
		}
		switch {
		case err == io.EOF && !any:
			return yield(unusable(from, 0, errNoReceipts))
		case err == io.EOF:
			return true
		case err != nil:
			return yield(unusable(from, number, err))
		}
	}
}

// parse reads the line, which takes longer than all else of a small file.
func (l *looked) parse() {
	if l.text == nil {
		return
	}
	r, err := receipt.Read(bytes.NewReader(l.text))
	switch {
	case err == nil:
		l.receipt = r
	case l.torn && !errors.Is(err, receipt.ErrVersion):
		l.errs = []error{fmt.Errorf("%w (the last line was not written whole: the end of the list is missing)", err)}
	default:
		l.errs = []error{err}
	}
	l.text = nil
}

func whole(from string, in io.Reader, yield func(*looked) bool) bool {
	r, err := receipt.Read(in)
	if err != nil {
		return yield(unusable(from, 0, err))
	}
	return yield(&looked{from: from, receipt: r, done: make(chan struct{})})
}
