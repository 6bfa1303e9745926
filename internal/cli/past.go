package cli

import (
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/journal"
)

// A past is what the state folder knows of runs before this one.
type past struct{ StateDir string }

func (p *past) bind(f *pflag.FlagSet) {
	f.StringVar(&p.StateDir, "state-dir", "", "state `FOLDER` (default $XDG_STATE_HOME/sealift)")
}

// state is the state folder, absolute, for a command may go elsewhere; "" where
// there is none.
func (p *past) state(s *Streams) string {
	state := p.StateDir
	if state == "" {
		state = s.stateFolder()
	}
	if state == "" {
		return ""
	}
	whole, err := filepath.Abs(state)
	if err != nil {
		return state
	}
	p.StateDir = whole
	return whole
}

// journals are those of uploads in parts that are not over, whoever began them.
func (p *past) journals(s *Streams) []journal.Entry {
	entries, more, err := journal.Scan(durable.System{}, journalsOf(p.state(s)))
	switch {
	case err != nil:
		s.Say("warning: %v", err)
	case more:
		s.Say("warning: there are more than %d journals; the first are looked at", journal.MaxScan)
	}
	return entries
}

// journalsOf is the folder of journals in a state folder.
func journalsOf(state string) string { return filepath.Join(state, journalsFolder) }

// recent are the newest files of receipts, the newest first: one a run.
func (p *past) recent(s *Streams, most int) []string {
	folder := filepath.Join(p.state(s), receiptsFolder)
	entries, _ := os.ReadDir(folder) // none is as good as an empty one
	var paths []string
	for i := len(entries) - 1; i >= 0 && len(paths) < most; i-- {
		if e := entries[i]; e.IsDir() || filepath.Ext(e.Name()) == ".jsonl" {
			paths = append(paths, filepath.Join(folder, e.Name()))
		}
	}
	return paths
}
