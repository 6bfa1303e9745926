package journal_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/journal"
)

var update = flag.Bool("update", false, "write the golden files of what this program writes anew")

// collect reads records up to the first error.
func collect(seq iter.Seq2[journal.Record, error]) (records []journal.Record, err error) {
	for r, err := range seq {
		if err != nil {
			return records, err
		}
		records = append(records, r)
	}
	return records, nil
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Version 1 is a promise: what was written once is read for ever, and what is
// written is what older programs of version 1 read.
func TestVersion1IsWrittenAsItAlwaysWas(t *testing.T) {
	disk := fault.NewDisk(t, 1)
	write(t, disk, story()...)
	got := disk.Files()[file]
	path := filepath.Join("testdata", "v1.journal")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := golden(t, "v1.journal"); !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if text := string(got); text != framed(payloads(got)...) {
		t.Error("the lines are not framed as the format says")
	}
	records, err := collect(journal.Records(bytes.NewReader(golden(t, "v1.journal"))))
	if err != nil {
		t.Fatal(err)
	}
	all, want := states(t, records), states(t, story())
	if !same(all[len(all)-1], want[len(want)-1]) {
		t.Errorf("got %+v", all[len(all)-1])
	}
}

// The journal that the format's document shows is one, with the fields that its
// tables name.
func TestTheDocumentsExampleIsAJournal(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash("../../docs/format/journal.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "\n## Example\n\n```\n")
	example = strings.TrimSuffix(example, "```\n")
	disk := fault.NewDisk(t, 1)
	disk.Put(file, []byte(example))
	if s, err := journal.Read(disk, folder, transfer); err != nil || s.Tail != 0 || s.Stored != 2 {
		t.Errorf("got %v, %+v", err, s)
	}
	for _, m := range regexp.MustCompile(`"([a-z0-9_]+)":`).FindAllStringSubmatch(example+string(golden(t, "v1.journal")), -1) {
		if m[1] == "a" { // of metadata
			continue
		}
		if !regexp.MustCompile("[`.]" + m[1] + "`").MatchString(string(text)) {
			t.Errorf("%s is not described", m[1])
		}
	}
}

// A journal by a newer program of version 1 has fields and types that this one
// does not know. They are passed over, and still there afterwards.
func TestWhatANewerProgramWroteIsKept(t *testing.T) {
	text := golden(t, "v1-newer.journal")
	disk := fault.NewDisk(t, 1)
	disk.Put(file, text)
	j := open(t, disk)
	got := j.State()
	if got.Phase != journal.PhaseOpen || got.Stored != 2 || got.Unknown != 2 || got.Records != 7 || got.Begin.Key != "k" {
		t.Errorf("got %+v", got)
	}
	p := part(1)
	p.Number, p.Size = 3, 3
	if err := errors.Join(j.Commit(p), j.Close()); err != nil {
		t.Fatal(err)
	}
	if after := disk.Files()[file]; !bytes.HasPrefix(after, text) || len(after) == len(text) {
		t.Errorf("what was there is not kept:\n%s", after)
	}
}

func TestANewerVersionIsRefused(t *testing.T) {
	disk := fault.NewDisk(t, 1)
	disk.Put(file, golden(t, "v2.journal"))
	_, err := journal.Open(disk, folder, transfer)
	if !errors.Is(err, journal.ErrVersion) || errors.Is(err, journal.ErrInvalid) || !strings.Contains(err.Error(), "version 2, this program reads 1") {
		t.Errorf("got %v", err)
	}
	if !bytes.Equal(disk.Files()[file], golden(t, "v2.journal")) {
		t.Error("it was changed")
	}
}

// A crash can cut a journal anywhere. Whatever is left must read as the records
// that were wholly written, in order, and nothing else.
func TestEveryPrefixIsAJournal(t *testing.T) {
	whole := golden(t, "v1.journal")
	want, err := collect(journal.Records(bytes.NewReader(whole)))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		got, err := collect(journal.Records(bytes.NewReader(whole[:cut])))
		n := bytes.Count(whole[:cut], []byte("\n"))
		if err != nil || !slices.Equal(got, want[:n]) {
			t.Fatalf("cut at %d: %v, %d records, want %d", cut, err, len(got), n)
		}
	}
}

// No flipped bit, whether in a payload, a sum or a length, is trusted; nor is
// anything behind it.
func TestADamagedRecordEndsTrust(t *testing.T) {
	whole := golden(t, "v1.journal")[:1335]
	want, err := collect(journal.Records(bytes.NewReader(whole)))
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		for bit := range 8 {
			text := bytes.Clone(whole)
			text[at] ^= 1 << bit
			got, err := collect(journal.Records(bytes.NewReader(text)))
			n := bytes.Count(whole[:at], []byte("\n"))
			if err != nil || !slices.Equal(got, want[:n]) {
				t.Fatalf("bit %d of byte %d: %v, %d records, want %d", bit, at, err, len(got), n)
			}
		}
	}
}

