package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/pflag"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/receipt"
)

// An unfinished run is one whose command line is kept in the state folder, from
// before it sends anything until it has nothing left to go on with. The same
// command line, in the same folder, goes on with it under the same ULID; resume
// gives that command line again.
type unfinished struct {
	Version int       `json:"version"`
	Run     string    `json:"run"` // ULID
	Started time.Time `json:"started"`
	Folder  string    `json:"folder"` // where the command was given
	Args    []string  `json:"args"`   // upload and what follows it, but for what has no meaning later

	pid int // of the process that is at it; 0 = none
}

const unfinishedVersion = 1

// Folders within the state folder.
const (
	runsFolder     = "runs"
	journalsFolder = "journal"
	receiptsFolder = "receipts"
)

// fleeting are flags that say how a command talks, how fast it works, or what is
// true only once: who goes on may give others.
var fleeting = map[string]bool{
	"json": true, "quiet": true, "no-progress": true, "log-level": true, "log-file": true, "mfa-code": true,
	"concurrency": true, "bwlimit": true, "keep-trying": true, "deadline": true, "on-interrupt": true, "spool-dir": true,
	"require-journal": true, "state-dir": true,
}

// lasting is a command line without what is fleeting. Which flags take the word
// behind them as their value it knows from their definitions.
func lasting(args []string) []string {
	known := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&Upload{}).bind(known)
	var kept []string
	for i := 0; i < len(args); i++ {
		name, _, whole := strings.Cut(strings.TrimPrefix(args[i], "--"), "=")
		if args[i] == "--" {
			return append(kept, args[i:]...)
		}
		words := args[i : i+1]
		if f := known.Lookup(name); f != nil && f.NoOptDefVal == "" && strings.HasPrefix(args[i], "--") && !whole && i+1 < len(args) {
			words = args[i : i+2]
			i++
		}
		if !strings.HasPrefix(words[0], "--") || !fleeting[name] {
			kept = append(kept, words...)
		}
	}
	return kept
}

// newUnfinished is that of a command line given now.
func newUnfinished(run string, args []string) (unfinished, error) {
	folder, err := os.Getwd()
	if whole, real := filepath.EvalSymlinks(folder); real == nil { // the shell may call it by a link
		folder = whole
	}
	return unfinished{Version: unfinishedVersion, Run: run, Started: time.Now().UTC(), Folder: folder, Args: lasting(args)}, err
}

// same tells whether two are of the same command line.
func (u unfinished) same(other unfinished) bool {
	return u.Folder == other.Folder && slices.Equal(u.Args, other.Args)
}

// keep writes it down, for this user alone.
func (u unfinished) keep(state string) error {
	folder := filepath.Join(state, runsFolder)
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	if err := durable.MakeFolder(folder); err != nil {
		return err
	}
	return durable.WriteFile(u.in(state), append(text, '\n'), 0o600)
}

func (u unfinished) in(state string) string {
	return filepath.Join(state, runsFolder, u.Run+".json")
}

// drop forgets it. What cannot be removed is found finished later.
func (u unfinished) drop(state string) {
	_ = os.Remove(u.in(state))
	_ = os.Remove(u.ledger(state))
}

// ledger is where what is stored is kept while the run is unfinished, if its
// receipts are not kept on this machine.
func (u unfinished) ledger(state string) string {
	return filepath.Join(state, runsFolder, u.Run+".jsonl")
}

// hold keeps other processes from going on with it, until it is let go.
func (u unfinished) hold(state string) (letGo func(), err error) {
	folder := filepath.Join(state, runsFolder)
	if err := durable.MakeFolder(folder); err != nil {
		return nil, err
	}
	unlock, err := durable.System{}.Lock(filepath.Join(folder, u.Run+".lock"), strconv.Itoa(os.Getpid()))
	if err != nil {
		return nil, err
	}
	return func() { _ = unlock() }, nil
}

// unfinishedRuns are those that a state folder knows, the oldest first. One that
// cannot be read is said, and none.
func unfinishedRuns(s *Streams, state string) []unfinished {
	folder := filepath.Join(state, runsFolder)
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Say("warning: unfinished runs cannot be listed: %v", err)
	}
	var all []unfinished
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), ".json")
		if _, err := ulid.ParseStrict(name); !is || err != nil || !e.Type().IsRegular() {
			continue
		}
		u, err := readUnfinished(filepath.Join(folder, e.Name()))
		if err == nil && u.Run != name {
			err = errors.New("it is another run's")
		}
		if err != nil {
			s.Say("warning: passed over %s: %v", filepath.Join(folder, e.Name()), err)
			continue
		}
		if holder, held, err := (durable.System{}).Holder(filepath.Join(folder, name+".lock")); err == nil && held {
			u.pid, _ = strconv.Atoi(holder)
			u.pid = max(u.pid, 1)
		}
		all = append(all, u)
	}
	return all
}

