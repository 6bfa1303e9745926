package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/receipt"
)

// Demo is `sealift demo`: a sandbox, an upload, and the proof that its session
// could do nothing else.
type Demo struct{ Output }

func (d *Demo) command(s *Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "demo [FILE]",
		Short:       "Show all of it on this machine, without an AWS account",
		Long:        demoHelp,
		Example:     "  sealift demo\n  sealift demo big.iso\n  sealift demo --json | tail -n 1",
		Annotations: map[string]string{unsettled: "true", inLines: "true"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{"the demo takes one file", "sealift demo FILE"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return d.Run(cmd.Context(), s, args) },
	}
	d.bind(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

// sampleSize is how much random data the demo uploads, in bytes.
const sampleSize = 64 << 20

// A demonstration is one run of the demo.
type demonstration struct {
	stage   *stage
	output  Output
	folder  string // holds the sample and the sandbox; removed at the end
	sandbox *sandboxChild
	source  string
	who     *signedIn
	receipt *receipt.Receipt
}

// Run plays the acts in order. What it started and made is gone when it
// returns.
func (d *Demo) Run(ctx context.Context, s *Streams, args []string) error {
	began := time.Now()
	show := &demonstration{stage: newStage(s, d.Output), output: d.Output}
	err := show.play(ctx, s, args)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		show.stage.end("Everything held", time.Since(began))
	}
	if d.JSON {
		line := conclude(show.stage.run, err)
		if show.receipt != nil {
			line.Stored, line.Bytes = 1, show.receipt.Object.Size
		}
		show.stage.json.print(line)
	}
	return err
}

func (d *demonstration) play(ctx context.Context, s *Streams, args []string) (err error) {
	forgetAmbient()
	if len(args) == 1 { // before a sandbox is started for nothing
		f, _, err := open(args[0])
		if err != nil {
			return err
		}
		_ = f.Close() // read only
	}
	if d.folder, err = os.MkdirTemp("", "sealift-demo-*"); err != nil {
		return &advised{fmt.Errorf("make the demo's folder: %w", err), elsewhere}
	}
	defer s.leaving.keep(func() { _ = os.RemoveAll(d.folder) })()
	defer func() { err = errors.Join(err, os.RemoveAll(d.folder)) }()
	if err := d.prepare(ctx, s, args); err != nil {
		return err
	}
	defer d.sandbox.stop()
	for _, act := range []func(context.Context, *Streams) error{d.upload, d.prove, d.compare} {
		if err := act(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// forgetAmbient drops what the surroundings say about AWS and Sealift: the
// demo is the same everywhere.
func forgetAmbient() {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); ambient(name) {
			_ = os.Unsetenv(name)
		}
	}
}

// prepare starts the sandbox and makes the sample.
func (d *demonstration) prepare(ctx context.Context, s *Streams, args []string) (err error) {
	d.stage.act("An AWS of its own")
	if d.sandbox, err = startSandbox(ctx, filepath.Join(d.folder, "sandbox")); err != nil {
		return roomy(err)
	}
	s.leaving.keep(d.sandbox.kill)
	ready := d.sandbox.ready
	d.stage.done("sandbox", "sandbox answers on "+ready.Endpoint, fact{"endpoint", ready.Endpoint}, fact{"bucket", ready.Bucket})
	if len(args) == 1 {
		d.source = args[0]
		return nil
	}
	d.source = filepath.Join(d.folder, "sample.bin")
	if err = makeSample(ctx, d.source); err != nil {
		d.sandbox.stop()
		return roomy(err)
	}
	d.stage.done("sample", "sample.bin made: 64 MiB of random bytes", fact{"size", sampleSize})
	return nil
}

// elsewhere is the remedy for a temporary folder that is of no use.
const elsewhere = "set TMPDIR to a folder that you may write to, with room for twice what is uploaded"

// roomy gives a full disk its remedy.
func roomy(err error) error {
	if strings.Contains(err.Error(), "no space left") { // the sandbox's disk too, in its own words
		return &advised{err, elsewhere}
	}
	return err
}

func makeSample(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for left := sampleSize; err == nil && left > 0; left -= 1 << 20 {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
			break
		}
		_, err = io.CopyN(f, rand.Reader, 1<<20)
	}
	return errors.Join(err, f.Close())
}

// upload signs in with a session narrowed to the one key, and sends.
func (d *demonstration) upload(ctx context.Context, s *Streams) error {
	ready := d.sandbox.ready
	to := destination{bucket: ready.Bucket, key: filepath.Base(d.source)}
	all, err := gather([]string{d.source}, to)
	if err != nil {
		return err
	}
	log, closeLog, err := d.output.logger(s)
	if err != nil {
		return err
	}
	defer closeLog() // appended to, line by line
	u := &Upload{Output: d.output, KeepTrying: 10 * time.Second}
	u.Identity = Identity{Profile: ready.Profile, CABundle: ready.CAFile, Narrow: "require", ReaderProfile: "reader-profile",
		configFile: ready.ConfigFile, credentialsFile: ready.CredentialsFile}
	u.Storage.SourceHash = "sha256"
	if err := u.check(to.bucket, all); err != nil {
		return err
	}
	r := &run{id: d.stage.run, upload: u, silent: true, teller: newTeller(s, d.output, d.stage.run, all.amount(), log)}
	r.json, r.quiet = d.stage.json, true // the stage tells
	defer r.progress.Close()
	d.stage.act("A session that can write one key")
	if d.who, err = u.signIn(ctx, r.teller, u.want(to, all)); err != nil {
		return err
	}
	if err := d.introduce(to); err != nil {
		return err
	}
	d.stage.act("The upload")
	if err := r.transfer(ctx, s, d.who, to, all); err != nil {
		return err
	}
	d.receipt = r.receipts[0]
	d.stage.receipt(d.receipt)
	return nil
}

// introduce tells who was signed in, and insists on the narrowing.
func (d *demonstration) introduce(to destination) error {
	id, _ := d.who.session.Identity("")
	d.stage.done("signed_in", fmt.Sprintf("%s signed in, by profile %s", d.sandbox.ready.User, d.sandbox.ready.Profile), fact{"profile", d.sandbox.ready.Profile})
	if id.Narrowing != policy.KindObject {
		return fmt.Errorf("%w: the session is narrowed to %q", errDemoUnproven, id.Narrowing)
	}
	_, role, _ := strings.Cut(id.RoleARN, "/")
	d.stage.done("narrowed", fmt.Sprintf("role %s assumed until %s: may write %s, nothing else", role, id.Expires.Local().Format("15:04"), to.key),
		fact{"role_arn", id.RoleARN}, fact{"narrowing", string(id.Narrowing)}, fact{"policy_sha256", id.PolicySHA256})
	return nil
}

// prove tries, with the very session, what it must not be able to do.
func (d *demonstration) prove(ctx context.Context, _ *Streams) error {
	d.stage.act("The same session tries more")
	client := d.who.client(d.who.session)
	for _, p := range probes(d.receipt.Object.Bucket, d.receipt.Object.Key) {
		if err := p.refused(ctx, client); err != nil {
			return err
		}
		d.stage.done("refused", fmt.Sprintf("%-21s refused: 403 AccessDenied", p.text), fact{"action", p.name}, fact{"status", 403}, fact{"code", "AccessDenied"})
	}
	return nil
}

// compare reads the object through the reader role and holds it against the
// source.
func (d *demonstration) compare(ctx context.Context, _ *Streams) error {
	d.stage.act("Another role reads it back")
	size, got, err := readBack(ctx, d.who.client(d.who.reader), d.receipt.Object.Bucket, d.receipt.Object.Key)
	if err != nil {
		return fmt.Errorf("%w: read the object through the reader role: %w", errDemoUnproven, err)
	}
	want, err := hashFile(d.source)
	if err != nil {
		return err
	}
	if got != want || size != d.receipt.Object.Size || d.receipt.Source.SHA256 == nil || *d.receipt.Source.SHA256 != want {
		return fmt.Errorf("%w: the object's SHA-256 is %s, the file's %s", errDemoUnproven, got, want)
	}
	d.stage.done("verified", "s3-reader-role read it: its SHA-256 is the file's and the receipt's", fact{"sha256", got}, fact{"size", size})
	d.stage.detail("SHA-256", got)
	return nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() // read only
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return hex.EncodeToString(hash.Sum(nil)), err
}

// newRun makes the ULID of a run.
func newRun() string { return ulid.Make().String() }