// A line stands for nothing where it was not written: not twice, not without
// those before it, not in another journal.
func TestALineIsTrustedInItsPlaceOnly(t *testing.T) {
	all := bytes.SplitAfter(golden(t, "v1.journal"), []byte("\n"))
	all = all[:len(all)-1]
	count := func(l [][]byte) int {
		got, err := collect(journal.Records(bytes.NewReader(bytes.Join(l, nil))))
		if err != nil {
			t.Fatal(err)
		}
		return len(got)
	}
	for i := 1; i < len(all); i++ {
		if n := count(slices.Delete(slices.Clone(all), i-1, i)); n != i-1 {
			t.Errorf("without line %d: %d records", i, n)
		}
		if n := count(slices.Insert(slices.Clone(all), i, all[i-1])); n != i {
			t.Errorf("line %d twice: %d records", i, n)
		}
	}
	other := []byte(framed(`{"type":"creating"}`))
	if n := count([][]byte{all[0], other}); n != 1 {
		t.Errorf("a line of another journal was trusted")
	}
}

// What is cut off when a journal is opened is counted before, and gone after.
func TestATornTailIsCutOff(t *testing.T) {
	whole := golden(t, "v1.journal")
	for _, tail := range []string{"0", "0013 1234", "0013 12345678 {\"type\":\"creating\"}\n", strings.Repeat("\x00", 5000), "\n", "more\nthan one\n"} {
		disk := fault.NewDisk(t, 1)
		disk.Put(file, append(bytes.Clone(whole), tail...))
		if s, err := journal.Read(disk, folder, transfer); err != nil || s.Tail != int64(len(tail)) || s.Phase != journal.PhaseCompleted {
			t.Errorf("tail %q: %v, %+v", tail, err, s)
		}
		j := open(t, disk)
		if got := j.State().Tail; got != int64(len(tail)) {
			t.Errorf("tail %q: %d bytes", tail, got)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(disk.Files()[file], whole) {
			t.Errorf("tail %q is still there", tail)
		}
	}
}

// Lines that are whole and say what cannot be are no torn tail: nothing is cut
// off, and the error says where.
func TestWhatIsWholeAndWrongIsAnError(t *testing.T) {
	first := payloads(golden(t, "v1.journal"))[0]
	const creating, created = `{"type":"creating"}`, `{"type":"created","upload_id":"u"}`
	const sums = `"etag":"e","crc64nvme":"AAAAAAAAAAE="`
	for name, c := range map[string]struct {
		lines []string
		says  string
	}{
		"no begin":              {[]string{creating}, "record 1, .*first record is not begin"},
		"twice begun":           {[]string{first, first}, "record 2, .*begun already"},
		"no type":               {[]string{first, `{"kind":"part"}`}, "record 2: type is missing"},
		"no object":             {[]string{first, `[]`}, "record 2: json"},
		"no JSON":               {[]string{first, `{"type":"part"`}, "record 2: "},
		"more than JSON":        {[]string{first, creating + "{}"}, "record 2: "},
		"no version":            {[]string{strings.Replace(first, `"version":1,`, "", 1)}, "record 1: version is missing"},
		"version 0":             {[]string{strings.Replace(first, `"version":1,`, `"version":0,`, 1)}, "record 1: version is missing"},
		"version in words":      {[]string{strings.Replace(first, `"version":1,`, `"version":"1",`, 1)}, "record 1: version is missing"},
		"another's":             {[]string{strings.Replace(first, transfer, run, 1)}, "that of transfer "},
		"no run":                {[]string{strings.Replace(first, `"run"`, `"runs"`, 1)}, "run is no ULID"},
		"no key":                {[]string{strings.Replace(first, `"key"`, `"keys"`, 1)}, "key is missing"},
		"no started":            {[]string{strings.Replace(first, `"started"`, `"at"`, 1)}, "started is missing"},
		"no options":            {[]string{strings.Replace(first, `"options":"ab`, `"options":"zb`, 1)}, "options is not"},
		"no checksum":           {[]string{strings.Replace(first, `"checksum"`, `"sum"`, 1)}, "checksum is missing"},
		"part size 0":           {[]string{strings.Replace(first, `"part_size":8388608`, `"part_size":0`, 1)}, "part_size is out of range"},
		"too many parts":        {[]string{strings.Replace(first, `"part_size":8388608`, `"part_size":4000`, 1)}, "more than 10,000"},
		"size of -2":            {[]string{strings.Replace(first, `"size":41943043`, `"size":-2`, 1)}, "has -2 bytes"},
		"path of another type":  {[]string{strings.Replace(first, `"/data/big.iso"`, `7`, 1)}, "record 1: json"},
		"part without upload":   {[]string{first, `{"type":"part","number":1,"size":8388608,` + sums + `}`}, `record 2, "part": it cannot follow when the transfer is begun`},
		"part without sum":      {[]string{first, creating, created, `{"type":"part","number":1,"size":8388608,"etag":"e"}`}, "record 4: crc64nvme is missing"},
		"part of another sum":   {[]string{first, creating, created, `{"type":"part","number":1,"size":8388608,"etag":"e","crc64nvme":"AAE="}`}, "record 4: .*CRC64NVME"},
		"part 0":                {[]string{first, creating, created, `{"type":"part","size":8388608,` + sums + `}`}, "record 4: part 0 is not within"},
		"part 7 of 6":           {[]string{first, creating, created, `{"type":"part","number":7,"size":8388608,` + sums + `}`}, "part 7 of 8388608 bytes is not of the plan"},
		"part of another size":  {[]string{first, creating, created, `{"type":"part","number":1,"size":8388607,` + sums + `}`}, "part 1 of 8388607 bytes is not of the plan"},
		"part of minus a byte":  {[]string{first, creating, created, `{"type":"part","number":1,"size":-1,` + sums + `}`}, "part 1 has -1 bytes"},
		"part without etag":     {[]string{first, creating, created, `{"type":"part","number":1,"size":8388608,"crc64nvme":"AAAAAAAAAAE="}`}, "part 1 has no etag"},
		"created without id":    {[]string{first, creating, `{"type":"created"}`}, "record 3: upload_id is missing"},
		"created by itself":     {[]string{first, created}, `record 2, "created": it cannot follow`},
		"created again":         {[]string{first, creating, created, `{"type":"restarted"}`, creating, created}, "record 6, .*earlier upload"},
		"completed by itself":   {[]string{first, creating, created, `{"type":"completed"}`}, `record 4, "completed": it cannot follow when the transfer is open`},
		"whole without sum":     {[]string{first, creating, created, `{"type":"completing"}`}, "record 4: crc64nvme is missing"},
		"aborted by itself":     {[]string{first, creating, created, `{"type":"aborted"}`}, `record 4, "aborted": it cannot follow when the transfer is open`},
		"aborted another":       {[]string{first, creating, created, `{"type":"aborted","upload_id":"v"}`}, "no abort of that upload is owed"},
		"part in lost creation": {[]string{first, creating, `{"type":"aborting"}`, `{"type":"part","number":1,"size":8388608,` + sums + `}`}, "record 4, .*there is no upload"},
		"touched to grow":       {[]string{first, `{"type":"touched","source":{"size":41943044}}`}, "record 2, .*had 41943043 bytes and has 41943044"},
		"touched to -2":         {[]string{first, `{"type":"touched","source":{"size":-2}}`}, "has -2 bytes"},
		"after completed": {[]string{first, creating, created, `{"type":"completing","crc64nvme":"AAAAAAAAAAE="}`, `{"type":"completed"}`, `{"type":"aborting"}`},
			"record 6, .*completed"},
	} {
		disk := fault.NewDisk(t, 1)
		text := []byte(framed(c.lines...))
		disk.Put(file, text)
		_, err := journal.Open(disk, folder, transfer)
		if !errors.Is(err, journal.ErrInvalid) || !regexp.MustCompile(c.says).MatchString(err.Error()) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
		if !bytes.Equal(disk.Files()[file], text) {
			t.Errorf("%s: the journal was changed", name)
		}
		if _, held, _ := disk.Holder(folder + "/" + transfer + ".lock"); held {
			t.Errorf("%s: it is still held", name)
		}
	}
}

// An empty or unreadable beginning is no journal: there is nothing to go on with.
func TestNoFirstRecordIsNoJournal(t *testing.T) {
	for _, text := range []string{"", "\n", "0013", framed(`{"type":"creating"}`)[1:]} {
		disk := fault.NewDisk(t, 1)
		disk.Put(file, []byte(text))
		if _, err := journal.Open(disk, folder, transfer); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	for _, id := range []string{"", "../../etc/passwd", strings.ToLower(transfer), transfer + "0", "8" + transfer[1:], "U" + transfer[1:]} {
		disk := fault.NewDisk(t, 1)
		if _, err := journal.Open(disk, folder, id); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("Open of %q: got %v", id, err)
		}
		if _, err := journal.Read(disk, folder, id); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("Read of %q: got %v", id, err)
		}
		b := begin()
		b.Transfer = id
		if _, err := journal.Create(disk, folder, b); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("Create of %q: got %v", id, err)
		}
	}
}

// A disk that cannot be read is no end of a journal: nothing may be cut off.
func TestAReadErrorIsNotATornTail(t *testing.T) {
	whole := golden(t, "v1.journal")
	broken := errors.New("broken disk")
	for _, at := range []int{0, 5, 20, 1000, len(whole) - 1} {
		got, err := collect(journal.Records(io.MultiReader(bytes.NewReader(whole[:at]), iotest.ErrReader(broken))))
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %d records, %v", at, len(got), err)
		}
	}
}
