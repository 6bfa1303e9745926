package journal_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/sum"
)

const (
	folder   = "/state/journals"
	run      = "01KAV8Y0000000000000000000"
	transfer = "01KAV8Y0000000000000000001"
	mib      = 1 << 20
	file     = folder + "/" + transfer + ".journal"
)

// begin is of a source of five parts of 8 MiB and a last one of three bytes.
func begin() journal.Begin {
	return journal.Begin{Version: 1, Run: run, Transfer: transfer, Started: time.Date(2026, 11, 24, 8, 0, 0, 1, time.UTC),
		Bucket: "my-bucket", Key: "in/<big> & \u2028.iso", Endpoint: "https://s3.example.com:9000/base", Region: "eu-west-1", Options: strings.Repeat("ab", 32), Object: `{"StorageClass":"STANDARD","Metadata":{"a":"<1> & 2"}}`,
		Source:   journal.Source{Path: "/data/big.iso", Fingerprint: journal.Fingerprint{Size: 5*8*mib + 3, Modified: 1764000000000000001, Changed: 1764000000000000002, Inode: 1<<64 - 1, Device: 66306}},
		PartSize: 8 * mib, Checksum: "SHA256", Session: "sealift-" + run}
}

func part(number int) journal.Part {
	p := journal.Part{Number: number, Size: 8 * mib, ETag: fmt.Sprintf(`"%032x"`, number), CRC: sum.Of([]byte{byte(number)}), Other: "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}
	if number == 6 {
		p.Size = 3
	}
	return p
}

func touched() journal.Touched {
	print := begin().Source.Fingerprint
	print.Changed++
	return journal.Touched{Source: print}
}

func completing() journal.Completing {
	return journal.Completing{CRC: 7, Other: "c3Vt-6", SHA256: strings.Repeat("cd", 32)}
}

// story is a life with everything in it: an abort, an upload that went away, and
// an object in the end.
func story() []journal.Record {
	return []journal.Record{begin(),
		journal.Creating{}, journal.Created{UploadID: "first"}, part(1), part(3), journal.Aborting{}, part(2), journal.Aborted{}, journal.Restarted{},
		journal.Creating{}, journal.Creating{}, journal.Created{UploadID: "second"}, part(1), journal.Aborting{}, journal.Restarted{},
		journal.Creating{}, third(), part(2), part(1), touched(), part(3), part(1), journal.Aborted{UploadID: "second"},
		part(6), part(4), part(5), completing(), part(5), completing(), journal.Completed{ETag: `"e-6"`, VersionID: "v", Receipt: `{"version":1,"path":"<a> & b"}`}}
}

// third is an answer of which all is known.
func third() journal.Created {
	return journal.Created{UploadID: "third", RequestID: "R1", ID2: "I1", KeyID: "ASIAEXAMPLE", Time: time.Date(2026, 11, 24, 8, 0, 1, 0, time.UTC)}
}

// commits reports whether a record is one that must be on the disk before the
// next request.
func commits(r journal.Record) bool {
	switch r.(type) {
	case journal.Creating, journal.Created, journal.Completing, journal.Completed, journal.Aborting:
		return true
	}
	return false
}

// states are those after each record, states[0] that of none.
func states(t testing.TB, records []journal.Record) []journal.State {
	t.Helper()
	all := []journal.State{{}}
	var s journal.State
	for _, r := range records {
		if err := s.Add(r); err != nil {
			t.Fatal(err)
		}
		all = append(all, copyOf(s))
	}
	return all
}

func copyOf(s journal.State) journal.State {
	parts := s.Parts
	s.Parts = nil
	if parts != nil {
		s.Parts = map[int]journal.Part{}
	}
	for n, p := range parts {
		s.Parts[n] = p
	}
	s.Gone, s.Owed = append([]string(nil), s.Gone...), append([]string(nil), s.Owed...)
	return s
}

// same compares states but for their tails.
func same(a, b journal.State) bool {
	a, b = copyOf(a), copyOf(b)
	a.Tail, b.Tail = 0, 0
	return reflect.DeepEqual(a, b)
}

// line frames a payload as the format says, by other means than the package.
func line(before []string, payload string) string {
	all := strings.Join(before, "") + payload
	return fmt.Sprintf("%04x %08x %s\n", len(payload), crc32.Checksum([]byte(all), crc32.MakeTable(crc32.Castagnoli)), payload)
}

// framed are the lines of payloads.
func framed(payloads ...string) string {
	var out strings.Builder
	for i, p := range payloads {
		out.WriteString(line(payloads[:i], p))
	}
	return out.String()
}

// payloads are the JSON of a journal's lines.
func payloads(text []byte) (all []string) {
	for l := range bytes.Lines(text) {
		all = append(all, strings.TrimSuffix(string(l[14:]), "\n"))
	}
	return all
}

// write puts records into a new journal and closes it.
func write(t testing.TB, disk durable.Disk, records ...journal.Record) {
	t.Helper()
	j, err := journal.Create(disk, folder, records[0].(journal.Begin))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records[1:] {
		if err := j.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// open opens the journal and fails the test if it cannot.
func open(t testing.TB, disk durable.Disk) *journal.Journal {
	t.Helper()
	j, err := journal.Open(disk, folder, transfer)
	if err != nil {
		t.Fatal(err)
	}
	return j
}
