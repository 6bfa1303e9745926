// Command sealift-sandbox is an AWS on loopback that is enough for Sealift.
package main

import (
	"os"

	"github.com/sealift/sealift/sandbox/internal/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr)) }
