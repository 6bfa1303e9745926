package cli

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// choice is the value of a flag that takes one word of several.
type choice struct {
	to    *string
	from  []string
	later []string // words that a later release takes
	fold  bool     // takes them in capitals too, as the AWS CLI writes them
}

func (c choice) String() string {
	if c.to == nil {
		return ""
	}
	return *c.to
}
func (c choice) Type() string { return strings.Join(c.from, "|") }
func (c choice) Set(s string) error {
	if slices.Contains(c.later, s) {
		return fmt.Errorf("%s comes with a later release; give one of %s", s, strings.Join(c.from, ", "))
	}
	if c.fold {
		s = strings.ToLower(s)
	}
	if !slices.Contains(c.from, s) {
		return fmt.Errorf("give one of %s", strings.Join(c.from, ", "))
	}
	*c.to = s
	return nil
}

// oneOf defines a flag whose first word is the default.
func oneOf(f *pflag.FlagSet, to *string, name, usage string, from ...string) {
	*to = from[0]
	f.Var(choice{to: to, from: from}, name, usage)
}

// size is the value of a flag in bytes; "auto" is 0.
type size int64

func (s *size) String() string {
	if *s == 0 {
		return "auto"
	}
	return strconv.FormatInt(int64(*s), 10)
}
func (s *size) Type() string { return "auto|SIZE" }
func (s *size) Set(text string) error {
	if text == "auto" {
		*s = 0
		return nil
	}
	n, err := humanize.ParseBytes(binary(text))
	if err != nil || n == 0 || n > 1<<62 {
		return fmt.Errorf("give auto or a size, as 16MiB")
	}
	*s = size(n)
	return nil
}

// bytesExactly is the value of a flag that is a length; 0 is one.
type bytesExactly struct {
	bytes int64
	given bool
}

func (b *bytesExactly) String() string {
	if !b.given {
		return ""
	}
	return strconv.FormatInt(b.bytes, 10)
}
func (b *bytesExactly) Type() string { return "BYTES" }
func (b *bytesExactly) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 62)
	if err != nil && strings.ContainsAny(text, "bB") {
		n, err = humanize.ParseBytes(binary(text))
	}
	if err != nil || n > 1<<62 {
		return errors.New("give bytes, as 50000003 or 16MiB")
	}
	b.bytes, b.given = int64(n), true
	return nil
}

// binary writes MB as MiB, and its like: to the AWS CLI, whose users write
// 8MB, that is 1024² bytes too.
//
// Source: https://docs.aws.amazon.com/cli/latest/topic/s3-config.html
// (recalled, not read again).
func binary(text string) string {
	unit := strings.ToUpper(strings.TrimSpace(text))
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "B"), "I")
	if unit == "" || !strings.ContainsRune("KMGTP", rune(unit[len(unit)-1])) {
		return text
	}
	return unit + "iB"
}

// bandwidth is the value of a flag in bytes a second; "off" is 0.
type bandwidth int64

func (b *bandwidth) String() string {
	if *b == 0 {
		return "off"
	}
	return strconv.FormatInt(int64(*b), 10)
}
func (b *bandwidth) Type() string { return "off|SIZE" }
func (b *bandwidth) Set(text string) error {
	var bytes size
	if text != "off" && (text == "auto" || bytes.Set(strings.TrimSuffix(text, "/s")) != nil) {
		return fmt.Errorf("give off or bytes a second, as 50MiB")
	}
	*b = bandwidth(bytes)
	return nil
}

// span is the value of a flag that is a time: 15m, 1h30m, or a number of
// seconds, as AWS writes durations.
type span struct {
	to          *time.Duration
	least, most time.Duration // most 0 = no bound
	give        string        // what to give instead of what is refused
}

