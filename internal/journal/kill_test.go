package journal_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/journal"
)

// writeIn names the folder in which a process of this test writes a journal
// until it is killed.
const writeIn = "SEALIFT_TEST_JOURNAL_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writeIn); dir != "" {
		fmt.Println(keepWriting(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// keepWriting goes on with the journal for ever, and says after each record how
// many it has.
func keepWriting(dir string) error {
	j, err := journal.Open(durable.System{}, dir, transfer)
	if err != nil {
		return err
	}
	for n := j.State().Records; ; n++ {
		fmt.Println(n)
		r := endless(n)
		if commits(r) || n%50 == 0 {
			err = j.Commit(r)
		} else {
			err = j.Append(r)
		}
		if err != nil {
			return err
		}
	}
}

// endless is record n, from 0, of a journal that never ends.
func endless(n int) journal.Record {
	switch n {
	case 0:
		return begin()
	case 1:
		return journal.Creating{}
	case 2:
		return journal.Created{UploadID: "u"}
	}
	return part(n%6 + 1)
}

// A process that is killed at whatever moment leaves all that it was told was
// taken; the next one goes on from there.
func TestKillNineLosesNothingThatWasTaken(t *testing.T) {
	dir := t.TempDir()
	var want journal.State
	s := seed(t)
	random := rand.New(rand.NewPCG(s, 0))
	kills, total := 25, 0
	if testing.Short() {
		kills = 5
	}
	for n := range kills {
		if want.Records == 0 || want.Records > 3_000 { // before it is full
			want = startAnew(t, dir)
		}
		taken := killOne(t, dir, time.Duration(random.IntN(15_000))*time.Microsecond, n < 3)
		got, err := journal.Read(durable.System{}, dir, transfer)
		if err != nil {
			t.Fatal(err)
		}
		for n := want.Records; n < got.Records; n++ {
			if err := want.Add(endless(n)); err != nil {
				t.Fatal(err)
			}
		}
		if got.Records < taken || got.Records > taken+1 || !same(got, want) {
			t.Fatalf("%d records were taken, and are there:\n%+v", taken, got)
		}
		total += taken
		if entries, _, err := journal.Scan(durable.System{}, dir); err != nil || len(entries) != 1 || entries[0].Held || entries[0].Err != nil {
			t.Fatalf("the dead still hold it: %v, %+v", err, entries)
		}
	}
	t.Logf("%d kills, after %d records in all", kills, total)
}

// startAnew makes the journal, in place of one that is there, and returns its state.
func startAnew(t *testing.T, dir string) (s journal.State) {
	t.Helper()
	j, err := journal.Open(durable.System{}, dir, transfer)
	if err == nil {
		err = j.Remove()
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		j, err = journal.Create(durable.System{}, dir, begin())
	}
	if err == nil {
		err = errors.Join(j.Close(), s.Add(begin()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// killOne lets a process write for so long after its first word, and kills it.
// It returns how many records that was told were taken. With look, others ask for
// the journal meanwhile.
func killOne(t *testing.T, dir string, after time.Duration, look bool) (taken int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), writeIn+"="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	said, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if look {
		held(t, dir, cmd.Process.Pid)
	}
	// It must not stand still because nobody listens.
	rest := make(chan string)
	go func() {
		text, _ := io.ReadAll(lines)
		rest <- string(text)
	}()
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	said += <-rest
	_ = cmd.Wait()
	whole := strings.Split(said[:strings.LastIndexByte(said, '\n')], "\n")
	if taken, err = strconv.Atoi(whole[len(whole)-1]); err != nil {
		t.Fatalf("it said %q", whole[len(whole)-1])
	}
	return taken
}

// held is what others see of a journal that a living process has.
func held(t *testing.T, dir string, pid int) {
	t.Helper()
	_, err := journal.Open(durable.System{}, dir, transfer)
	if held, is := errors.AsType[*journal.HeldError](err); !is || held.PID != pid {
		t.Fatalf("process %d holds it, and Open says %v", pid, err)
	}
	entries, more, err := journal.Scan(durable.System{}, dir)
	if err != nil || more || len(entries) != 1 || !entries[0].Held || entries[0].PID != pid || entries[0].Err != nil {
		t.Fatalf("process %d holds it, and Scan says %v, %+v", pid, err, entries)
	}
}
