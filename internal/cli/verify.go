package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/verify"
	"github.com/sealift/sealift/receipt"
)

// Verify is `sealift verify`: receipts are held against local files and, with a
// reader, against S3.
type Verify struct {
	Identity
	Output
	Against     string
	Source      string
	Strip       int
	Download    bool
	Newer       bool
	Owner       account
	Concurrency number
}

func (v *Verify) command(s *Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "verify [flags] RECEIPT...",
		Short:       "Hold receipts against local files and against S3",
		Long:        verifyHelp,
		Example:     verifyExamples,
		Annotations: map[string]string{inLines: "true"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"name a receipt", "sealift verify FILE.json, FILE.jsonl, a folder of them, or - for standard input"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return v.Run(cmd.Context(), s, args) },
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"json", "jsonl"}, cobra.ShellCompDirectiveFilterFileExt
	}
	v.bind(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

func (v *Verify) bind(f *pflag.FlagSet) {
	oneOf(f, &v.Against, "against", "what receipts are held against: file, without any network; s3, where the files are gone; both; auto is file, and S3 too where a reader is named (default auto)", "auto", "file", "s3", "both")
	f.StringVar(&v.Source, "source", "", "the source's `PATH` now: a file, for one receipt; or a folder, under which every source is looked for by its path in the receipt")
	f.IntVar(&v.Strip, "strip-components", 0, "with a folder as --source: leave out the first `N` folders of the path in the receipt")
	f.BoolVar(&v.Download, "download", false, "read every byte of the objects, and sum them")
	f.BoolVar(&v.Newer, "allow-newer", false, "the key may hold a newer version by now: only the receipt's own must be there")
	f.Var(&v.Owner, "expected-bucket-owner", "`ACCOUNT` that must own the bucket")
	f.Var(&v.Concurrency, "concurrency", "receipts looked at at once (default auto: 16 against S3, else one a processor)")
	group(f, "Identity", v.bindReader)
	group(f, "Session", v.bindReading)
	group(f, "Output", v.Output.bind)
}

// bindReader and bindReading leave out what only a writer's role is asked for.
func (v *Verify) bindReader(f *pflag.FlagSet) {
	without(f, v.bindIdentity, "role-arn", "external-id")
	f.Lookup("reader-profile").Usage = "AWS `PROFILE` that may read"
}

func (v *Verify) bindReading(f *pflag.FlagSet) {
	without(f, v.bindSession, "source-identity", "session-tag")
	f.Lookup("narrow").Usage = "auto narrows to the keys of the receipts while they fit in a session policy, else to the prefix that they share; require also refuses to go on un-narrowed, and is the default where CI is set and a role is known; prefix; off (default auto)"
}

func without(f *pflag.FlagSet, bind func(*pflag.FlagSet), names ...string) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	all.SortFlags = false
	bind(all)
	all.VisitAll(func(one *pflag.Flag) {
		if !slices.Contains(names, one.Name) {
			f.AddFlag(one)
		}
	})
}

// file and s3 tell what is looked at.
func (v *Verify) file() bool { return v.Against != "s3" }
func (v *Verify) s3() bool {
	return v.Against == "s3" || v.Against == "both" || v.Against == "auto" && v.reads()
}

func (v *Verify) check() error {
	const name = "name who may read: --reader-profile, or --reader-role-arn"
	switch {
	case v.s3() && !v.reads():
		return &usageError{fmt.Sprintf("--against %s needs a reader", v.Against), name}
	case v.Download && !v.s3():
		return &usageError{"--download needs a reader", name + ", and leave --against at auto"}
	case v.Source != "" && !v.file():
		return &usageError{"--source and --against s3 exclude each other", "leave one of them out"}
	case v.Strip < 0, v.Strip > 0 && v.Source == "":
		return &usageError{"--strip-components goes with a folder as --source, and is 0 or more", "give --source FOLDER"}
	}
	return nil
}

// Run holds the receipts that args name against what they are about.
func (v *Verify) Run(ctx context.Context, s *Streams, args []string) error {
	err := v.check()
	var all *receiptFilesGiven
	if err == nil {
		all, err = gatherReceipts(s, args, v.s3() || v.Source != "")
	}
	if err != nil {
		if v.JSON {
			c := &checking{teller: &teller{json: &jsonLines{out: s.Out}, progress: v.progress(s, amount{})}, sum: verifySummary{head: heading("summary", newRun())}}
			return c.conclude(err)
		}
		return err
	}
	defer all.close()
	log, closeLog, err := v.logger(s)
	if err != nil {
		return err
	}
	defer closeLog() // appended to, line by line
	tell := newTeller(s, v.Output, newRun(), amount{transfers: 1, tree: !all.single, done: "read"}, log)
	defer tell.progress.Close()
	c := &checking{Verify: v, teller: tell, hints: map[string]bool{}, readers: map[sight]*verify.Reader{}, refused: map[sight]error{}, sum: verifySummary{head: heading("summary", tell.run)}}
	defer c.close()
	err = c.prepare(ctx, all)
	if err == nil {
		tell.progress.Of(func() (int64, int64, bool) { return c.files.Load(), c.bytes.Load(), false })
		err = c.all(ctx, all)
	}
	return c.conclude(err)
}

