package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	byteorder "encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/sealift/sealift/receipt"
)

// A memory is what the receipts kept in the state folder say of one
// destination: which keys were stored last from a file of which size and time
// of last write. It trusts them as far as they go: what others do to the
// objects it does not know.
//
// It must never take an older receipt for the last word. So it keeps to the
// last one of each key, and forgets those that are older than a doubt: a run
// that may have written the key and left no receipt here.
//
// It is bounded: beyond mostMarks keys the oldest receipts are not read.
type memory struct {
	marks []mark // by key, one each
}

// A mark is a receipt in 32 bytes.
type mark struct {
	high    uint64 // of the SHA-256 of bucket and key, the first 8 bytes
	content uint64 // of that of size and time of last write
	crc     uint64
	rest    uint64 // 3 more bytes of the first, then when it was finished
}

// clockBits are those of mark.rest that tell the time.
const clockBits = 40

// low are the bytes of the hash that follow high.
func (m mark) low() uint64 { return m.rest >> clockBits }

// at is when the receipt was finished.
func (m mark) at() uint64 { return m.rest & (1<<clockBits - 1) }

// clock is a time as marks have it: milliseconds since 2020.
func clock(at time.Time) uint64 {
	return uint64(min(max(at.UnixMilli()-1577836800000, 0), 1<<clockBits-1))
}

// mostMarks is how many receipts are kept in memory.
const mostMarks = 1 << 20

// manyMarks is how many are much of this process's memory.
const manyMarks = mostMarks / 4

func (m mark) compare(other mark) int {
	return cmp.Or(cmp.Compare(m.high, other.high), cmp.Compare(m.low(), other.low()))
}

func markOf(bucket, key string) mark {
	sum := sha256.Sum256([]byte(bucket + "\x00" + key))
	return mark{high: byteorder.BigEndian.Uint64(sum[:]), rest: byteorder.BigEndian.Uint64(sum[8:]) &^ (1<<clockBits - 1)}
}

// contentOf stands for a file's size and time of last write.
func contentOf(size int64, modified time.Time) uint64 {
	text := byteorder.BigEndian.AppendUint64(nil, uint64(size))
	text = byteorder.BigEndian.AppendUint64(text, uint64(modified.UnixNano()))
	sum := sha256.Sum256(text)
	return byteorder.BigEndian.Uint64(sum[:])
}

// remember reads the receipts of a destination that are kept in folder, the
// newest first. What cannot be read is as good as not there, and is a doubt.
func remember(folder, bucket, prefix string) *memory {
	r := &recollection{bucket: bucket, prefix: prefix}
	files, doubts := receiptFiles(folder)
	for _, d := range doubts {
		r.doubt(d)
	}
	r.marks = make([]mark, 0, room(files))
	if cap(r.marks) > manyMarks {
		debug.SetGCPercent(25) // what lasts is large, and what comes and goes small
	}
	for i, path := range files {
		if len(r.marks) >= mostMarks {
			r.settle()
		}
		if len(r.marks) >= mostMarks*9/10 {
			for _, unread := range files[i:] {
				r.doubtBefore(lastWrite(unread))
			}
			break
		}
		r.read(path)
	}
	r.settle()
	return &memory{r.marks}
}

// receiptFiles are the files of receipts in a state folder, those of the newest
// runs first, and what casts doubt on others.
func receiptFiles(folder string) (receipts, doubts []string) {
	entries, _ := os.ReadDir(folder) // none is as good as an empty one
	for _, e := range slices.Backward(entries) {
		path := filepath.Join(folder, e.Name())
		switch {
		case e.IsDir():
			singles, _ := filepath.Glob(filepath.Join(path, "*.json"))
			receipts = append(receipts, singles...)
		case strings.HasSuffix(path, ".jsonl"):
			receipts = append(receipts, path)
		case strings.HasSuffix(path, doubtSuffix):
			doubts = append(doubts, path)
		}
	}
	return receipts, doubts
}

// leastReceipt is less than any receipt has, in bytes.
const leastReceipt = 700

// room is how many receipts there can be in files, up to mostMarks.
func room(files []string) int {
	var bytes int64
	for _, path := range files {
		if info, err := os.Stat(path); err == nil {
			bytes += info.Size()
		}
	}
	return int(min(bytes/leastReceipt+int64(len(files)), mostMarks))
}

func lastWrite(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Now()
	}
	return info.ModTime()
}

// A recollection is a memory while it is read.
type recollection struct {
	bucket, prefix string
	run            string // whose receipts count; "" = everyone's
	marks          []mark
	before         uint64 // receipts that were finished by then are not trusted
}

// doubtBefore distrusts what was finished by then.
func (r *recollection) doubtBefore(at time.Time) { r.before = max(r.before, clock(at)+1) }

// doubt reads a doubt, and distrusts what is older, where it is about this
// destination.
func (r *recollection) doubt(path string) {
	var d doubt
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		r.doubtBefore(lastWrite(path))
		return
	}
	if d.Bucket == r.bucket && (strings.HasPrefix(d.Prefix, r.prefix) || strings.HasPrefix(r.prefix, d.Prefix)) {
		r.doubtBefore(d.Since)
	}
}

// read marks the receipts in a file. A line that is none casts doubt on what
// was stored before it was written.
func (r *recollection) read(path string) {
	f, err := os.Open(path)
	if err != nil {
		r.doubtBefore(time.Now())
		return
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, receipt.MaxSize+1)
	for {
		line, err := in.ReadSlice('\n')
		if err == io.EOF {
			return // what is left is torn: whoever may have replaced something left a doubt
		}
		if err != nil || !r.mark(line) {
			r.doubtBefore(lastWrite(path))
		}
		if err != nil {
			return
		}
	}
}

