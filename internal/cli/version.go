package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/sealift/sealift"
)

// VersionInfo is `sealift version`.
type VersionInfo struct{ JSON bool }

func (v *VersionInfo) command(s *Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "version [--json]",
		Short:       "Print the version and what it was built from",
		Example:     "  sealift version\n  sealift version --json",
		Args:        noArgs,
		Annotations: map[string]string{unsettled: "true"},
		RunE:        func(*cobra.Command, []string) error { return v.Run(s) },
	}
	cmd.Flags().BoolVar(&v.JSON, "json", false, "print one JSON object")
	return cmd
}

// A build is what a program tells of itself.
type build struct {
	Type     string `json:"type"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the repository; empty outside of one
	Time     string `json:"time,omitempty"`     // of that revision
	Modified bool   `json:"modified"`           // the tree held more than the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run prints what this program was built from.
func (v *VersionInfo) Run(s *Streams) error {
	b := builtFrom()
	if v.JSON {
		text, err := json.Marshal(b)
		if err != nil {
			return err
		}
		return s.printResult(string(text))
	}
	return s.printResult(b.String())
}

// String is a build on one line.
func (b build) String() string {
	line := fmt.Sprintf("sealift %s (%s, %s", b.Version, b.Go, b.Platform)
	if b.Revision != "" {
		line += ", " + b.Revision[:min(12, len(b.Revision))]
	}
	if b.Modified {
		line += " and changes"
	}
	return line + ")"
}

func builtFrom() build {
	b := build{Type: "version", Version: sealift.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Revision = setting.Value
		case "vcs.time":
			b.Time = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	return b
}

// noArgs refuses arguments in our words.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{fmt.Sprintf("%s takes no %q", cmd.CommandPath(), args[0]), "see " + cmd.CommandPath() + " --help"}
}
