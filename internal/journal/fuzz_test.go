package journal_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/journal"
)

// Whatever a file holds, reading it ends, in an error that is known or in
// records; opening it keeps what is trusted, byte for byte, and nothing else.
func FuzzJournal(f *testing.F) {
	for _, name := range []string{"v1.journal", "v1-newer.journal", "v2.journal"} {
		whole := golden(f, name)
		whole = whole[:min(len(whole), 900)] // short ones are soon varied
		f.Add(whole)
		f.Add(whole[:len(whole)-7])
		f.Add(append(bytes.Clone(whole), whole...))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		records, failed := collect(journal.Records(bytes.NewReader(text)))
		disk := fault.NewDisk(t, 1)
		disk.Put(file, text)
		j, err := journal.Open(disk, folder, transfer)
		if err != nil {
			if !errors.Is(err, journal.ErrInvalid) && !errors.Is(err, journal.ErrVersion) {
				t.Errorf("got %v", err)
			}
			if !bytes.Equal(disk.Files()[file], text) {
				t.Error("it was changed")
			}
			return
		}
		s := j.State()
		if failed != nil || s.Records != len(records) {
			t.Errorf("%v: %d records, and %d in the state", failed, len(records), s.Records)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		kept := disk.Files()[file]
		if !bytes.HasPrefix(text, kept) || int64(len(text)-len(kept)) != s.Tail {
			t.Errorf("%d bytes of %d are kept, the tail is %d", len(kept), len(text), s.Tail)
		}
		again := open(t, disk)
		if got := again.State(); !same(got, s) {
			t.Errorf("opened again: %+v", got)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever JSON a line that can be trusted has, it is a record that is written
// and read again as the same, one of a newer program, or an error that is known.
func FuzzRecord(f *testing.F) {
	for _, name := range []string{"v1.journal", "v1-newer.journal"} {
		for _, p := range payloads(golden(f, name)) {
			f.Add(p)
		}
	}
	f.Fuzz(func(t *testing.T, payload string) {
		if len(payload) > journal.MaxRecord || payload == "" {
			return
		}
		records, err := collect(journal.Records(bytes.NewReader([]byte(framed(payload)))))
		if err != nil || len(records) == 0 {
			if err != nil && !errors.Is(err, journal.ErrInvalid) && !errors.Is(err, journal.ErrVersion) {
				t.Errorf("got %v", err)
			}
			return
		}
		if u, is := records[0].(journal.Unknown); is {
			if string(u.JSON) != payload {
				t.Errorf("got %s", u.JSON)
			}
			return
		}
		again := rewritten(t, records[0])
		if again != nil && !reflect.DeepEqual(again, records[0]) {
			t.Errorf("got  %+v\nwant %+v", again, records[0])
		}
	})
}

// rewritten is a record that was written to a journal, as it is read; nil where
// the journal has no place for it.
func rewritten(t *testing.T, r journal.Record) journal.Record {
	disk := fault.NewDisk(t, 1)
	if b, is := r.(journal.Begin); is {
		b.Version = journal.Version
		j, err := journal.Create(disk, folder, b)
		if err != nil {
			return nil // of a relative path
		}
		defer func() { _ = j.Close() }()
		s := j.State()
		read, err := collect(journal.Records(bytes.NewReader(disk.Files()[folder+"/"+s.Begin.Transfer+".journal"])))
		if err != nil {
			t.Fatal(err)
		}
		return read[0]
	}
	for _, before := range [][]journal.Record{{}, {journal.Creating{}}, {journal.Creating{}, journal.Created{UploadID: "u"}},
		{journal.Creating{}, journal.Created{UploadID: "u"}, completing()}, {journal.Creating{}, journal.Created{UploadID: "u"}, journal.Aborting{}}} {
		disk := fault.NewDisk(t, 1)
		j, err := journal.Create(disk, folder, begin())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range before {
			if err := j.Append(b); err != nil {
				t.Fatal(err)
			}
		}
		err = j.Append(r)
		_ = j.Close()
		if err != nil {
			continue
		}
		read, err := collect(journal.Records(bytes.NewReader(disk.Files()[file])))
		if err != nil {
			t.Fatal(err)
		}
		return read[len(read)-1]
	}
	return nil
}