// all looks at the receipts, several at once, and tells of them in their order.
func (c *checking) all(ctx context.Context, from *receiptFilesGiven) error {
	workers := int(c.Concurrency)
	if workers == 0 {
		workers = min(8, runtime.GOMAXPROCS(0))
		if c.s3() {
			workers = 16
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	todo, told := make(chan *looked, workers), make(chan *looked, 4*workers)
	g.Go(func() error {
		defer close(todo)
		defer close(told)
		for one := range from.receipts {
			for _, to := range []chan *looked{told, todo} {
				select {
				case to <- one:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			for one := range todo {
				c.look(ctx, one)
				close(one.done)
			}
			return nil
		})
	}
	g.Go(func() error {
		for one := range told {
			select {
			case <-one.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := c.tell(one); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// look holds one receipt against what is asked.
func (c *checking) look(ctx context.Context, one *looked) {
	one.parse()
	r := one.receipt
	if r == nil {
		return
	}
	size := int64(0)
	if c.file() && (r.Source.Path != "" && r.Source.Path != "-" || c.Source != "") {
		size += r.Source.Size
	}
	if c.Download {
		size += r.Source.Size
	}
	c.files.Add(1)
	c.bytes.Add(size)
	show := c.show(one, size)
	defer show.end(one)
	if c.file() {
		one.local(c.withFile(ctx, one, show.moved))
	}
	if c.s3() && ctx.Err() == nil {
		if err := c.withObject(ctx, one, show.moved); err != nil {
			one.errs = append(one.errs, err)
		}
	}
	if len(one.found.Differs) > 0 {
		one.errs = append(one.errs, &differs{one.found.Differs})
	}
}

// withFile opens the receipt's source and holds it against it.
func (c *checking) withFile(ctx context.Context, one *looked, moved func(int)) error {
	f, err := c.open(one)
	if err != nil || f == nil {
		return err
	}
	defer f.Close() // read only
	return one.found.File(ctx, one.receipt, f, moved)
}

// open finds a receipt's source. A stream has none: it is nil where S3 is asked.
func (c *checking) open(one *looked) (*os.File, error) {
	path := one.receipt.Source.Path
	switch {
	case c.Source == "" && (path == "" || path == "-"):
		if c.s3() && c.Against == "auto" {
			return nil, nil
		}
		return nil, errNoFile
	case c.Source == "":
		one.path = path
	case c.root == nil:
		one.path = c.Source
	default:
		inner, err := inside(path, c.Strip)
		if err != nil {
			return nil, err
		}
		one.path = filepath.Join(c.Source, inner)
		f, err := c.root.OpenFile(inner, os.O_RDONLY|openFlags, 0)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			_ = f.Close() // read only
			return nil, fmt.Errorf("%s %w", one.path, errNotRegular)
		}
		return f, nil
	}
	f, _, err := open(one.path)
	return f, err
}

// errNoFile says that a receipt's source was no file.
var errNoFile = errors.New("the source was a stream: there is no file to hold the receipt against")

// inside is a source's path as one under another folder: without what makes it
// absolute, and without its first folders.
func inside(path string, strip int) (string, error) {
	path = strings.TrimPrefix(path, filepath.VolumeName(path))
	parts := strings.FieldsFunc(filepath.ToSlash(path), func(r rune) bool { return r == '/' })
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "." })
	if len(parts) <= strip {
		return "", fmt.Errorf("--strip-components %d leaves nothing of %q", strip, path)
	}
	return filepath.Join(parts[strip:]...), nil // os.Root keeps it inside
}

// differs is a receipt that does not hold.
type differs struct{ of []verify.Difference }

func (d *differs) Error() string {
	words := make([]string, len(d.of))
	for i, one := range d.of {
		words[i] = one.String()
	}
	return strings.Join(words, "; ")
}

// unread marks what could not be read locally.
func unread(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	}
	path, ok := errors.AsType[*fs.PathError](err)
	if ok && path.Op == "openat" {
		err = fmt.Errorf("open %s: %w", path.Path, path.Err)
	}
	return fmt.Errorf("%w: %w", sealift.ErrUnreadable, err)
}

// A looked receipt is one on its way through.
type looked struct {
	from    string // the file of receipts
	line    int    // 0 = the file is one receipt
	text    []byte // of the line, before it is parsed
	torn    bool   // no line feed ends it
	receipt *receipt.Receipt
	path    string // where the source was looked for; "" = it was not
	found   verify.Findings
	errs    []error
	done    chan struct{}
}

// local takes in how the file fared.
func (l *looked) local(err error) {
	if err != nil {
		l.errs = append(l.errs, unread(err))
	}
}

// place is where the receipt stands.
func (l *looked) place() string {
	if l.line == 0 {
		return l.from
	}
	return fmt.Sprintf("%s:%d", l.from, l.line)
}