func (d span) String() string {
	if d.to == nil || *d.to == 0 && d.least > 0 {
		return ""
	}
	return d.to.String()
}
func (d span) Type() string { return "TIME" }
func (d span) Set(text string) error {
	v, err := time.ParseDuration(text)
	if n, notSeconds := strconv.ParseInt(text, 10, 64); notSeconds == nil && n >= 0 && n <= math.MaxInt64/int64(time.Second) {
		v, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || v < d.least || d.most > 0 && v > d.most {
		return errors.New("give " + d.give)
	}
	*d.to = v
	return nil
}

// number is the value of a flag that counts; "auto" is 0.
type number int

func (n *number) String() string {
	if *n == 0 {
		return "auto"
	}
	return strconv.Itoa(int(*n))
}
func (n *number) Type() string { return "auto|N" }
func (n *number) Set(text string) error {
	if text == "auto" {
		*n = 0
		return nil
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 || v > 1000 {
		return fmt.Errorf("give auto or a number from 1 to 1000")
	}
	*n = number(v)
	return nil
}

// account is the value of a flag that names an AWS account; "" is none.
type account string

func (a *account) String() string { return string(*a) }
func (a *account) Type() string   { return "ACCOUNT" }
func (a *account) Set(text string) error {
	if text != "" && (len(text) != 12 || strings.Trim(text, "0123456789") != "") {
		return errors.New("give the 12 digits of an account")
	}
	*a = account(text)
	return nil
}

// pairs is the value of a flag that may be repeated and gathers name=value.
type pairs struct {
	of    map[string]string
	parse func(string) (map[string]string, error)
	kind  string
}

func (p *pairs) String() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(p.of)) {
		all = append(all, name+"="+p.of[name])
	}
	return strings.Join(all, ",")
}
func (p *pairs) Type() string       { return p.kind }
func (p *pairs) Clone() pflag.Value { return &pairs{parse: p.parse, kind: p.kind} }
func (p *pairs) Set(text string) error {
	more, err := p.parse(text)
	if err != nil {
		return err
	}
	if p.of == nil {
		p.of = map[string]string{}
	}
	for name, value := range more {
		if _, twice := p.of[name]; twice {
			return fmt.Errorf("%s is given twice", name)
		}
		p.of[name] = value
	}
	return nil
}

// onePair reads name=value, to the letter.
func onePair(text string) (map[string]string, error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return nil, fmt.Errorf("give name=value")
	}
	return map[string]string{name: value}, nil
}

// commaPairs reads name=value[,name=value…], the AWS CLI's form. A comma that
// no name= follows belongs to the value. Names are made lower case, as S3
// keeps them.
func commaPairs(text string) (map[string]string, error) {
	all := map[string]string{}
	last := ""
	for piece := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(piece, "=")
		name = strings.ToLower(name)
		switch {
		case ok && name != "":
			if _, twice := all[name]; twice {
				return nil, fmt.Errorf("%s is given twice", name)
			}
			all[name], last = value, name
		case last != "":
			all[last] += "," + piece
		default:
			return nil, fmt.Errorf("give name=value")
		}
	}
	return all, nil
}

// queryPairs reads name=value&name=value, URL-encoded, the AWS CLI's form.
func queryPairs(text string) (map[string]string, error) {
	query, err := url.ParseQuery(text)
	if err != nil {
		return nil, fmt.Errorf("give name=value&name=value, URL-encoded")
	}
	all := map[string]string{}
	for name, values := range query {
		if len(values) != 1 || name == "" {
			return nil, fmt.Errorf("give each tag once, as name=value")
		}
		all[name] = values[0]
	}
	return all, nil
}

// unknownFlag makes a usage error of what pflag refused, with the nearest
// flag's name where the flag is not known.
func unknownFlag(cmd *cobra.Command, err error) error {
	usage := &usageError{text: err.Error(), hint: "see " + cmd.CommandPath() + " --help"}
	missing, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return usage
	}
	if missing.GetSpecifiedShortnames() != "" {
		usage.hint = "a file whose name begins with - is written ./-NAME; " + usage.hint
		return usage
	}
	name := missing.GetSpecifiedName()
	if name == "recursive" {
		usage.hint = "leave it out: a folder is sent with all that is in it"
		return usage
	}
	if name == "json" && cmd.Flags().Lookup("format") != nil {
		usage.hint = "give --format json; " + usage.hint
		return usage
	}
	near, best := "", len(name)/2+1
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := distance(name, f.Name); !f.Hidden && d < best {
			near, best = f.Name, d
		}
	})
	if near != "" {
		usage.hint = "did you mean --" + near + "? " + usage.hint
	}
	return usage
}

// distance is how many letters must be put in, left out or changed to make b
// of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
