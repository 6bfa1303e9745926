package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	library = "github.com/sealift/sealift"
	sandbox = library + "/sandbox"
	sdk     = "github.com/aws/aws-sdk-go-v2"
)

// A layer says what one package may import of this repository and of other
// modules, by path; the standard library is always allowed. A path allows what
// lies below it too, but for the library's own root. Tests may import more.
type layer struct {
	may []string
	why string // said when it does not
}

// layers are the packages of both modules. One that is not listed may import
// nothing.
var layers = map[string]layer{
	"":                     {[]string{"internal/durable", "internal/engine", "internal/journal", "internal/plan", "internal/s3wire", "internal/source", "internal/sum", "internal/walk", "receipt", "session", sdk + "/aws", "github.com/oklog/ulid/v2"}, "the library ties the inner packages together and drags no command's needs into its importers"},
	"policy":               {nil, "Terraform, sandbox, command and sessions share the policies: standard library only"},
	"receipt":              {nil, "auditors import receipts alone: standard library only"},
	"trail":                {[]string{"github.com/klauspost/compress/flate", "github.com/klauspost/compress/gzip"}, "a trail is read by whoever audits: standard library and a decompressor"},
	"session":              {[]string{"policy", "internal/redact", sdk, "github.com/aws/smithy-go"}, "a session knows policies and STS, no upload"},
	"internal/plan":        {nil, "plans are arithmetic"},
	"internal/redact":      {nil, "whoever hides secrets must depend on nothing that could show them"},
	"internal/durable":     {[]string{"golang.org/x/sys/windows"}, "durable files need the system alone; locks on Windows are not in the standard library"},
	"internal/journal":     {[]string{"internal/durable", "internal/sum"}, "a journal knows what was done, and nobody who does it"},
	"internal/fault":       {[]string{"internal/durable"}, "faults must not share a mistake with the client they test; of durable they fill the interface"},
	"internal/cleanup":     {[]string{"internal/durable", "internal/journal", "internal/s3wire", "golang.org/x/sync"}, "to find what was left open takes the wire and the journals, and no session"},
	"internal/house":       {nil, "the rules have no code"},
	"internal/sum":         {[]string{"github.com/minio/crc64nvme"}, "sums know their hash"},
	"internal/source":      {[]string{"internal/sum"}, "a source is read, never sent"},
	"internal/walk":        {nil, "files are found by the system alone, so that the library can find them too"},
	"internal/s3wire":      {[]string{"internal/plan", "internal/sum", sdk, "github.com/aws/smithy-go"}, "the wire decides nothing, so it must not know who does"},
	"internal/engine":      {[]string{"internal/journal", "internal/plan", "internal/s3wire", "internal/source", "internal/sum", "golang.org/x/sync", "golang.org/x/time/rate"}, "the engine knows neither sessions nor receipts, and of files the journal alone"},
	"internal/verify":      {[]string{"receipt", "internal/engine", "internal/s3wire", "internal/sum", "golang.org/x/sync"}, "receipts are verified by whoever can read, and nothing is written"},
	"internal/config":      {[]string{"github.com/pelletier/go-toml/v2", "github.com/spf13/pflag"}, "configuration is the command's, and knows no command"},
	"internal/filter":      {[]string{"github.com/bmatcuk/doublestar/v4"}, "what is left out is the command's choice; the library is given the answer"},
	"internal/profile":     {[]string{"policy", "session", "internal/redact", sdk, "github.com/aws/smithy-go"}, "profiles end in a session; they know no upload"},
	"internal/ui":          {[]string{"", "internal/redact", "github.com/vbauerster/mpb/v8", "github.com/dustin/go-humanize", "github.com/mattn/go-runewidth"}, "what moves on the terminal is drawn here and nowhere else"},
	"internal/sandboxtest": {[]string{sdk}, "tests start the sandbox as a program, and share no code with it"},
	"internal/cli": {[]string{"", "policy", "receipt", "session", "internal/cleanup", "internal/config", "internal/durable", "internal/filter", "internal/journal", "internal/plan", "internal/profile", "internal/redact", "internal/ui", "internal/s3wire", "internal/verify", "internal/walk",
		sdk, "github.com/aws/smithy-go", "github.com/spf13/cobra", "github.com/spf13/pflag", "charm.land/lipgloss/v2", "github.com/dustin/go-humanize", "github.com/oklog/ulid/v2", "golang.org/x/sync", "golang.org/x/term", "golang.org/x/text/unicode/norm"},
		"the command calls the library; the engine is the library's"},
	"bench":        {nil, "it measures programs"},
	"bench/null":   {[]string{"internal/sum"}, "a server to measure against costs next to nothing"},
	"bench/nulls3": {[]string{"bench/null"}, "main is a few lines"},
	"cmd/sealift":  {[]string{"internal/cli"}, "main is a few lines"},
}

