//go:build !unix

package main

import "github.com/rogpeppe/go-internal/testscript"

// fifo cannot be had here; scripts that need one are for unix.
func fifo(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("no named pipes here") }
