// Package bench measures the program as a user runs it: whole processes, with
// the operating system's own account of them. It has no code, only tests.
package bench
