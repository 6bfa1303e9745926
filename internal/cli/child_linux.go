package cli

import "syscall"

// apart keeps a terminal's Ctrl-C from the child, whose end is ours to time,
// and ends it with the thread that started it.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
