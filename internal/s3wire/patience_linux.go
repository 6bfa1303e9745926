package s3wire

import (
	"syscall"
	"time"
)

// unheard is how long the kernel keeps a connection whose bytes nobody
// acknowledges: a cable that was pulled is known before the stall watch looks.
const unheard = 30 * time.Second

// tcpUserTimeout is the option's number.
//
// Source: linux/tcp.h; tcp(7) says what it does (recalled, not read again).
const tcpUserTimeout = 18

// lessPatient sets that on a socket. A kernel that knows no such option is as
// patient as it was.
func lessPatient(c syscall.RawConn) {
	_ = c.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unheard.Milliseconds()))
	})
}
