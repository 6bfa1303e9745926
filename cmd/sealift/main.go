// Sealift moves files into Amazon S3 with credentials that can do nothing
// else. See package cli.
package main

import (
	"os"

	"github.com/sealift/sealift/internal/cli"
)

func main() {
	os.Exit(cli.App{SystemConfig: cli.SystemConfig()}.Main(os.Args[1:]))
}
