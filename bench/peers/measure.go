package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A sample is what one process cost.
type sample struct {
	wall, cpu float64 // seconds
	resident  float64 // peak, MiB
}

// A row is what a tool cost in each round.
type row struct {
	tool    *tool
	samples []sample
	err     error // why there are none
}

// A table is what all tools cost for one load.
type table struct {
	load load
	rows []row
}

// measure runs every tool rounds times for l, in turn.
func measure(ctx context.Context, l load, tools []*tool, bin, dir string, rounds int) (table, error) {
	s, stop, err := serve(ctx, filepath.Join(bin, "nulls3"), dir, l.latency)
	if err != nil {
		return table{}, err
	}
	defer stop()
	t := table{load: l, rows: make([]row, len(tools))}
	for round := range rounds {
		for i, one := range tools {
			r := &t.rows[i]
			r.tool = one
			if one.absent != "" || r.err != nil || one.most > 0 && round >= one.most {
				continue
			}
			say("%s: %s, round %d", l.name, one.name, round+1)
			got, err := once(ctx, one.words(l, s), dir, s)
			if err != nil {
				if ctx.Err() != nil {
					return table{}, ctx.Err()
				}
				say("%v", err)
				r.err, r.samples = err, nil
				continue
			}
			r.samples = append(r.samples, got)
		}
	}
	return t, nil
}

// serve starts the null server, with TLS, and says where it is.
func serve(ctx context.Context, program, dir string, latency time.Duration) (server, func(), error) {
	ca := filepath.Join(dir, "ca.pem")
	cmd := exec.CommandContext(ctx, program, "-ca", ca, "-latency", latency.String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		return server{}, nil, err
	}
	if err := cmd.Start(); err != nil {
		return server{}, nil, err
	}
	stop := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return server{}, nil, fmt.Errorf("null server: %w", err)
	}
	endpoint, _, _ := strings.Cut(line, " ")
	return server{endpoint, ca}, stop, nil
}

// once runs one tool as a process and takes the system's account of it.
func once(ctx context.Context, words []string, dir string, s server) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=example", "AWS_SESSION_TOKEN=example",
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_CA_BUNDLE=" + s.ca}
	var said bytes.Buffer
	cmd.Stderr = &said
	begun := time.Now()
	peak, err := run(cmd)
	wall := time.Since(begun).Seconds()
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w: %s", filepath.Base(words[0]), err, bytes.TrimSpace(said.Bytes()))
	}
	return sample{wall, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), peak / (1 << 20)}, nil
}

// tick is how often a process is asked for its memory.
const tick = 10 * time.Millisecond

// run runs cmd and returns the most memory that its process had resident, in
// bytes, 0 where there is no /proc. The system's account of a child, ru_maxrss,
// counts the process that it was forked from too.
func run(cmd *exec.Cmd) (float64, error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done, most := make(chan struct{}), make(chan float64)
	go func() {
		for last := 0.0; ; {
			last = max(last, highWater(cmd.Process.Pid))
			select {
			case <-done:
				most <- last
				return
			case <-time.After(tick):
			}
		}
	}()
	err := cmd.Wait()
	close(done)
	return <-most, err
}

// highWater is VmHWM of a process, in bytes; 0 when it is gone.
func highWater(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var kib float64
	if _, rest, ok := strings.Cut(string(text), "VmHWM:"); ok {
		_, _ = fmt.Sscan(rest, &kib)
	}
	return kib * 1024
}

// median of what of takes from each sample; 0 of none.
func median(samples []sample, of func(sample) float64) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, of(s))
	}
	return middle(all)
}

func middle(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	if n := len(all); n%2 == 0 {
		return (all[n/2-1] + all[n/2]) / 2
	}
	return all[len(all)/2]
}

// ratio is the median, over rounds in which both ran, of a's figure by b's.
func ratio(a, b []sample, of func(sample) float64) float64 {
	var all []float64
	for i := range min(len(a), len(b)) {
		all = append(all, of(a[i])/of(b[i]))
	}
	return middle(all)
}

func wall(s sample) float64     { return s.wall }
func cpu(s sample) float64      { return s.cpu }
func resident(s sample) float64 { return s.resident }
