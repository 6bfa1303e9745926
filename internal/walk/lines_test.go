package walk

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func read(r io.Reader) (all []string, err error) {
	for line, bad := range Lines(r) {
		if bad != nil {
			return all, bad
		}
		all = append(all, line)
	}
	return all, nil
}

func TestListsAreReadByTheirEndings(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for _, c := range []struct {
		list string
		want []string
		err  error
	}{
		{"", nil, nil},
		{"\n\n", nil, nil},
		{"a", []string{"a"}, nil},
		{"a\r", []string{"a"}, nil},
		{"a\nb c \n\n# d", []string{"a", "b c ", "# d"}, nil},
		{"a\r\n\r\nb\r\r\n", []string{"a", "b\r"}, nil},
		{"a\x00b\nc\x00\x00d", []string{"a", "b\nc", "d"}, nil},
		{"a\r\x00b\r\x00", []string{"a\r", "b\r"}, nil},
		{"\ufeffa\nb", []string{"a", "b"}, nil},
		{"\ufeff", nil, nil},
		{"a\nb\x00c\n", []string{"a"}, ErrMixed},
		{"\xff\xfea\x00\n\x00", nil, ErrUTF16},
		{long + "\r\n" + long, []string{long, long}, nil},
		{long + "\x00" + long + "\x00", []string{long, long}, nil},
		{long + "x\n", nil, ErrLongLine},
		{"a\n" + long + "x\n", []string{"a"}, ErrLongLine},
		{"a\n" + long + long + "\n", []string{"a"}, ErrLongLine},
		{long + long, nil, ErrLongLine},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.list), iotest.OneByteReader(strings.NewReader(c.list)), iotest.DataErrReader(strings.NewReader(c.list))} {
			if got, err := read(r); !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
				t.Errorf("%.20q: %.40q, %v; want %.40q, %v", c.list, got, err, c.want, c.err)
			}
		}
	}
	broken := errors.New("broken")
	if got, err := read(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken))); !errors.Is(err, broken) || !slices.Equal(got, []string{"a"}) {
		t.Errorf("a list that breaks off reads %q, %v: its last line may be torn", got, err)
	}
}

// A list that is still being written gives what there is.
func TestListIsReadAsItComes(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	go func() {
		_, _ = io.WriteString(w, "1\n") // the reader may have gone
	}()
	for line, err := range Lines(r) {
		if line != "1" || err != nil {
			t.Errorf("read %q, %v", line, err)
		}
		break
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n"))
	f.Add([]byte("a\x00b\x00"))
	f.Add([]byte("\ufeffa\n\x00"))
	f.Fuzz(func(t *testing.T, list []byte) {
		all, err := read(bytes.NewReader(list))
		rest := list
		for _, line := range all {
			if line == "" || len(line) > maxLine {
				t.Errorf("read %q", line)
			}
			_, after, in := bytes.Cut(rest, []byte(line))
			if !in {
				t.Fatalf("%q is not in order in %q", line, list)
			}
			rest = after
		}
		if again, err2 := read(iotest.OneByteReader(bytes.NewReader(list))); !slices.Equal(all, again) || (err == nil) != (err2 == nil) {
			t.Errorf("byte by byte it reads %q, %v instead of %q, %v", again, err2, all, err)
		}
	})
}
