package cli

import (
	"os"
	"syscall"
)

// apart keeps a console's Ctrl-C from the child, whose end is ours to time.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// askToEnd ends a process: there is no asking.
func askToEnd(p *os.Process) error { return p.Kill() }
