//go:build unix

package walk

import "syscall"

// openFlags keep an open of a FIFO or a device from waiting.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY
