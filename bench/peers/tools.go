package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// rclone is built by its path and version: its module graph is too large to
// be this one's.
const rclone = "github.com/rclone/rclone@v1.76.0"

// A server is where a tool sends.
type server struct {
	endpoint string
	ca       string // file of its certificate
}

// A tool is one way to upload. Its words are empty for a load that it does not
// take.
type tool struct {
	name    string
	version string
	absent  string // why it cannot run; "" when it can
	most    int    // rounds that it is given; 0 = all
	words   func(l load, s server) []string
}

// build makes the tools and says which are missing.
func build(ctx context.Context, bin string) ([]*tool, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return nil, err
	}
	at := func(name string) string { return filepath.Join(bin, name) }
	for _, b := range []struct{ dir, out, from string }{
		{"../..", "sealift", "./cmd/sealift"},
		{"../..", "nulls3", "./bench/nulls3"},
		{".", "library", "./library"},
		{".", "transfermanager", "./transfermanager"},
		{".", "s5cmd", "github.com/peak/s5cmd/v2"},
	} {
		say("building %s", b.out)
		if err := quietly(ctx, b.dir, nil, "go", "build", "-o", at(b.out), b.from); err != nil {
			return nil, err
		}
	}
	tools := []*tool{
		sealift("sealift", at("sealift"), "none"),
		sealift("sealift, SHA-256", at("sealift"), "sha256"),
		{name: "sealift, library", version: "this", words: func(l load, s server) []string {
			return []string{at("library"), "-endpoint", s.endpoint, "-ca", s.ca, l.source}
		}},
		{name: "s5cmd", version: module(ctx, "github.com/peak/s5cmd/v2"), words: func(l load, s server) []string {
			return []string{at("s5cmd"), "--endpoint-url", s.endpoint, "--log", "error", "cp", l.source + slash(l), "s3://bucket/s5cmd/"}
		}},
		{name: "transfermanager", version: module(ctx, "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"), words: func(l load, s server) []string {
			return []string{at("transfermanager"), "-endpoint", s.endpoint, "-ca", s.ca, l.source}
		}},
		rcloneTool(ctx, bin),
		awsTool(ctx),
	}
	return tools, nil
}

func slash(l load) string {
	if l.tree {
		return "/"
	}
	return ""
}

func sealift(name, program, hash string) *tool {
	return &tool{name: name, version: "this", words: func(l load, s server) []string {
		return []string{program, "upload", "--quiet", "--source-hash", hash, "--endpoint-url", s.endpoint, "--ca-bundle", s.ca, l.source + slash(l), "s3://bucket/sealift/"}
	}}
}

// rcloneTool takes rclone from bin if it is there, else builds it there.
func rcloneTool(ctx context.Context, bin string) *tool {
	program := filepath.Join(bin, "rclone")
	t := &tool{name: "rclone", words: func(l load, s server) []string {
		words := []string{program, "copy", l.source, ":s3:bucket/rclone/", "--config", "", "--s3-provider", "Other", "--s3-env-auth", "--s3-endpoint", s.endpoint,
			"--ca-cert", s.ca, "--s3-no-check-bucket", "--s3-no-head", "--s3-disable-checksum", "--ignore-checksum", "--no-check-dest", "--no-traverse",
			"--multi-thread-cutoff", "1P", "--s3-chunk-size", "8M", "--s3-upload-concurrency", "8"}
		if l.tree {
			words = append(words, "--transfers", "32")
		}
		return words
	}}
	if _, err := os.Stat(program); err != nil {
		say("building rclone; this takes minutes")
		if err := quietly(ctx, ".", []string{"GOBIN=" + bin, "GOFLAGS=-mod=mod"}, "go", "install", rclone); err != nil {
			t.absent = "could not be built: " + err.Error()
			return t
		}
	}
	t.version = first(ctx, program, "version")
	return t
}

func awsTool(ctx context.Context) *tool {
	t := &tool{name: "aws s3 cp", most: 1, words: func(l load, s server) []string {
		words := []string{"aws", "s3", "cp", "--endpoint-url", s.endpoint, "--ca-bundle", s.ca, "--only-show-errors", l.source, "s3://bucket/aws/"}
		if l.tree {
			words = append(words, "--recursive")
		}
		return words
	}}
	if _, err := exec.LookPath("aws"); err != nil {
		t.absent = "is not installed here"
		return t
	}
	t.version = first(ctx, "aws", "--version")
	return t
}

// first is the first line that a program prints.
func first(ctx context.Context, words ...string) string {
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

// module is the version of a module of this go.mod.
func module(ctx context.Context, path string) string {
	return first(ctx, "go", "list", "-m", "-f", "{{.Version}}", path)
}

func quietly(ctx context.Context, dir string, env []string, words ...string) error {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, out)
	}
	return nil
}
