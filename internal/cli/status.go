package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/redact"
)

// Status is `sealift status`: what is unfinished, and what was done last, as the
// state folder has it. It asks nobody.
type Status struct {
	past
	JSON bool
}

func (st *Status) command(s *Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status [flags] [RUN | TRANSFER]",
		Short:   "List unfinished and recent runs",
		Long:    statusHelp,
		Example: statusExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{"name one run or transfer, or none for all", "sealift status"}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return st.Run(s, strings.Join(args, "")) },
	}
	cmd.Flags().BoolVar(&st.JSON, "json", false, "print JSON lines: one a run and one a transfer")
	st.bind(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

// A runLine is a run, as JSON.
type runLine struct {
	Type     string    `json:"type"` // "run"
	Run      string    `json:"run"`
	State    string    `json:"state"` // "running", "stopped" or "over"
	PID      int       `json:"pid,omitempty"`
	Started  time.Time `json:"started"`
	Folder   string    `json:"folder,omitempty"`
	Args     []string  `json:"args,omitempty"`
	Receipts string    `json:"receipts,omitempty"`
}

// A transferLine is an upload in parts that is not over, as JSON.
type transferLine struct {
	Type     string    `json:"type"` // "transfer"
	Run      string    `json:"run"`
	Transfer string    `json:"transfer"`
	Source   string    `json:"source"`
	Object   string    `json:"object"`
	Size     int64     `json:"size"`
	Stored   int64     `json:"stored"` // bytes of parts that S3 had
	Parts    int       `json:"parts"`
	Have     int       `json:"stored_parts"`
	Phase    string    `json:"phase"`
	PID      int       `json:"pid,omitempty"` // of the process that is at it
	Started  time.Time `json:"started"`
	Error    string    `json:"error,omitempty"`
}

// recentRuns is how many that are over are listed.
const recentRuns = 10

// Run prints what is known, or what is known of one.
func (st *Status) Run(s *Streams, name string) error {
	runs, transfers := st.runs(s), st.transfers(s)
	if name != "" {
		runs, transfers = only(runs, transfers, name)
		if len(runs)+len(transfers) == 0 {
			return &usageError{fmt.Sprintf("nothing is known of %q", name), "sealift status lists what is known; --state-dir says where it is kept"}
		}
	}
	if st.JSON {
		return printStatus(s, runs, transfers)
	}
	if len(runs)+len(transfers) == 0 {
		s.Say("there is nothing unfinished, and nothing was uploaded lately")
	}
	told := map[string]bool{}
	for _, r := range runs {
		if err := s.printResult(r.String()); err != nil {
			return err
		}
		for _, t := range transfers {
			if t.Run == r.Run {
				told[t.Transfer] = true
				if err := s.printResult("  " + t.String()); err != nil {
					return err
				}
			}
		}
	}
	for _, t := range transfers {
		if !told[t.Transfer] {
			if err := s.printResult(t.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

func printStatus(s *Streams, runs []runLine, transfers []transferLine) error {
	var lines []any
	for _, r := range runs {
		lines = append(lines, r)
	}
	for _, t := range transfers {
		lines = append(lines, t)
	}
	for _, l := range lines {
		text, err := json.Marshal(l)
		if err != nil {
			return err
		}
		if err := s.printResult(string(plain(text))); err != nil {
			return err
		}
	}
	return nil
}

// runs are the unfinished ones, and those that are over lately.
func (st *Status) runs(s *Streams) []runLine {
	var all []runLine
	known := map[string]bool{}
	for _, u := range unfinishedRuns(s, st.state(s)) {
		r := runLine{Type: "run", Run: u.Run, State: "stopped", PID: u.pid, Started: u.Started, Folder: u.Folder, Args: u.Args}
		if u.pid != 0 {
			r.State = "running"
		}
		known[u.Run] = true
		all = append(all, r)
	}
	for _, path := range st.recent(s, recentRuns) {
		run := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		id, err := ulid.ParseStrict(run)
		if err != nil || known[run] {
			continue
		}
		all = append(all, runLine{Type: "run", Run: run, State: "over", Started: ulid.Time(id.Time()).UTC(), Receipts: path})
	}
	return all
}

func (st *Status) transfers(s *Streams) []transferLine {
	var all []transferLine
	for _, e := range st.journals(s) {
		all = append(all, lineOfJournal(e))
	}
	return all
}

func lineOfJournal(e journal.Entry) transferLine {
	b := e.State.Begin
	t := transferLine{Type: "transfer", Run: b.Run, Transfer: e.Transfer, Source: b.Source.Path, Object: address(b.Bucket, b.Key),
		Size: e.State.Source.Size, Stored: e.State.Bytes, Have: e.State.Stored, Phase: string(e.State.Phase), Started: b.Started}
	if e.Held {
		t.PID = max(e.PID, 1)
	}
	if b.PartSize > 0 {
		t.Parts = int((max(b.Source.Size, 1)-1)/b.PartSize) + 1
	}
	if e.Err != nil {
		t.Error = e.Err.Error()
	}
	return t
}

// only are those that a ULID names.
func only(runs []runLine, transfers []transferLine, name string) (r []runLine, t []transferLine) {
	run := name
	for _, one := range transfers {
		if one.Transfer == name {
			run = one.Run
			t = append(t, one)
		} else if one.Run == name {
			t = append(t, one)
		}
	}
	for _, one := range runs {
		if one.Run == run {
			r = append(r, one)
		}
	}
	return r, t
}

// String is a run on one line.
func (r runLine) String() string {
	switch r.State {
	case "running":
		return fmt.Sprintf("%s  running in process %d since %s: sealift %s", r.Run, r.PID, humanize.Time(r.Started), shown(r.Args))
	case "stopped":
		return fmt.Sprintf("%s  stopped, begun %s in %s: sealift %s", r.Run, humanize.Time(r.Started), redact.Escape(r.Folder), shown(r.Args))
	}
	return fmt.Sprintf("%s  over, begun %s; receipts in %s", r.Run, humanize.Time(r.Started), redact.Escape(r.Receipts))
}

// shown are words as they would be typed, or nearly.
func shown(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = redact.Escape(a)
		if a == "" || strings.ContainsAny(a, " '\"\\$&;|<>()*?`\t\n") {
			words[i] = "'" + strings.ReplaceAll(words[i], "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// String is a transfer on one line.
func (t transferLine) String() string {
	if t.Error != "" {
		return redact.Escape(fmt.Sprintf("%s  cannot be gone on with: %s", t.Transfer, t.Error))
	}
	how := fmt.Sprintf("%d of %d parts stored, %s of %s", t.Have, t.Parts, humanize.IBytes(uint64(t.Stored)), humanize.IBytes(uint64(max(0, t.Size))))
	switch journal.Phase(t.Phase) {
	case journal.PhaseCompleting:
		how = "whether it is stored is not known yet"
	case journal.PhaseCompleted:
		how = "stored, and its receipt not handed out"
	case journal.PhaseAborting:
		how = "its abort is owed"
	}
	return redact.Escape(fmt.Sprintf("%s  %s to %s: %s", t.Transfer, t.Source, t.Object, how))
}
