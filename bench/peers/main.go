// Command peers runs Sealift beside other tools against package null, an S3
// that keeps nothing, and writes what it measured as Markdown.
//
// Every round runs every tool once, in turn, so that what disturbs the machine
// disturbs all; figures are medians over the rounds, and ratios are medians of
// the ratios within a round. It has a module of its own, so that the tools'
// modules are nobody else's.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 3, "times that each tool runs each load")
	size := flag.Int64("mib", 2048, "size of the one large file, in MiB")
	files := flag.Int("files", 10_000, "number of small files")
	out := flag.String("o", "", "write the report to this file, else to standard output")
	bin := flag.String("bin", "", "folder with the built tools, kept; else a temporary one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := compare(ctx, *rounds, *size<<20, *files, *bin, *out); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, rounds int, size int64, files int, bin, out string) error {
	dir, err := os.MkdirTemp("", "sealift-peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if bin == "" {
		bin = filepath.Join(dir, "bin")
	}
	tools, err := build(ctx, bin)
	if err != nil {
		return err
	}
	say("making %d MiB and %d files of %d bytes", size>>20, files, smallSize)
	large, small, err := makeLoads(dir, size, files)
	if err != nil {
		return err
	}
	var measured []table
	for _, l := range []load{
		{name: fmt.Sprintf("One file of %d MiB over TLS", size>>20), source: large},
		{name: fmt.Sprintf("%d files of 4 KiB over TLS", files), source: small, tree: true},
		{name: fmt.Sprintf("One file of %d MiB over TLS, 50 ms added to every answer", size>>20), source: large, latency: 50 * time.Millisecond},
	} {
		t, err := measure(ctx, l, tools, bin, dir, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		measured = append(measured, t)
	}
	report := markdown(measured, tools, rounds)
	if out == "" {
		_, err = os.Stdout.WriteString(report)
		return err
	}
	return os.WriteFile(out, []byte(report), 0o644)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "peers: "+format+"\n", args...) }
