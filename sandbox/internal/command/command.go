// Package command is the sealift-sandbox program: flags, output, exit codes.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sealift/sealift/sandbox"
)

const defaultAddr = sandbox.DefaultAddr

// Exit codes, as in sealift.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main runs the program until it is interrupted and gives its exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as it is under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	// A later signal does not wait for requests in flight. The first second is
	// left for a clean end: terminals and shells both signal when they close.
	context.AfterFunc(ctx, func() { time.Sleep(time.Second); stop() })
	defer plainly(stderr)()
	return run(ctx, args, stdout, stderr)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, asJSON, err := parse(args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "sealift-sandbox: %v\n", err)
		return exitUsage
	}
	opts.OnReady = func(r sandbox.Ready) error {
		if asJSON {
			return json.NewEncoder(stdout).Encode(r)
		}
		return announce(stdout, r)
	}
	err = sandbox.Run(ctx, opts)
	switch {
	case errors.Is(err, sandbox.ErrRemote):
		fmt.Fprintf(stderr, "sealift-sandbox: %v; others could reach it, say --allow-remote if they may\n", err)
		return exitUsage
	case errors.Is(err, sandbox.ErrChecksums):
		fmt.Fprintf(stderr, "sealift-sandbox: %v\n", err)
		return exitUsage
	case errors.Is(err, sandbox.ErrAddr):
		fmt.Fprintf(stderr, "sealift-sandbox: %v; --addr takes HOST:PORT\n", err)
		return exitUsage
	case errors.Is(err, syscall.EADDRINUSE):
		fmt.Fprintf(stderr, "sealift-sandbox: %v; choose another with --addr, or --addr 127.0.0.1:0 for a free one\n", err)
		return exitFailed
	case err != nil:
		fmt.Fprintf(stderr, "sealift-sandbox: %v\n", err)
		return exitFailed
	}
	return exitOK
}

func parse(args []string, stdout, stderr io.Writer) (opts sandbox.Options, asJSON bool, err error) {
	flags := flag.NewFlagSet("sealift-sandbox", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() { fmt.Fprint(stdout, help()) }
	flags.StringVar(&opts.Addr, "addr", defaultAddr, "")
	flags.StringVar(&opts.Dir, "dir", "", "")
	flags.BoolVar(&opts.TLS, "tls", false, "")
	flags.BoolVar(&asJSON, "json", false, "")
	flags.BoolVar(&opts.AllowRemote, "allow-remote", false, "")
	flags.DurationVar(&opts.MinSession, "min-session", 15*time.Minute, "")
	flags.IntVar(&opts.PackedLimit, "packed-limit", 0, "")
	flags.StringVar(&opts.Checksums, "checksums", "keep", "")
	flags.BoolVar(&opts.WithOptions, "with-options", false, "")
	flags.StringVar(&opts.MFACode, "mfa-code", "", "")
	if err := flags.Parse(args); err != nil {
		return opts, asJSON, err
	}
	if flags.NArg() > 0 {
		return opts, asJSON, fmt.Errorf("unexpected argument %q; see --help", flags.Arg(0))
	}
	return opts, asJSON, nil
}

// announce prints shell that can be evaluated; what people read is comments.
func announce(w io.Writer, r sandbox.Ready) error {
	_, err := fmt.Fprintf(w, `# Sealift sandbox at %s, account %s, region %s. Ctrl-C stops it.
# In another terminal:  . %s
%s# Then:  sealift upload FILE s3://%s/
`, r.Endpoint, r.Account, r.Region, r.EnvFile, r.Env, r.Bucket)
	return err
}
