package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/policy"
)

// Upload is `sealift upload`: sources go to a bucket, each comes back as a
// receipt.
type Upload struct {
	Identity
	Storage
	Selection
	Output
	Concurrency number
	Bandwidth   bandwidth
	KeepTrying  time.Duration
	Deadline    time.Duration
	Receipt     string
	StateDir    string
	NoJournal   bool
	NeedJournal bool
	OnInterrupt string
	SpoolDir    string
}

func (u *Upload) command(s *Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "upload [flags] SOURCE... s3://BUCKET[/KEY | /PREFIX/]",
		Aliases:     []string{"put", "cp"},
		Short:       "Upload files with a session narrowed to their keys",
		Long:        uploadHelp,
		Example:     uploadExamples,
		Args:        u.args,
		Annotations: map[string]string{inLines: "true"},
		RunE:        func(cmd *cobra.Command, args []string) error { return u.Run(cmd.Context(), s, args) },
	}
	u.bind(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

func (u *Upload) bind(f *pflag.FlagSet) {
	group(f, "Folders", u.Selection.bind)
	group(f, "Object", u.Storage.bind)
	group(f, "Sending", u.bindSending)
	u.Identity.bind(f)
	group(f, "Receipt and output", u.bindOutput)
}

func (u *Upload) bindSending(f *pflag.FlagSet) {
	u.Storage.bindSending(f)
	f.Var(&u.Concurrency, "concurrency", "requests under way at once (default auto: follows the server)")
	f.Var(&u.Bandwidth, "bwlimit", "most bytes sent a second, over all sources, as 50MiB (default off)")
	u.KeepTrying = 10 * time.Minute
	f.Var(span{&u.KeepTrying, 0, 0, "a time, as 10m or 600"}, "keep-trying", "how long to survive S3 being out of reach or busy, as 10m or in seconds (default 10m)")
	f.Var(span{&u.Deadline, time.Second, 0, "a time, as 2h or 7200"}, "deadline", "stop after this long, as 2h or in seconds, as an interruption does (default none)")
	oneOf(f, &u.OnInterrupt, "on-interrupt", "what to do with uploads in parts that are under way: keep them, to be gone on with, or abort them (default keep)", "keep", "abort")
	f.BoolVar(&u.NoJournal, "no-journal", false, "record nothing: what stops is aborted, and begun again")
	f.BoolVar(&u.NeedJournal, "require-journal", false, "fail where an upload in parts cannot be recorded, rather than go on")
	f.StringVar(&u.SpoolDir, "spool-dir", "", "`FOLDER` for what does not fit in memory of a stream that is over 8 GiB: 1 GiB, or two parts (default in the state folder)")
}

func (u *Upload) bindOutput(f *pflag.FlagSet) {
	f.StringVar(&u.Receipt, "receipt", "", "keep receipts in this `FILE|DIR/|-`; else in the state folder")
	f.StringVar(&u.StateDir, "state-dir", "", "state `FOLDER` (default $XDG_STATE_HOME/sealift)")
	u.Output.bind(f)
}

func (u *Upload) args(_ *cobra.Command, args []string) error {
	if len(args) == 1 && u.FilesFrom != "" {
		return nil // of the current folder
	}
	if len(args) < 2 {
		return &usageError{"name a source and a destination", "sealift upload FILE|FOLDER s3://BUCKET/KEY"}
	}
	return nil
}

// Run uploads args, the last of which is the destination.
func (u *Upload) Run(ctx context.Context, s *Streams, args []string) error {
	ctx, end := u.within(ctx)
	defer end()
	c := u.claim(s)
	r := &run{id: c.Run, upload: u, claim: c}
	err := r.do(ctx, s, args)
	c.end(r.more(err))
	if u.JSON {
		j := &jsonLines{out: s.Out}
		j.print(r.summary(err))
		if err == nil {
			err = stored(j.err)
		}
	}
	return err
}

// check refuses what cannot be stored, before anything is sent.
func (u *Upload) check(bucket string, all sendings) error {
	if err := cmp.Or(all.spare("--receipt", u.Receipt), all.spare("--log-file", u.LogFile)); err != nil {
		return err
	}
	for _, one := range all {
		if _, err := plan.For(one.size, int64(u.PartSize)); err != nil {
			return u.at(bucket, one, u.advise(err))
		}
		if err := (sealift.Object{Bucket: bucket, Key: one.key}).Check(); err != nil {
			return u.at(bucket, one, &advised{err, "name another key in the destination: s3://BUCKET/KEY"})
		}
		if err := u.object(bucket, one.key).Check(); err != nil {
			return u.at(bucket, one, err)
		}
	}
	return nil
}

// at names the source and the object that an error is about.
func (u *Upload) at(bucket string, one sending, err error) error {
	return fmt.Errorf("upload %s to %s: %w", one.path, address(bucket, one.key), err)
}

// advise gives an error the remedy that goes with the flags of this command.
func (u *Upload) advise(err error) error {
	if err == nil {
		return nil
	}
	table := remedyFor(err).hint
	switch {
	case errors.Is(err, plan.ErrPartSize):
		return &usageError{"--part-size: " + strings.TrimPrefix(err.Error(), plan.ErrPartSize.Error()+": "), table}
	case errors.Is(err, sealift.ErrExists) && u.ReaderProfile == "" && u.ReaderRoleARN == "":
		return &advised{err, table + "\na reader (--reader-profile or --reader-role-arn) finds that out before anything is sent"}
	case coded("AccessDenied")(err) && u.ExpectedOwner != "":
		return &advised{err, "the bucket may be another account's than " + string(u.ExpectedOwner) + ", which --expected-bucket-owner asks for\n" + table}
	}
	return err
}

// want is what the session must be able to write.
func (u *Upload) want(to destination, all sendings) policy.Want {
	return u.allow(policy.Want{Bucket: to.bucket, Keys: all.keys(), Prefix: to.prefix()})
}

// want is the same with the receipts that go beside the objects.
func (r *run) want(to destination, all sendings) policy.Want {
	want := r.upload.want(to, all)
	if r.beside != "" {
		want.Beside = append(want.Beside, r.beside)
	}
	return want
}

// errDeadline ends what --deadline gives no more time for.
var errDeadline = errors.New("--deadline is reached")

// within is a context for what the run may take.
func (u *Upload) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if u.Deadline == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, u.Deadline, errDeadline)
}

