//go:build unix

package durable

import "syscall"

// careful follows no link and waits for nobody.
const careful = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