// forbidden are the library's packages that the sandbox must not import, nor
// anything that it imports: client and server must not share a mistake.
var forbidden = []string{"", "receipt", "session", "trail", "internal/engine", "internal/s3wire", "internal/source", "internal/sum", "internal/plan", "internal/fault"}

func TestPackagesImportOnlyWhatTheirLayerAllows(t *testing.T) {
	for _, p := range packages(t, "../..") {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, library), "/")
		rule, known := layers[name]
		if !known {
			t.Errorf("package %s has no layer: add it to the table, with a reason", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if isStandard(imported) || slices.ContainsFunc(rule.may, func(may string) bool { return allows(may, imported) }) {
				continue
			}
			t.Errorf("%s imports %s: %s", p.ImportPath, imported, rule.why)
		}
	}
}

func TestSandboxSharesOnlyPoliciesWithTheLibrary(t *testing.T) {
	for _, p := range packages(t, "../../sandbox") {
		for _, imported := range p.Imports {
			rest, ours := strings.CutPrefix(imported, library)
			if !ours || strings.HasPrefix(imported, sandbox) || rest == "/policy" {
				continue
			}
			t.Errorf("%s imports %s: of the library the sandbox may know policies alone (never %v)", p.ImportPath, imported, forbidden)
		}
	}
}

// The packages that importers and auditors take must not drag in what only the
// command or the sandbox needs.
func TestLibraryDragsNothingAlong(t *testing.T) {
	for _, c := range []struct {
		pkg   string
		never []string
	}{
		{library, []string{"github.com/spf13", "github.com/vbauerster", "charm.land", "github.com/versity", "github.com/pelletier"}},
		{library + "/session", []string{"github.com/spf13", sdk + "/service/s3", "github.com/versity"}},
		{library + "/receipt", []string{"github.com", "golang.org/x", "net/http"}},
		{library + "/policy", []string{"github.com", "golang.org/x", "net/http"}},
		{library + "/trail", []string{"github.com/aws", "github.com/go-json-experiment", "golang.org/x", "net/http", "net"}},
	} {
		for _, dep := range strings.Fields(run(t, "../..", "list", "-deps", c.pkg)) {
			if strings.HasPrefix(dep, library) || strings.HasPrefix(dep, "vendor/") {
				continue
			}
			for _, never := range c.never {
				if strings.HasPrefix(dep, never) {
					t.Errorf("%s depends on %s", c.pkg, dep)
				}
			}
		}
	}
}

func allows(may, imported string) bool {
	if may == "" {
		return imported == library
	}
	if !strings.Contains(strings.SplitN(may, "/", 2)[0], ".") {
		may = library + "/" + may
	}
	return imported == may || strings.HasPrefix(imported, may+"/")
}

func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// A listed package is one that go list names.
type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T, dir string) []listed {
	t.Helper()
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(run(t, dir, "list", "-json=ImportPath,Imports", "./..."))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatalf("no packages in %s", dir)
	}
	return all
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = filepath.FromSlash(dir)
	out, err := cmd.Output()
	if err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go %v: %v\n%s", args, err, e.Stderr)
		}
		t.Fatal(err)
	}
	return string(out)
}
