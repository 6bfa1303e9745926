package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/policy"
)

// Abort is `sealift abort`: unfinished uploads are given up, and their parts
// freed.
type Abort struct {
	app App
	Identity
	Output
	past
}

func (a *Abort) command(s *Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "abort [flags] RUN|TRANSFER...",
		Short:       "Give unfinished uploads up and free their parts",
		Long:        abortHelp,
		Example:     abortExamples,
		Annotations: map[string]string{inLines: "true"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"name a run or a transfer", "sealift status lists them"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.Run(cmd.Context(), s, args, cmd.Flags().Changed("profile") || cmd.Flags().Changed("role-arn"))
		},
	}
	f := cmd.Flags()
	a.Identity.bind(f)
	group(f, "Output", a.Output.bind)
	group(f, "Output", a.past.bind)
	f.SortFlags = false
	return cmd
}

// Run gives up what is named: all uploads of a run, or one. Who signs in is as
// in the command that began, unless this one says.
func (a *Abort) Run(ctx context.Context, s *Streams, named []string, own bool) error {
	j := &jsonLines{out: s.Out}
	if !a.JSON {
		j = nil
	}
	var errs []error
	for _, name := range named {
		errs = append(errs, a.one(ctx, s, j, name, own))
	}
	for _, err := range errs {
		if err != nil {
			s.complain(err)
		}
	}
	err := worst(errs)
	if a.JSON {
		j.print(conclude(named[0], err))
	}
	if err != nil {
		return &saidError{err}
	}
	return nil
}

func (a *Abort) one(ctx context.Context, s *Streams, j *jsonLines, name string, own bool) error {
	if _, err := ulid.ParseStrict(name); err != nil {
		return &usageError{fmt.Sprintf("%q is not the ULID of a run or a transfer", name), "sealift status lists them"}
	}
	entries := slices.DeleteFunc(a.journals(s), func(e journal.Entry) bool { return e.Transfer != name && e.State.Begin.Run != name })
	runs := unfinishedRuns(s, a.state(s))
	run := name
	if len(entries) > 0 {
		run = cmp.Or(entries[0].State.Begin.Run, name)
	}
	i := slices.IndexFunc(runs, func(u unfinished) bool { return u.Run == run })
	if i < 0 && len(entries) == 0 {
		return &usageError{fmt.Sprintf("nothing unfinished is known of %s", name), "sealift status lists what is; --state-dir says where it is kept"}
	}
	if i >= 0 && runs[i].pid != 0 {
		return &usageError{fmt.Sprintf("run %s is under way in process %d", run, runs[i].pid), "interrupt it first"}
	}
	if len(entries) > 0 {
		identity := a.Identity
		if i >= 0 && !own {
			var err error
			if identity, err = a.recorded(s, runs[i]); err != nil {
				return err
			}
		}
		gone, err := a.giveUp(ctx, s, identity, entries)
		for _, e := range gone {
			err = cmp.Or(err, tellAborted(s, j, e.State.Begin, e.Transfer))
		}
		if err != nil {
			return err
		}
	}
	if i >= 0 && name == run {
		runs[i].drop(a.state(s))
		if len(entries) == 0 {
			s.Say("run %s had nothing open in S3, and is forgotten", run)
		}
	}
	return nil
}

// recorded is who signed in for a run that stopped.
func (a *Abort) recorded(s *Streams, u unfinished) (Identity, error) {
	upload := &Upload{}
	cmd := upload.command(s)
	root := a.app.root(s)
	root.AddCommand(cmd)
	if err := cmd.ParseFlags(u.Args[1:]); err != nil {
		return Identity{}, fmt.Errorf("the command line of run %s cannot be read: %w", u.Run, err)
	}
	if err := a.app.settle(s, cmd); err != nil {
		return Identity{}, err
	}
	if bundle := upload.CABundle; bundle != "" && !filepath.IsAbs(bundle) {
		upload.CABundle = filepath.Join(u.Folder, bundle)
	}
	return upload.Identity, nil
}

// tellAborted is the result of one.
func tellAborted(s *Streams, j *jsonLines, b journal.Begin, transfer string) error {
	if j != nil {
		j.print(eventLine{head: heading("aborted", b.Run), Transfer: transfer, Source: b.Source.Path, Object: address(b.Bucket, b.Key)})
		return nil
	}
	return s.printResult(result(address(b.Bucket, b.Key), transfer))
}

// giveUp aborts uploads, bucket by bucket, each by a session for their keys, and
// returns those that are gone.
func (a *Abort) giveUp(ctx context.Context, s *Streams, identity Identity, entries []journal.Entry) (gone []journal.Entry, err error) {
	byBucket := map[string][]journal.Entry{}
	var errs []error
	for _, e := range entries {
		if e.Held {
			return nil, fmt.Errorf("transfer %s is under way in process %d", e.Transfer, e.PID)
		}
		if e.Err != nil {
			errs = append(errs, &advised{e.Err, "nothing is known of its upload: look what is open in the bucket, and remove " + e.Path})
			continue
		}
		byBucket[e.State.Begin.Bucket] = append(byBucket[e.State.Begin.Bucket], e)
	}
	for bucket, some := range byBucket {
		for part := range slices.Chunk(some, keysAtOnce) {
			some, err := a.inBucket(ctx, s, identity, bucket, part)
			gone, errs = append(gone, some...), append(errs, err)
		}
	}
	return gone, errors.Join(errs...)
}

// keysAtOnce is for how many keys a session is minted: so many fit in a session
// policy that is not too long.
const keysAtOnce = 5

func (a *Abort) inBucket(ctx context.Context, s *Streams, identity Identity, bucket string, entries []journal.Entry) (gone []journal.Entry, err error) {
	log, closeLog, err := a.logger(s)
	if err != nil {
		return nil, err
	}
	defer closeLog() // appended to, line by line
	output := a.Output
	output.NoProgress, output.JSON = true, false
	tell := newTeller(s, output, entries[0].State.Begin.Run, amount{}, log)
	defer tell.progress.Close()
	want := policy.Want{Bucket: bucket}
	for _, e := range entries {
		want.Keys = append(want.Keys, e.State.Begin.Key)
	}
	slices.Sort(want.Keys)
	want.Keys = slices.Compact(want.Keys)
	who, err := identity.signIn(ctx, tell, want)
	if err != nil {
		return nil, err
	}
	c := who.at()
	c.AllowPlainHTTP, c.Proxy, c.Run, c.Logger = identity.AllowPlainHTTP, http.ProxyFromEnvironment, tell.run, log
	c.Journal = &sealift.Journal{Folder: journalsOf(a.state(s))}
	up, err := sealift.New(c)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, e := range entries {
		b := e.State.Begin
		if err := up.Abort(ctx, e.Transfer); err != nil {
			err = fmt.Errorf("give up transfer %s of %s: %w", e.Transfer, address(b.Bucket, b.Key), err)
			if errors.Is(err, sealift.ErrExists) {
				err = &advised{err, "get its receipt: sealift resume " + e.Transfer}
			}
			errs = append(errs, err)
			continue
		}
		gone = append(gone, e)
	}
	return gone, errors.Join(append(errs, up.Close())...)
}
