package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Completion is `sealift completion`.
type Completion struct{}

func (c *Completion) command() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes commands in your shell",
		Example: `  . <(sealift completion bash)
  sealift completion zsh > "${fpath[1]}/_sealift"
  sealift completion fish > ~/.config/fish/completions/sealift.fish
  sealift completion powershell | Out-String | Invoke-Expression`,
		ValidArgs:   []string{"bash", "zsh", "fish", "powershell"},
		Annotations: map[string]string{unsettled: "true"},
		RunE:        func(cmd *cobra.Command, args []string) error { return c.Run(cmd.Root(), cmd.OutOrStdout(), args) },
	}
}

// completeChoices lets shells offer the words of flags that take one of them.
func completeChoices(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if words, ok := f.Value.(choice); ok {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words.from, cobra.ShellCompDirectiveNoFileComp)) // it exists
		}
	})
}

// Run prints the script for the shell that args name.
func (c *Completion) Run(root *cobra.Command, out io.Writer, args []string) error {
	usage := &usageError{"name one shell", "sealift completion bash, zsh, fish or powershell"}
	if len(args) != 1 {
		return usage
	}
	switch args[0] {
	case "bash":
		return root.GenBashCompletionV2(out, true)
	case "zsh":
		return root.GenZshCompletion(out)
	case "fish":
		return root.GenFishCompletion(out, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(out)
	}
	usage.text = fmt.Sprintf("no completion for %q", args[0])
	return usage
}
