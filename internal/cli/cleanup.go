package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/cleanup"
	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/policy"
)

// Cleanup is `sealift cleanup`: what is open in a bucket, whose it is, what it
// costs; and an end to what was left behind.
type Cleanup struct {
	Identity
	Storage
	Output
	past
	OlderThan time.Duration
	Others    bool
	Yes       bool
	DryRun    bool
	Fast      bool
	Price     usd

	aged bool // --older-than was given
}

func (c *Cleanup) command(s *Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "cleanup [flags] s3://BUCKET[/PREFIX]",
		Short:       "Find and abort uploads that were left open in S3",
		Long:        cleanupHelp,
		Example:     cleanupExamples,
		Annotations: map[string]string{inLines: "true"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{"name one bucket, or one prefix in it", "sealift cleanup s3://BUCKET/PREFIX/"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c.aged = cmd.Flags().Changed("older-than")
			return c.Run(cmd.Context(), s, args[0])
		},
	}
	c.bind(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

func (c *Cleanup) bind(f *pflag.FlagSet) {
	c.OlderThan = 24 * time.Hour
	f.Var(span{&c.OlderThan, 0, 0, "a time, as 24h or 90m"}, "older-than", "abort only what nothing has happened to for that long, as 72h: neither opened nor sent a part")
	f.BoolVar(&c.Others, "others", false, "abort also what is not ours; needs --older-than")
	f.BoolVar(&c.Yes, "yes", false, "abort without asking")
	f.BoolVar(&c.DryRun, "dry-run", false, "list only")
	f.BoolVar(&c.DryRun, "dryrun", false, "the same")
	_ = f.MarkHidden("dryrun") // it is there
	f.BoolVar(&c.Fast, "fast", false, "list without asking for the parts of each: sizes and prices stay unknown")
	f.Var(&c.Price, "price", "what a GiB costs a month, in USD, in place of the table's prices")
	group(f, "Bucket", c.bindBucket)
	group(f, "Identity", c.bindWriter)
	group(f, "Session", c.bindSession)
	group(f, "Output", func(f *pflag.FlagSet) {
		f.BoolVar(&c.JSON, "json", false, "print JSON lines, the last one a summary")
		f.BoolVar(&c.Quiet, "quiet", false, "say nothing but warnings and errors; results are still printed")
		c.bindLog(f)
		c.past.bind(f)
	})
}

// bindBucket takes over what upload says of a bucket.
func (c *Cleanup) bindBucket(f *pflag.FlagSet) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.Storage.bind(all)
	for _, name := range []string{"sse-kms-key-id", "expected-bucket-owner", "request-payer"} {
		f.AddFlag(all.Lookup(name))
	}
	f.Lookup("sse-kms-key-id").Usage = "KMS key that open uploads are encrypted with, by `ARN` or by id: without it their parts cannot be listed"
}

// Run lists what is open at the address, and aborts what may be.
func (c *Cleanup) Run(ctx context.Context, s *Streams, at string) error {
	log, closeLog, err := c.logger(s)
	if err != nil {
		return err
	}
	defer closeLog() // appended to, line by line
	run := newRun()
	w := &sweep{c: c, s: s, run: run, began: time.Now().UTC()}
	if c.JSON {
		w.json = &jsonLines{out: s.Out}
	}
	output := c.Output
	output.NoProgress, output.JSON = true, false
	tell := newTeller(s, output, run, amount{}, log)
	defer tell.progress.Close()
	err = w.do(ctx, tell, at)
	if w.json != nil {
		w.json.print(w.summary(err))
		err = errors.Join(err, w.json.failed())
	}
	return err
}

// keeper signs in for housekeeping under that prefix, of those keys alone where
// there are any, and nothing else.
func (c *Cleanup) keeper(ctx context.Context, tell *teller, bucket, prefix string, keys ...string) (*cleanup.Keeper, *signedIn, error) {
	who, err := c.signIn(ctx, tell, policy.Want{Bucket: bucket, Prefix: prefix, Keys: keys, KMSKey: c.KMSKeyID, Housekeeping: true})
	if err != nil {
		return nil, nil, err
	}
	k := &cleanup.Keeper{
		S3: s3wire.New(s3wire.Config{
			Credentials: who.session, Region: who.region, Endpoint: who.endpoint, Addressing: s3wire.Addressing(who.s3),
			Transport: s3wire.NewTransport(who.roots, http.ProxyFromEnvironment), Stall: 20 * time.Second,
			UserAgent: fmt.Sprintf("sealift/%s (%s; %s) run/%s", sealift.Version, runtime.GOOS, runtime.GOARCH, tell.run),
		}),
		Bucket: s3wire.Object{Bucket: bucket, Owner: string(c.ExpectedOwner), RequesterPays: c.RequestPayer != ""},
		Disk:   durable.System{}, Logger: tell.log,
	}
	if state := c.state(&tell.Streams); state != "" {
		k.Journals = journalsOf(state)
	}
	return k, who, nil
}

// A consent holds which uploads were shown as to be aborted. It is their hashes
// alone, for there may be a hundred thousand.
type consent map[[16]byte]struct{}

func hashOf(f cleanup.Found) [16]byte {
	sum := sha256.Sum256([]byte(f.ID + "\x00" + f.Key))
	return [16]byte(sum[:16])
}

func (c consent) add(f cleanup.Found)      { c[hashOf(f)] = struct{}{} }
func (c consent) has(f cleanup.Found) bool { _, ok := c[hashOf(f)]; return ok }

// agreed asks whether to abort so many, unless that was said before. Who cannot
// be asked has not agreed.
func (c *Cleanup) agreed(ctx context.Context, s *Streams, w *sweep) (bool, error) {
	n := len(w.chosen)
	switch {
	case c.DryRun:
		w.note("%s would be aborted", uploads(n))
		return false, nil
	case n == 0:
		w.note("there is nothing to abort")
		return false, nil
	case c.Yes:
		return true, nil
	}
	if w.resumable > 0 {
		s.Say("%s of them can be gone on with (sealift resume), and begin anew once aborted", uploads(w.resumable))
	}
	answer, err := s.Ask(ctx, fmt.Sprintf("abort %s, %s? yes or no", uploads(n), w.size(w.bytes)))
	switch {
	case errors.Is(err, errNoTerminal):
		s.Say("nothing is aborted: there is no terminal to ask on; --yes aborts %s", uploads(n))
		return false, nil
	case ctx.Err() != nil:
		return false, err
	case !strings.EqualFold(answer, "yes") && !strings.EqualFold(answer, "y"):
		s.Say("nothing is aborted")
		return false, nil
	}
	return true, nil
}

func uploads(n int) string {
	if n == 1 {
		return "1 upload"
	}
	return humanize.Comma(int64(n)) + " uploads"
}

// housekeeping gives an error of S3 its meaning and, where the session was
// refused, the right that is missing.
func housekeeping(bucket string, err error) error {
	e, ok := errors.AsType[*s3wire.Error](err)
	if !ok {
		return err
	}
	err = &answered{err, &sealift.Error{Op: string(e.Operation), Code: e.Code, RequestID: e.RequestID, Err: e}}
	if s3wire.Classify(e) != s3wire.Denied || e.Code == "SignatureDoesNotMatch" {
		return err
	}
	right, on := map[s3wire.Operation]string{
		s3wire.ListMultipartUploads: "s3:ListBucketMultipartUploads", s3wire.ListParts: "s3:ListMultipartUploadParts",
		s3wire.AbortMultipartUpload: "s3:AbortMultipartUpload"}[e.Operation], "its keys"
	name := ""
	if e.Operation == s3wire.ListMultipartUploads {
		on = "bucket " + bucket
		name = "check the bucket's name too: S3 says the same of one that is not there or is not yours\n"
	}
	return &advised{err, fmt.Sprintf("let the role's policy allow %s on %s, and no policy of the bucket deny it\n"+name+
		"without that right a lifecycle rule of the bucket can abort incomplete uploads", right, on)}
}

// An answered error is one that S3 gave, with what a table of remedies asks of
// it.
type answered struct {
	error
	as *sealift.Error
}

func (a *answered) Unwrap() []error {
	if a.as.Code == "" && a.as.Err != nil && s3wire.Classify(a.as.Err) == s3wire.Denied {
		return []error{a.error, a.as, sealift.ErrDenied}
	}
	return []error{a.error, a.as}
}
