//go:build unix && !linux

package cli

import "syscall"

// apart keeps a terminal's Ctrl-C from the child, whose end is ours to time.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
