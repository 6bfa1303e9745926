package cli

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	byteorder "encoding/binary"
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
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
	seed  maphash.Seed
}

// A mark is a receipt in 32 bytes.
type mark struct {
	high    uint64 // of the SHA-256 of bucket and key, the first 8 bytes
	content uint64 // hash of size and time of last write
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

// compare is by key, then by time.
func (m mark) compare(other mark) int {
	switch {
	case m.high != other.high:
		return cmp.Compare(m.high, other.high)
	case m.rest != other.rest:
		return cmp.Compare(m.rest, other.rest)
	}
	return 0
}

// sameKey reports whether both are of one key.
func (m mark) sameKey(other mark) bool { return m.high == other.high && m.low() == other.low() }

func markOf(bucket, key string) mark {
	var room [256]byte
	sum := sha256.Sum256(append(append(append(room[:0], bucket...), 0), key...))
	return mark{high: byteorder.BigEndian.Uint64(sum[:]), rest: byteorder.BigEndian.Uint64(sum[8:]) &^ (1<<clockBits - 1)}
}

// contentOf stands for a file's size and time of last write.
func contentOf(seed maphash.Seed, size int64, modified time.Time) uint64 {
	return maphash.Comparable(seed, [2]int64{size, modified.UnixNano()})
}

// remember reads the receipts of a destination that are kept in folder, the
// newest first. What cannot be read is as good as not there, and is a doubt.
func remember(folder, bucket, prefix string) *memory {
	r := &recollection{bucket: bucket, prefix: prefix, seed: maphash.MakeSeed()}
	files, doubts := receiptFiles(folder)
	for _, d := range doubts {
		r.doubt(d)
	}
	r.marks = make([]mark, 0, room(files))
	if cap(r.marks) > manyMarks {
		debug.SetGCPercent(10) // what lasts is large, and what comes and goes small
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
	return r.memory()
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
	seed           maphash.Seed
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
	size := int64(0)
	if info, err := f.Stat(); err == nil {
		size = info.Size()
	}
	all := &pages{in: f}
	var mu sync.Mutex // guards r
	var group sync.WaitGroup
	for range readers(size) {
		group.Go(func() {
			var page []byte
			for marks := []mark(nil); ; {
				lines, err := all.next(&page)
				var good bool
				marks, good = r.marksOf(lines, marks[:0])
				mu.Lock()
				r.marks = append(r.marks, marks...)
				if !good || err != nil && err != io.EOF {
					r.doubtBefore(lastWrite(path))
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	group.Wait()
}

// readers is how many goroutines read a file of so many bytes.
func readers(size int64) int {
	return int(min(size/(1<<20)+1, int64(runtime.GOMAXPROCS(0)), 4))
}

// marksOf adds to marks those of the receipts in lines that are of this
// destination. It reports whether all were receipts.
func (r *recollection) marksOf(lines []byte, marks []mark) (_ []mark, good bool) {
	good = true
	for line := range bytes.Lines(lines) {
		m, wanted, ok := r.mark(line)
		good = good && ok
		if wanted {
			marks = append(marks, m)
		}
	}
	return marks, good
}

// mark is that of a line, if it is wanted: of this destination. It reports
// whether the line was a receipt.
func (r *recollection) mark(line []byte) (m mark, wanted, ok bool) {
	s, ok := scan(line)
	if !ok {
		return m, false, false
	}
	if !isOf(line, r.run) || s.bucket != r.bucket || !strings.HasPrefix(s.key, r.prefix) {
		return m, false, true
	}
	m = markOf(s.bucket, s.key)
	if !s.modified.IsZero() {
		m.content = contentOf(r.seed, s.size, s.modified)
	}
	m.crc, m.rest = s.crc, m.rest|clock(s.finished)
	return m, true, true
}

// memory is what all that was read comes to.
func (r *recollection) memory() *memory {
	r.settle()
	return &memory{r.marks, r.seed}
}

// settle keeps the last receipt of each key. Of two in one moment with other
// contents, neither is known to be the last: the key has content 0, which
// stands for none.
func (r *recollection) settle() {
	slices.SortFunc(r.marks, mark.compare)
	kept := r.marks[:0]
	for _, m := range r.marks {
		if m.at() < r.before {
			continue
		}
		last := len(kept) - 1
		if last < 0 || !kept[last].sameKey(m) {
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
	if i == len(m.marks) || !m.marks[i].sameKey(want) {
		return mark{}, false
	}
	return m.marks[i], true
}

// holds returns what the key is known to hold, if that is a file of that size
// and time of last write.
func (m *memory) holds(bucket, key string, size int64, modified time.Time) (receipt.Object, bool) {
	last, known := m.last(bucket, key)
	if !known || last.content == 0 || last.content != contentOf(m.seed, size, modified) {
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
	finished, _ := field(line[max(0, len(line)-ending):], `,"finished":`, `,"bytes_sent":`)
	g.finished, err[4] = instant(finished)
	return g, err == [5]error{} && g.key != "" && !g.finished.IsZero()
}

// ending is how many bytes at the end of a line hold the time when it was
// finished, and nothing of the user's.
const ending = 128

// field is what stands between two pieces of a line, where they come first, and
// what is behind them.
func field(line []byte, from, to string) (between, behind []byte) {
	_, line, _ = bytes.Cut(line, []byte(from))
	between, behind, _ = bytes.Cut(line, []byte(to))
	return between, behind
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
