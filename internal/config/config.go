// Package config finds the value of every setting of the command line. From
// the strongest: the flag, the environment, the user's file, the system's
// file, what is built in.
//
// A setting is a flag: its name in a file is the flag's long name, in the
// environment SEALIFT_ and that name in capitals. The system's file may also
// lock settings: then only its own value, or the built-in one, counts, and
// another one is refused. A file in the working directory is never read.
//
// The package touches nothing but the files it is told of and the flags it is
// given; the environment is a function.
package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Layers are where settings come from beside the flags themselves.
type Layers struct {
	Env    func(name string) (string, bool)
	User   File
	System File
}

// A LockedError says that a setting was given which the system's file locks.
type LockedError struct {
	Setting string // the flag's name
	By      string // where it was given: the flag, the variable or the user's file
	File    string // the system's
}

// Error names the setting, where it was given and the file that locks it.
func (e *LockedError) Error() string {
	return fmt.Sprintf("%s: %s is locked by %s", e.By, e.Setting, e.File)
}

// A ValueError says that a setting has a value that its flag refuses.
type ValueError struct {
	From string // the variable, or the file and line
	Err  error
}

// Error names where the value came from and what is wrong with it.
func (e *ValueError) Error() string { return fmt.Sprintf("%s: %v", e.From, e.Err) }

// Unwrap returns what the flag said.
func (e *ValueError) Unwrap() error { return e.Err }

// Variable is the environment variable of a setting.
func Variable(setting string) string {
	return "SEALIFT_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// Apply sets every flag that the command line left alone from the strongest
// layer that has it. Flags named in except belong to no layer. It returns a
// *LockedError or a *ValueError.
func (l Layers) Apply(flags *pflag.FlagSet, except ...string) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		if err == nil && !f.Hidden && !slices.Contains(except, f.Name) {
			err = l.apply(f)
		}
	})
	return err
}

// A setting is one value and where it came from.
type setting struct {
	text []string // several for a flag that may be repeated
	from string
}

func (l Layers) apply(f *pflag.Flag) error {
	given, found := l.find(f)
	if !slices.Contains(l.System.Locked, f.Name) {
		if f.Changed || !found {
			return nil
		}
		return given.set(f)
	}
	system, _ := l.System.find(f.Name)
	locked := &LockedError{Setting: f.Name, File: l.System.Path}
	switch {
	case f.Changed && differs(f, system):
		locked.By = "--" + f.Name
	case !f.Changed && found && !slices.Equal(given.text, system.text):
		locked.By = given.from
	case f.Changed || len(system.text) == 0:
		return nil
	default:
		return system.set(f)
	}
	return locked
}

// find is the setting from the strongest layer that has it, flags aside.
func (l Layers) find(f *pflag.Flag) (setting, bool) {
	name := Variable(f.Name)
	if text, ok := l.Env(name); ok && text != "" {
		return setting{split(f, text), name}, true
	}
	if s, ok := l.User.find(f.Name); ok {
		return s, true
	}
	return l.System.find(f.Name)
}

// split cuts a variable into the values of a flag that may be repeated, one a
// line.
func split(f *pflag.Flag, text string) []string {
	if _, repeated := f.Value.(Repeated); !repeated {
		return []string{text}
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
}

// Repeated is implemented by the values of flags that may be given more than
// once. Clone is an empty value of the same kind.
type Repeated interface {
	pflag.Value
	Clone() pflag.Value
}

// set gives the flag its value. The flag then does not count as given.
func (s setting) set(f *pflag.Flag) error {
	if _, repeated := f.Value.(Repeated); !repeated && len(s.text) != 1 {
		return &ValueError{s.from, fmt.Errorf("%s takes one value", f.Name)}
	}
	for _, text := range s.text {
		err := f.Value.Set(text)
		if err != nil && f.Value.Type() == "bool" {
			err = errors.New("give true or false")
		}
		if err != nil {
			return &ValueError{s.from, fmt.Errorf("%s %q: %w", f.Name, text, err)}
		}
	}
	return nil
}

// differs tells whether a flag was given another value than the system's.
func differs(f *pflag.Flag, system setting) bool {
	given := f.Value.String()
	return given != system.result(f)
}

// result is how the flag reads with this setting, or built in without it.
func (s setting) result(f *pflag.Flag) string {
	if len(s.text) == 0 {
		return f.DefValue
	}
	if r, repeated := f.Value.(Repeated); repeated {
		v := r.Clone()
		for _, text := range s.text {
			if v.Set(text) != nil {
				return strings.Join(s.text, "\n")
			}
		}
		return v.String()
	}
	// The flag takes the system's value: it is the same as the one given, or
	// the command is refused anyway.
	if f.Value.Set(s.text[0]) != nil {
		return s.text[0]
	}
	return f.Value.String()
}