// mark keeps a receipt if it is of this destination. It reports whether the
// line was one.
func (r *recollection) mark(line []byte) bool {
	s, ok := scan(line)
	if !ok {
		return false
	}
	if !isOf(line, r.run) || s.bucket != r.bucket || !strings.HasPrefix(s.key, r.prefix) {
		return true
	}
	m := markOf(s.bucket, s.key)
	if !s.modified.IsZero() {
		m.content = contentOf(s.size, s.modified)
	}
	m.crc, m.rest = s.crc, m.rest|clock(s.finished)
	r.marks = append(r.marks, m)
	return true
}

// settle keeps the last receipt of each key. Of two in one moment with other
// contents, neither is known to be the last: the key has content 0, which no
// file has.
func (r *recollection) settle() {
	slices.SortFunc(r.marks, func(a, b mark) int { return cmp.Or(a.compare(b), cmp.Compare(a.at(), b.at())) })
	kept := r.marks[:0]
	for _, m := range r.marks {
		if m.at() < r.before {
			continue
		}
		last := len(kept) - 1
		if last < 0 || kept[last].compare(m) != 0 {
			kept = append(kept, m)
			continue
		}
		if kept[last].at() == m.at() && kept[last].content != m.content {
			m.content = 0
		}
		kept[last] = m
	}
	r.marks = kept
}

// last is the last receipt of a key.
func (m *memory) last(bucket, key string) (mark, bool) {
	want := markOf(bucket, key)
	i := sort.Search(len(m.marks), func(i int) bool { return m.marks[i].compare(want) >= 0 })
	if i == len(m.marks) || m.marks[i].compare(want) != 0 {
		return mark{}, false
	}
	return m.marks[i], true
}

// holds returns what the key is known to hold, if that is a file of that size
// and time of last write.
func (m *memory) holds(bucket, key string, size int64, modified time.Time) (receipt.Object, bool) {
	last, known := m.last(bucket, key)
	if !known || last.content != contentOf(size, modified) {
		return receipt.Object{}, false
	}
	sum := base64.StdEncoding.EncodeToString(byteorder.BigEndian.AppendUint64(nil, last.crc))
	return receipt.Object{Bucket: bucket, Key: key, Size: size,
		Checksum: receipt.Checksum{Algorithm: "CRC64NVME", Type: "FULL_OBJECT", Value: sum}}, true
}

// A glance is what is needed of a receipt.
type glance struct {
	bucket, key string
	size        int64
	modified    time.Time // zero where the source had none
	crc         uint64
	finished    time.Time
}

// scan reads a line that receipt.Encode wrote, in a fraction of the time that
// JSON takes: no string can hold a quote that is not escaped, so that the names
// of fields stand for themselves.
func scan(line []byte) (g glance, ok bool) {
	line = bytes.TrimRight(line, "\r\n")
	if !bytes.HasPrefix(line, []byte(`{"version":1,`)) || !bytes.HasSuffix(line, []byte("}")) {
		return g, false
	}
	source, rest, found := bytes.Cut(line, []byte(`,"object":{"bucket":"`))
	bucket, rest, named := bytes.Cut(rest, []byte(`","key":`))
	key, _, ends := bytes.Cut(rest, []byte(`,"version_id":`))
	_, source, begun := bytes.Cut(source, []byte(`,"source":{"path":`))
	if !found || !named || !ends || !begun || len(bucket) == 0 {
		return g, false
	}
	var err [5]error
	g.bucket = string(bucket)
	g.key, err[0] = text(key)
	// No name in a source is of the user's making, as one of a tag may be.
	size, source := field(source, `,"size":`, `,"modified":`)
	modified, source := field(source, ``, `,"sha256":`)
	crc, _ := field(source, `,"crc64nvme":`, `}`)
	g.size, err[1] = strconv.ParseInt(string(size), 10, 64)
	g.modified, err[2] = instant(modified)
	g.crc, err[3] = crcOf(crc)
	// Nothing of the user's stands behind this.
	g.finished, err[4] = instant(last(line, `,"finished":`, `,"bytes_sent":`))
	return g, err == [5]error{} && g.key != "" && !g.finished.IsZero()
}

// field is what stands between two pieces of a line, where they come first, and
// what is behind them. It is much faster than last.
func field(line []byte, from, to string) (between, behind []byte) {
	_, line, _ = bytes.Cut(line, []byte(from))
	between, behind, _ = bytes.Cut(line, []byte(to))
	return between, behind
}

// last is what stands between two pieces of a line, where they come last.
func last(line []byte, from, to string) []byte {
	i := bytes.LastIndex(line, []byte(from))
	if i < 0 {
		return nil
	}
	between, _, _ := bytes.Cut(line[i+len(from):], []byte(to))
	return between
}

// text is a string of JSON.
func text(quoted []byte) (s string, err error) {
	if n := len(quoted); n >= 2 && bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : n-1]), nil
	}
	err = json.Unmarshal(quoted, &s)
	return s, err
}

// instant is a time of JSON, zero for null.
func instant(quoted []byte) (time.Time, error) {
	if string(quoted) == "null" {
		return time.Time{}, nil
	}
	s, err := text(quoted)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, s)
}

func crcOf(quoted []byte) (uint64, error) {
	var raw [9]byte
	if n, err := base64.StdEncoding.Decode(raw[:], bytes.Trim(quoted, `"`)); err != nil || n != 8 {
		return 0, errNoCRC
	}
	return byteorder.BigEndian.Uint64(raw[:]), nil
}

var errNoCRC = errors.New("no CRC64NVME")
