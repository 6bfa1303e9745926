package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealift/sealift/internal/config"
)

// SystemConfig is where a system's configuration file lies.
func SystemConfig() string {
	if runtime.GOOS == "windows" {
		return `C:\ProgramData\sealift\config.toml`
	}
	return "/etc/sealift/config.toml"
}

// unsettled names the annotation of commands that neither the environment nor
// a file changes.
const unsettled = "unsettled"

// perCall are flags that say what one call does, not how: they are no
// settings.
func perCall() []string {
	return []string{"help", "allow", "dir", "format", "expires", "size", "checksum", "file", "curl", "include", "exclude", "files-from", "manifest", "dry-run", "source", "strip-components", "against", "download", "allow-newer", "older-than", "others", "yes", "fast"}
}

// settle fills in the flags that were not given, from the environment and the
// configuration files.
func (a App) settle(s *Streams, cmd *cobra.Command) error {
	if cmd.Annotations[unsettled] != "" || cmd.DisableFlagParsing {
		return nil
	}
	known := settingsOf(cmd.Root())
	system, err := config.ReadSystem(a.SystemConfig, known)
	if err != nil {
		return err
	}
	user, err := config.ReadUser(s.userConfig(), known)
	if err != nil {
		return err
	}
	return config.Layers{Env: s.Env, User: user, System: system}.Apply(cmd.Flags(), perCall()...)
}

// settingsOf are the names of all settings of all commands.
func settingsOf(root *cobra.Command) []string {
	var names []string
	for _, cmd := range root.Commands() {
		if cmd.Annotations[unsettled] != "" {
			continue
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !slices.Contains(perCall(), f.Name) {
				names = append(names, f.Name)
			}
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// userConfig is the path of the user's configuration file, "" where there is
// no place for one. A relative XDG_CONFIG_HOME is ignored, as XDG says, so
// that no working directory can bring a configuration along.
func (s *Streams) userConfig() string {
	return s.place("XDG_CONFIG_HOME", ".config", "config.toml")
}

// stateFolder is where receipts are kept, "" where there is no place.
func (s *Streams) stateFolder() string {
	return s.place("XDG_STATE_HOME", filepath.Join(".local", "state"), "")
}

// place is a path of ours under an XDG folder or its default in the home
// folder.
func (s *Streams) place(variable, fallback, name string) string {
	base := s.env(variable)
	if !filepath.IsAbs(base) {
		home := s.env("HOME")
		if runtime.GOOS == "windows" {
			home, _ = os.UserHomeDir()
		}
		if !filepath.IsAbs(home) {
			return ""
		}
		base = filepath.Join(home, fallback)
	}
	return filepath.Join(base, "sealift", name)
}
