package journal

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
)

// A line is
//
//	LLLL SSSSSSSS {...}\n
//
// L is how many bytes the JSON has and S the CRC32C of it and of the JSON of
// all lines before, both in lower-case hex. So no line is trusted that has
// changed, or stands elsewhere than where it was written.
const (
	headSize = 4 + 1 + 8 + 1
	maxLine  = headSize + MaxRecord + 1
)

// castagnoli is made once by the standard library, which gives out the same one.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendLine appends the line of a payload that follows payloads of that sum,
// and returns the sum with it.
func appendLine(to []byte, sum uint32, payload []byte) ([]byte, uint32) {
	sum = crc32.Update(sum, castagnoli(), payload)
	to = slices.Grow(to, headSize+len(payload)+1)
	to = fmt.Appendf(to, "%04x %08x ", len(payload), sum)
	return append(append(to, payload...), '\n'), sum
}

// lines reads the lines of a journal as far as they can be trusted.
type lines struct {
	r    *bufio.Reader
	sum  uint32 // of the payloads so far
	good int64  // bytes so far
	last int    // bytes of the last line, still in r
}

func newLines(r io.Reader) *lines {
	return &lines{r: bufio.NewReaderSize(io.LimitReader(r, MaxSize), maxLine)}
}

// next returns the payload of the next line, which is good until the call after.
// It is io.EOF where trust ends, for whatever reason but an error of the reader.
func (l *lines) next() ([]byte, error) {
	l.skip()
	head, err := l.peek(headSize)
	if err != nil {
		return nil, err
	}
	size, sum, ok := parseHead(head)
	if !ok {
		return nil, io.EOF
	}
	line, err := l.peek(headSize + size + 1)
	if err != nil {
		return nil, err
	}
	payload := line[headSize : headSize+size]
	if line[headSize+size] != '\n' || slices.ContainsFunc(payload, isControl) || crc32.Update(l.sum, castagnoli(), payload) != sum {
		return nil, io.EOF
	}
	l.sum, l.last = sum, len(line)
	l.good += int64(len(line))
	return payload, nil
}

// skip leaves the last line behind.
func (l *lines) skip() {
	_, _ = l.r.Discard(l.last) // it was peeked at
	l.last = 0
}

// peek is bufio's, where the end of the file within what is wanted is its end.
func (l *lines) peek(n int) ([]byte, error) {
	b, err := l.r.Peek(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return b, err
}

// tail counts the bytes after the last line that can be trusted.
func (l *lines) tail() (int64, error) {
	l.skip()
	return io.Copy(io.Discard, l.r)
}

func parseHead(head []byte) (size int, sum uint32, ok bool) {
	if head[4] != ' ' || head[13] != ' ' {
		return 0, 0, false
	}
	n, ok1 := parseHex(head[:4])
	s, ok2 := parseHex(head[5:13])
	return int(n), s, ok1 && ok2 && n > 0
}

// parseHex reads lower-case digits, and nothing else that strconv would.
func parseHex(digits []byte) (uint32, bool) {
	for _, c := range digits {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(digits), 16, 32)
	return uint32(n), err == nil
}

func isControl(c byte) bool { return c < ' ' }
