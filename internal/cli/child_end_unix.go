//go:build unix

package cli

import (
	"os"
	"syscall"
)

// askToEnd asks a process to end in order.
func askToEnd(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
