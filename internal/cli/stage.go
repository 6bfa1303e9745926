package cli

import (
	"fmt"
	"io"
	"maps"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/dustin/go-humanize"

	"github.com/sealift/sealift/internal/redact"
	"github.com/sealift/sealift/receipt"
)

// A stage is where the demo is shown: numbered acts with ticks for people, or
// JSON lines.
type stage struct {
	run  string
	out  io.Writer
	json *jsonLines // nil for people
	curt bool       // people get the end only
	acts int

	title, tick, label, faint lipgloss.Style
}

// A fact is what a JSON line says besides its head.
type fact struct {
	name  string
	value any
}

func newStage(s *Streams, o Output) *stage {
	st := &stage{run: newRun(), out: s.Out, curt: o.Quiet,
		title: lipgloss.NewStyle().Bold(true), tick: lipgloss.NewStyle().Foreground(lipgloss.Green).Bold(true),
		label: lipgloss.NewStyle().Foreground(lipgloss.Cyan), faint: lipgloss.NewStyle().Faint(true)}
	if o.JSON {
		st.json = &jsonLines{out: s.Out}
	}
	return st
}

// write prints styled text; lipgloss leaves the styles out where they do not
// belong: in a pipe, with NO_COLOR, on a dumb terminal.
func (s *stage) write(text string) {
	if s.json == nil && !s.curt {
		_, _ = lipgloss.Fprintln(s.out, text)
	}
}

// act begins the next act.
func (s *stage) act(title string) {
	s.acts++
	s.write(fmt.Sprintf("\n%s  %s", s.label.Render(fmt.Sprint(s.acts)), s.title.Render(title)))
}

// done tells of a step that held.
func (s *stage) done(kind, text string, facts ...fact) {
	s.write("   " + s.tick.Render("✓") + " " + redact.Escape(text))
	if s.json == nil {
		return
	}
	line := map[string]any{"type": kind, "time": time.Now().UTC(), "run": s.run, "ok": true}
	maps.Insert(line, func(yield func(string, any) bool) {
		for _, f := range facts {
			if !yield(f.name, f.value) {
				return
			}
		}
	})
	s.json.print(line)
}

// detail adds a named fact below a step.
func (s *stage) detail(name, value string) {
	s.write("     " + s.faint.Render(fmt.Sprintf("%-12s", name)) + " " + redact.Escape(value))
}

// receipt shows what matters of a receipt.
func (s *stage) receipt(r *receipt.Receipt) {
	s.write("   " + s.tick.Render("✓") + " stored, says S3; this is the receipt")
	parts := "one PutObject"
	if m := r.Multipart; m != nil {
		parts = fmt.Sprintf("%d parts of %s", m.Parts, humanize.IBytes(uint64(m.PartSize)))
	}
	s.detail("object", address(r.Object.Bucket, r.Object.Key))
	s.detail("size", fmt.Sprintf("%s bytes, in %s", humanize.Comma(r.Object.Size), parts))
	s.detail("CRC64NVME", r.Object.Checksum.Value+" (the source's and S3's)")
	if r.Object.VersionID != nil {
		s.detail("version", *r.Object.VersionID)
	}
	if r.Session.AssumedRoleARN != nil {
		s.detail("session", *r.Session.AssumedRoleARN)
	}
	s.detail("narrowed to", r.Session.Narrowing+", key id "+r.Session.KeyID)
	if n := len(r.Requests); n > 0 {
		s.detail("request", r.Requests[n-1].Operation+" "+r.Requests[n-1].RequestID)
	}
	s.detail("took", r.Finished.Sub(r.Started).Round(time.Millisecond).String())
}

// end closes the demo.
func (s *stage) end(text string, took time.Duration) {
	s.write("")
	s.curt = false
	s.write(fmt.Sprintf("%s in %.1f s. %s", s.tick.Render(text), took.Seconds(), s.faint.Render("Next: README, \"With your own bucket\".")))
}
