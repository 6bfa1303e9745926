package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealift/sealift/internal/cli"
)

// Scripts run this very test binary as sealift. Only here can the environment
// say where the system's configuration file lies.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sealift": func() {
			os.Exit(cli.App{SystemConfig: os.Getenv("TEST_SYSTEM_CONFIG")}.Main(os.Args[1:]))
		},
	})
}
