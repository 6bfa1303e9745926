//go:build !linux

package s3wire

import "syscall"

// lessPatient does nothing where there is no such option.
func lessPatient(syscall.RawConn) {}
