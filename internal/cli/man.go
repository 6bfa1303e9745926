package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/durable"
)

// Man is `sealift man`.
type Man struct{ Dir string }

func (m *Man) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "man [COMMAND | --dir DIR]",
		Short:       "Print a manual page, or write all of them",
		Example:     "  sealift man upload | man -l -\n  sealift man --dir ~/.local/share/man/man1",
		Annotations: map[string]string{unsettled: "true"},
		RunE:        func(cmd *cobra.Command, args []string) error { return m.Run(cmd.Root(), cmd.OutOrStdout(), args) },
	}
	cmd.Flags().StringVar(&m.Dir, "dir", "", "write the pages of all commands into this `DIR`")
	return cmd
}

// Run prints the page of the program or of one command, or writes all.
func (m *Man) Run(root *cobra.Command, out io.Writer, args []string) error {
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Source: "sealift " + sealift.Version, Manual: "Sealift", Date: dated()}
	if m.Dir != "" {
		if len(args) > 0 {
			return &usageError{"--dir writes the pages of all commands", "leave out " + args[0]}
		}
		if err := durable.MakeFolder(m.Dir); err != nil {
			return &usageError{fmt.Sprintf("--dir: %v", err), "name a folder that can be made, or written to"}
		}
		return doc.GenManTree(root, header, m.Dir)
	}
	about, rest, err := root.Find(args)
	if err != nil || len(rest) > 0 {
		return unknownCommand(root, strings.Join(args, " "))
	}
	return doc.GenMan(about, header, out)
}

// dated is when the revision was made that this was built from, so that pages
// are the same whenever they are written; nil, which is today, where that is
// not known.
func dated() *time.Time {
	at, err := time.Parse(time.RFC3339, builtFrom().Time)
	if err != nil {
		return nil
	}
	return &at
}
