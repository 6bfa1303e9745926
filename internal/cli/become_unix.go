//go:build unix

package cli

import (
	"context"
	"fmt"
	"os"
	"syscall"
)

// become replaces this process by the program: signals and the exit code are
// then its own.
func become(_ context.Context, _ *Streams, program string, args []string) error {
	err := syscall.Exec(program, append([]string{program}, args...), os.Environ())
	return fmt.Errorf("run %s: %w", program, err)
}
