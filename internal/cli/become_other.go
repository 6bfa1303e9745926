//go:build !unix

package cli

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// become runs the program to its end and passes an interruption on.
func become(ctx context.Context, s *Streams, program string, args []string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	err := cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		return &saidError{err}
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	return nil
}
