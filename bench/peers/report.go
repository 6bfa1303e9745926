package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// reference is the tool that all others are held against.
const reference = "s5cmd"

// markdown is the whole report.
func markdown(tables []table, tools []*tool, rounds int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `make bench` on %s; not by hand.\n\n", time.Now().UTC().Format("2006-01-02"))
	fmt.Fprintf(&b, "Machine: %s, %d processors, %s/%s, %s. The server is `bench/nulls3`, an S3 that keeps nothing, on loopback\n"+
		"and on the same processors. Files are in the page cache. Each tool ran %d times (`aws` once), in turn; figures are medians, CPU is\n"+
		"the client's user and system time, ×%s is the median of the ratios within a round. The machine is shared: trust the ratios.\n", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), rounds, reference)
	for _, t := range tables {
		t.write(&b)
	}
	b.WriteString("\n## Tools\n\n")
	for _, one := range tools {
		switch {
		case one.absent != "":
			fmt.Fprintf(&b, "- %s: not run: it %s\n", one.name, one.absent)
		default:
			fmt.Fprintf(&b, "- %s: %s\n", one.name, one.version)
		}
	}
	return b.String()
}

func (t table) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n| tool | wall s | × | CPU s | × | peak RSS MiB |\n|---|---:|---:|---:|---:|---:|\n", t.load.name)
	var base []sample
	for _, r := range t.rows {
		if r.tool.name == reference {
			base = r.samples
		}
	}
	for _, r := range t.rows {
		if len(r.samples) == 0 {
			fmt.Fprintf(b, "| %s | not run | | | | |\n", r.tool.name)
			continue
		}
		fmt.Fprintf(b, "| %s | %.2f | %.2f | %.2f | %.2f | %.0f |\n", r.tool.name, median(r.samples, wall), ratio(r.samples, base, wall),
			median(r.samples, cpu), ratio(r.samples, base, cpu), median(r.samples, resident))
	}
}

// processor is the machine's processor by name, where Linux tells.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // elsewhere there is none
	for line := range strings.SplitSeq(string(text), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "a processor without a name"
}
