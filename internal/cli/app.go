// Package cli is the sealift command: one file a command, one table of errors
// and exit codes (exit.go), one place that layers settings (settings.go).
//
// A command is a struct whose fields are its flags and whose Run does the
// work. Results go to standard output, talk to standard error; nothing prompts
// without a terminal; everything from outside is escaped before it is shown.
// The environment, signals, profiles and configuration files are read here and
// in no library package.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sealift/sealift/internal/config"
)

// An App is the program and what it trusts on this machine.
type App struct {
	// SystemConfig is the path of the system's configuration file, which can
	// lock settings. It is a field, and no variable of the environment, so
	// that whom it locks out cannot point it elsewhere. "" has none.
	SystemConfig string
}

// Main runs the command line args, without the program's name, on the
// process's own streams and signals, and returns the exit code.
func (a App) Main(args []string) int {
	s := &Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.LookupEnv, leaving: &leaving{}}
	ctx, stop := interruptible(context.Background(), s.leaving)
	defer stop()
	return a.Run(ctx, s, args)
}

// Run runs the command line args on s and returns the exit code. What went
// wrong has been said by then.
func (a App) Run(ctx context.Context, s *Streams, args []string) int {
	s.args = args
	root, begun := a.root(s), false
	settle := root.PersistentPreRunE
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		err := settle(cmd, args)
		begun = err == nil
		return err
	}
	root.SetArgs(args)
	pages := &printer{to: s.Out}
	root.SetOut(pages)
	cmd, err := root.ExecuteContextC(ctx)
	if pages.err != nil {
		err = fmt.Errorf("%w: %w", errOutput, pages.err)
	}
	if err != nil && !begun && asksForLines(s, cmd, args) {
		(&jsonLines{out: s.Out}).print(conclude(newRun(), err))
	}
	if _, said := errors.AsType[*saidError](err); err != nil && !said {
		s.complain(err)
	}
	return exitCode(err)
}

// A printer remembers that a page could not be printed, which cobra does not
// tell.
type printer struct {
	to  io.Writer
	err error
}

func (p *printer) Write(text []byte) (int, error) {
	n, err := p.to.Write(text)
	if err != nil && p.err == nil {
		p.err = err
	}
	return n, err
}

// inLines names the annotation of commands whose --json prints lines, the last
// one a summary.
const inLines = "lines"

// asksForLines tells whether JSON lines were asked for of a command that did
// not begin, since its command line or a setting cannot be used.
func asksForLines(s *Streams, cmd *cobra.Command, args []string) bool {
	if cmd.Annotations[inLines] == "" {
		return false
	}
	given := cmd.Flags().Lookup("json")
	return given.Value.String() == "true" || slices.Contains(args, "--json") ||
		!given.Changed && cmd.Annotations[unsettled] == "" && s.env(config.Variable("json")) == "true"
}

// root is the tree of commands.
func (a App) root(s *Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "sealift",
		Short: "Move files into Amazon S3 with credentials that can do nothing else",
		Long:  rootHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
		Version:       builtFrom().String(), // makes --version and -v
		SilenceErrors: true, SilenceUsage: true,
		SuggestionsMinimumDistance: 2,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetErr(s.Err)
	root.SetIn(s.In)
	root.SetFlagErrorFunc(unknownFlag)
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		(&Upload{}).command(s),
		(&Resume{app: a}).command(s),
		(&Status{}).command(s),
		(&Abort{app: a}).command(s),
		(&Verify{}).command(s),
		(&Cleanup{}).command(s),
		(&Credentials{}).command(s),
		(&Presign{}).command(s),
		(&Sandbox{}).command(s),
		(&Demo{}).command(s),
		(&VersionInfo{}).command(s),
		(&Completion{}).command(),
		(&Man{}).command(),
	)
	for _, cmd := range root.Commands() {
		completeChoices(cmd)
		unquote(cmd)
	}
	root.SetHelpFunc(showHelp)
	root.SetHelpCommand(helpCommand())
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.settle(s, cmd) }
	return root
}

// helpCommand is cobra's, in our words.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 && about == cmd.Root() {
				return unknownCommand(cmd.Root(), args[0])
			}
			return about.Help()
		},
	}
}

func unknownCommand(root *cobra.Command, name string) error {
	err := usagef("unknown command %q", name)
	if near := root.SuggestionsFor(name); len(near) > 0 {
		err.hint = fmt.Sprintf("did you mean: sealift %s", near[0])
	} else {
		err.hint = "sealift help lists the commands"
	}
	return err
}
