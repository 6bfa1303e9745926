package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"testing/iotest"
	"time"
)

// ragged gives its bytes as a stranger's reader may: in pieces of any size,
// none at times, the last with or before its end.
type ragged struct {
	left   []byte
	random *rand.Rand
	end    error
}

func (r *ragged) Read(p []byte) (int, error) {
	n := copy(p[:r.random.IntN(len(p)+1)], r.left)
	r.left = r.left[n:]
	if len(r.left) == 0 && (n == 0 || r.random.IntN(2) == 0) {
		return n, r.end
	}
	return n, nil
}

// However a stream's bytes come, and however they are asked for, they are the
// stream's, in order and whole, and then its end, for good.
func FuzzIntakeGivesTheStream(f *testing.F) {
	f.Add(uint64(1), 0)
	f.Add(uint64(2), 1)
	f.Add(uint64(3), 10_000)
	f.Fuzz(func(t *testing.T, seed uint64, size int) {
		if size < 0 || size > 1<<16 {
			t.Skip("a stream of this size shows nothing that smaller ones do not")
		}
		random := rand.New(rand.NewPCG(seed, 1))
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(random.Uint32())
		}
		end := io.EOF
		if seed%3 == 0 {
			end = errors.New("broken")
		}
		in, err := Stream(&ragged{want, random, end}, "").Intake()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		var got []byte
		for {
			if random.IntN(3) == 0 {
				if ended, err := in.Ended(t.Context()); ended && len(got) != size || err != nil && !errors.Is(err, end) {
					t.Fatalf("after %d of %d bytes: ended %v, error %v", len(got), size, ended, err)
				}
			}
			buf := make([]byte, 1+random.IntN(5000))
			n, err := in.Fill(t.Context(), buf)
			got = append(got, buf[:n]...)
			if n < len(buf) && err == nil {
				t.Fatalf("%d of %d bytes and no end", n, len(buf))
			}
			if err != nil {
				if !errors.Is(err, end) {
					t.Fatalf("error %v", err)
				}
				break
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes came of %d", len(got), size)
		}
		if n, err := in.Fill(t.Context(), make([]byte, 1)); n != 0 || !errors.Is(err, end) {
			t.Fatalf("after the end: %d bytes, error %v", n, err)
		}
	})
}

func TestReaderThatGivesNothingIsAnError(t *testing.T) {
	in, err := Stream(idle{}, "").Intake()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := in.Fill(t.Context(), make([]byte, 10)); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error is %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// Who leaves is told why, and the stream gives nothing any more.
func TestFillEndsWithItsContext(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	in, err := Stream(r, "").Intake()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	left := errors.New("left")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(left) })
	for range 2 {
		if n, err := in.Fill(ctx, make([]byte, 10)); n != 0 || !errors.Is(err, left) {
			t.Errorf("%d bytes, error %v", n, err)
		}
	}
}

// The reader of a pipe can be used by others after a stream of it was left.
func TestDeadlineIsTakenBack(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	in, err := Stream(r, "").Intake()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := in.Fill(ctx, make([]byte, 10)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	in.Close()
	w.WriteString("later")
	buf := make([]byte, 10)
	if n, err := r.Read(buf); string(buf[:n]) != "later" {
		t.Errorf("%q, error %v", buf[:n], err)
	}
}

func TestStreamsSayTheirNames(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r, want := range map[io.Reader]string{os.Stdin: "-", f: os.DevNull, iotest.ErrReader(nil): "-"} {
		if got := Stream(r, "").Name(); got != want {
			t.Errorf("%T is called %q, want %q", r, got, want)
		}
	}
}

// A spool file is this user's alone, and gone when it is closed; where names
// can be taken from open files, nobody ever finds it.
func TestSpoolLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	s, err := NewSpool(folder)
	if err != nil {
		t.Fatal(err)
	}
	s.Write([]byte("abc"))
	s.Write([]byte("def"))
	buf := make([]byte, 3)
	if _, err := s.ReadAt(buf, 2); err != nil || string(buf) != "cde" {
		t.Errorf("read %q, error %v", buf, err)
	}
	if info, err := s.file.Stat(); err != nil || info.Mode().Perm()&0o077 != 0 && !s.left {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	if found, err := os.ReadDir(folder); err != nil || len(found) > 0 && !s.left {
		t.Errorf("found %v, error %v", found, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if found, err := os.ReadDir(folder); err != nil || len(found) > 0 {
		t.Errorf("found %v, error %v", found, err)
	}
	if _, err := NewSpool(folder + "/none"); !errors.Is(err, ErrSpool) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}