// stoppedEarly tells of a run that was ended before it was done.
func stoppedEarly(err error) bool {
	return errors.Is(err, errInterrupted) || errors.Is(err, errDeadline)
}

// isEnd tells of an error that says no more than that.
func isEnd(err error) bool {
	return err.Error() == errInterrupted.Error() || err.Error() == errDeadline.Error()
}

// claim is the run that a command line goes on with, or begins.
func (u *Upload) claim(s *Streams) *claim {
	if u.NoJournal || u.DryRun {
		return &claim{unfinished: unfinished{Run: newRun()}, letGo: func() {}}
	}
	args := slices.Clone(s.args)
	if len(args) > 0 {
		args[0] = "upload" // by whatever name
	}
	c := claimRun(s, u.state(s), args)
	return &c
}

// journal is where uploads are recorded; nil where they are not.
func (r *run) journal() *sealift.Journal {
	if r.claim == nil || r.claim.state == "" {
		return nil
	}
	return &sealift.Journal{Folder: journalsOf(r.claim.state), Required: r.upload.NeedJournal, Again: r.again()}
}

// budget is how many requests may be under way at once, and how fast.
func (u *Upload) budget() *sealift.Budget {
	return sealift.NewBudget(int(u.Concurrency), int64(u.Bandwidth))
}

// keepTrying is the library's KeepTrying, where 0 means ten minutes.
func (u *Upload) keepTrying() time.Duration {
	if u.KeepTrying <= 0 {
		return -1
	}
	return u.KeepTrying
}

// state is the state folder.
func (u *Upload) state(s *Streams) string {
	if u.StateDir != "" {
		return u.StateDir
	}
	return s.stateFolder()
}
