package cli

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"github.com/sealift/sealift/internal/journal"
)

// Resume is `sealift resume`: the command lines of runs that stopped are given
// again, each in its own folder.
type Resume struct {
	app App
	past
	JSON, Quiet, NoProgress bool
}

func (r *Resume) command(s *Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "resume [flags] [RUN | TRANSFER]...",
		Short:       "Go on with uploads that stopped",
		Long:        resumeHelp,
		Example:     resumeExamples,
		Annotations: map[string]string{inLines: "true"},
		RunE:        func(cmd *cobra.Command, args []string) error { return r.Run(cmd.Context(), s, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&r.JSON, "json", false, "print JSON lines as upload does, a summary after each run")
	f.BoolVar(&r.Quiet, "quiet", false, "say nothing but warnings and errors; results are still printed")
	f.BoolVar(&r.NoProgress, "no-progress", false, "show no bars and no progress lines")
	r.bind(f)
	f.SortFlags = false
	return cmd
}

// A codeError is how a command ended that was given again, and has said why.
type codeError int

func (c codeError) Error() string { return fmt.Sprintf("ended with code %d", int(c)) }

// Run goes on with the runs that are named, or all that stopped.
func (r *Resume) Run(ctx context.Context, s *Streams, named []string) error {
	runs, err := r.choose(s, named)
	if err != nil {
		return err
	}
	if len(runs) == 0 && !r.Quiet {
		s.Say("there is nothing to go on with")
	}
	var codes []error
	for _, u := range runs {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		codes = append(codes, r.again(ctx, s, u))
	}
	if err := worst(codes); err != nil {
		return &saidError{err}
	}
	return nil
}

// choose finds the runs; none named are all that stopped.
func (r *Resume) choose(s *Streams, named []string) ([]unfinished, error) {
	all := unfinishedRuns(s, r.state(s))
	if len(named) == 0 {
		return slices.DeleteFunc(all, func(u unfinished) bool { return u.pid != 0 }), nil
	}
	var chosen []unfinished
	for _, name := range named {
		u, err := r.find(s, all, name)
		switch {
		case err != nil:
			return nil, err
		case u.pid != 0:
			return nil, &usageError{fmt.Sprintf("run %s is under way in process %d", u.Run, u.pid), "wait for it, or interrupt it first"}
		case !slices.ContainsFunc(chosen, func(c unfinished) bool { return c.Run == u.Run }):
			chosen = append(chosen, u)
		}
	}
	return chosen, nil
}

// find is the run of that ULID, or of the transfer of that ULID.
func (p *past) find(s *Streams, all []unfinished, name string) (unfinished, error) {
	if _, err := ulid.ParseStrict(name); err != nil {
		return unfinished{}, &usageError{fmt.Sprintf("%q is not the ULID of a run or a transfer", name), "sealift status lists them"}
	}
	run := name
	for _, e := range p.journals(s) {
		if e.Transfer == name && e.State.Begin.Run != "" {
			run = e.State.Begin.Run
		}
	}
	if i := slices.IndexFunc(all, func(u unfinished) bool { return u.Run == run }); i >= 0 {
		return all[i], nil
	}
	if slices.ContainsFunc(p.journals(s), func(e journal.Entry) bool { return e.Transfer == name || e.State.Begin.Run == name }) {
		return unfinished{}, &usageError{fmt.Sprintf("%s was not begun by this command, or its command line is lost", name), "give the same upload command again, or sealift abort " + name}
	}
	return unfinished{}, &usageError{fmt.Sprintf("nothing unfinished is known of %s", name), "sealift status lists what is; --state-dir says where it is kept"}
}

// enter goes to where the command line of a run was given.
func (r *Resume) enter(u unfinished) error {
	err := os.Chdir(u.Folder)
	if err == nil {
		return nil
	}
	return &advised{fmt.Errorf("go on with run %s: %w", u.Run, err), "put the folder back, or give it up: sealift abort " + u.Run}
}

// again gives the command line of a run again.
func (r *Resume) again(ctx context.Context, s *Streams, u unfinished) error {
	if err := r.enter(u); err != nil {
		s.complain(err)
		if r.JSON {
			(&jsonLines{out: s.Out}).print(conclude(u.Run, err))
		}
		return err
	}
	more := []string{u.Args[0]}
	for flag, given := range map[string]bool{"--json": r.JSON, "--quiet": r.Quiet, "--no-progress": r.NoProgress} {
		if given {
			more = append(more, flag)
		}
	}
	if r.StateDir != "" {
		more = append(more, "--state-dir", r.StateDir)
	}
	streams := *s
	streams.going = u.Run
	if code := r.app.Run(ctx, &streams, append(more, u.Args[1:]...)); code != codeDone {
		return codeError(code)
	}
	return nil
}
