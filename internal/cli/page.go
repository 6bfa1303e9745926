package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// inGroup names the annotation that says under which heading of the help a
// flag stands.
const inGroup = "group"

// group defines flags that stand together in the help.
func group(f *pflag.FlagSet, name string, bind func(*pflag.FlagSet)) {
	part := pflag.NewFlagSet(name, pflag.ContinueOnError)
	part.SortFlags = false
	bind(part)
	part.VisitAll(func(one *pflag.Flag) {
		one.Annotations = map[string][]string{inGroup: {name}}
		f.AddFlag(one)
	})
}

// asValue names the annotation that says what a flag's value is called.
const asValue = "value"

// unquote takes the name of each flag's value out of its meaning, where pflag
// wants it between backquotes: shells show the meaning as it is.
func unquote(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value, meaning := pflag.UnquoteUsage(f)
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[asValue], f.Usage = []string{value}, meaning
	})
}

// showHelp writes the page of a command: what it does, how it is called,
// examples, flags by group. It is what --help and `sealift help` print.
func showHelp(cmd *cobra.Command, _ []string) {
	w := cmd.OutOrStdout()
	about := cmd.Long
	if about == "" {
		about = cmd.Short + "."
	}
	fmt.Fprintf(w, "%s\n\nUsage\n  %s\n", about, usageLine(cmd))
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(w, "  also: %s\n", strings.Join(cmd.Aliases, ", "))
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprint(w, "\nCommands\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(w, "  %-12s %s\n", sub.Name(), sub.Short)
			}
		}
		fmt.Fprintf(w, "\n%s COMMAND --help explains a command.\n", cmd.Name())
	}
	showFlags(w, cmd.Flags())
}

func usageLine(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return cmd.Name() + " COMMAND [flags] ..."
	}
	return cmd.Parent().CommandPath() + " " + cmd.Use
}

// showFlags writes the flags under their headings, in the order they were
// defined.
func showFlags(w io.Writer, flags *pflag.FlagSet) {
	var headings []string
	under := map[string][]*pflag.Flag{}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		heading := "Flags"
		if named := f.Annotations[inGroup]; len(named) > 0 {
			heading = named[0]
		}
		if under[heading] == nil {
			headings = append(headings, heading)
		}
		under[heading] = append(under[heading], f)
	})
	for _, heading := range headings {
		fmt.Fprintf(w, "\n%s\n", heading)
		for _, f := range under[heading] {
			showFlag(w, f)
		}
	}
}

// Columns of the list of flags, in cells.
const (
	flagColumn = 28
	pageWidth  = 84
)

// showFlag writes one flag: left how it is given, right what it means.
func showFlag(w io.Writer, f *pflag.Flag) {
	left := "  --" + f.Name
	if value := f.Annotations[asValue]; len(value) > 0 && f.Value.Type() != "bool" {
		left += " " + value[0]
	}
	if len(left) > flagColumn-2 {
		fmt.Fprintln(w, left)
		left = ""
	}
	for _, line := range wrap(f.Usage, pageWidth-flagColumn) {
		fmt.Fprintf(w, "%-*s%s\n", flagColumn, left, line)
		left = ""
	}
}

// wrap breaks text at blanks into lines of at most width bytes, where the
// words allow it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
