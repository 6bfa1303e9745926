package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
)

// Sandbox is `sealift sandbox`: it becomes the program sealift-sandbox.
type Sandbox struct{}

func (b *Sandbox) command(s *Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "sandbox [--addr 127.0.0.1:9090] [--dir DIR] [--tls] [--json] ...",
		Short: "Run a local AWS: S3, STS and IAM on loopback",
		Long: `Run a local AWS on loopback: S3, STS and the evaluation of IAM policies, with a
user, roles, buckets and a profile to use them by. It runs the program
sealift-sandbox, found beside sealift or on PATH; sealift sandbox --help tells
its flags.`,
		Example: `  sealift sandbox --dir /tmp/aws        # in one terminal
  . /tmp/aws/env                        # in another
  sealift upload big.iso s3://my-secure-upload-bucket-007/`,
		DisableFlagParsing: true,
		RunE:               func(cmd *cobra.Command, args []string) error { return b.Run(cmd.Context(), s, args) },
	}
}

// Run becomes the sandbox, with all of args.
func (b *Sandbox) Run(ctx context.Context, s *Streams, args []string) error {
	program, err := findSandbox()
	if err != nil {
		return err
	}
	return become(ctx, s, program, args)
}

// findSandbox is the path of sealift-sandbox: beside this executable, links
// followed, else on PATH.
func findSandbox() (string, error) {
	name := "sealift-sandbox"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		beside := filepath.Join(filepath.Dir(self), name)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: neither beside sealift nor on PATH", errNoSandbox)
	}
	return path, nil
}