// maxUnfinished bounds what is read of one, in bytes.
const maxUnfinished = 4 << 20

func readUnfinished(path string) (u unfinished, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return u, err
	}
	if info.Size() > maxUnfinished {
		return u, fmt.Errorf("it has over %d bytes", maxUnfinished)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return u, err
	}
	if err := json.Unmarshal(text, &u); err != nil {
		return u, err
	}
	if u.Version != unfinishedVersion {
		return u, fmt.Errorf("it is of version %d, this program knows %d", u.Version, unfinishedVersion)
	}
	if len(u.Args) == 0 || u.Args[0] != "upload" || !filepath.IsAbs(u.Folder) {
		return u, errors.New("it tells of no upload")
	}
	return u, nil
}

// A claim is a run of this process: new, or one that is gone on with.
type claim struct {
	unfinished
	state   string
	resumed bool
	letGo   func()
	kept    bool // it is written down
}

// claimRun takes the ULID of the run that is named, else of the newest of the
// same command line that stopped, else makes one. Where nothing can be kept, it
// is a new one.
func claimRun(s *Streams, state string, args []string) claim {
	mine, err := newUnfinished(newRun(), args)
	c := claim{unfinished: mine, state: state, letGo: func() {}}
	if err != nil || state == "" || len(args) == 0 {
		c.state = ""
		return c
	}
	for _, u := range slices.Backward(unfinishedRuns(s, state)) {
		if s.going != "" && u.Run != s.going || s.going == "" && !u.same(mine) {
			continue
		}
		if u.pid != 0 {
			s.Say("warning: the same command is under way in process %d, as run %s", u.pid, u.Run)
			continue
		}
		letGo, err := u.hold(state)
		if err != nil {
			continue
		}
		c.unfinished, c.resumed, c.letGo, c.kept = u, true, letGo, true
		return c
	}
	return c
}

// keep writes the run down before anything is sent. That it cannot be is no
// more than that nobody can go on with it by its ULID.
func (c *claim) keep() {
	if c.state == "" || c.kept {
		return
	}
	letGo, err := c.hold(c.state)
	if err != nil {
		return
	}
	if c.unfinished.keep(c.state) != nil {
		letGo()
		return
	}
	c.letGo, c.kept = letGo, true
}

// end lets the run go, and forgets it unless there is something to go on with.
func (c *claim) end(more bool) {
	if c.kept && !more {
		c.drop(c.state)
	}
	c.letGo()
	c.letGo = func() {}
}

// pending tells whether a journal of the run is left.
func (c *claim) pending() bool {
	if c.state == "" {
		return false
	}
	entries, _, err := journal.Scan(durable.System{}, journalsOf(c.state))
	return err == nil && slices.ContainsFunc(entries, func(e journal.Entry) bool { return e.State.Begin.Run == c.Run })
}

// stored is what the run is known to have stored, by the receipts in these
// files; nil for a run that has just begun.
func (c *claim) stored(bucket, prefix string, files []string) *memory {
	if !c.resumed {
		return nil
	}
	r := &recollection{bucket: bucket, prefix: prefix, run: c.Run, seed: maphash.MakeSeed()}
	for _, path := range append(slices.Clone(files), c.ledger(c.state)) {
		if _, err := os.Stat(path); err == nil {
			r.read(path)
		}
	}
	c.tidy(files)
	return r.memory()
}

// tidy removes the journals of transfers whose receipt is kept: the process
// ended in between.
func (c *claim) tidy(files []string) {
	folder := journalsOf(c.state)
	entries, _, err := journal.Scan(durable.System{}, folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.State.Phase != journal.PhaseCompleted || e.Held || !slices.ContainsFunc(files, func(path string) bool { return tells(path, e.Transfer) }) {
			continue
		}
		if j, err := journal.Open(durable.System{}, folder, e.Transfer); err == nil {
			_ = j.Remove() // found again by the next
		}
	}
}

// tells reports whether a file has the receipt of a transfer.
func tells(path, transfer string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() // read only
	for r, err := range receipt.Lines(f) {
		if err == nil && r.Transfer == transfer {
			return true
		}
	}
	return false
}

// holdsRun reports whether a file has receipts of that run, or was being
// written by it.
func holdsRun(path, run string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() // read only
	head := make([]byte, 128)
	n, _ := io.ReadFull(f, head)
	return run != "" && isOf(head[:n], run)
}

// isOf tells whether a receipt is of that run, "" is any.
func isOf(line []byte, run string) bool {
	return run == "" || bytes.Contains(line[:min(len(line), 128)], []byte(`"run":"`+run+`"`))
}
