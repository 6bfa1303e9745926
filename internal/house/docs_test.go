package house

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/receipt"
)

// README is read in one sitting.
func TestReadmeIsShort(t *testing.T) {
	if n := strings.Count(text(t, "README.md"), "\n"); n >= 200 {
		t.Errorf("README.md has %d lines, want fewer than 200", n)
	}
}

// The policies that README tells people to write are those of package policy,
// for the names that README uses.
func TestReadmePoliciesAreThoseOfTheCode(t *testing.T) {
	n := policy.Names{Account: "123456789012", Region: "eu-west-1", Bucket: "my-bucket"}.Filled()
	want := []policy.Document{n.UserPolicy(), n.TrustPolicy(n.UploadRole, policy.Trust{}), n.UploadRolePolicy()}
	blocks := fenced(section(t, "README.md", "## With your own bucket"), "json")
	if len(blocks) != len(want) {
		t.Fatalf("README has %d policies, want %d: user, trust, role", len(blocks), len(want))
	}
	for i, block := range blocks {
		got, err := policy.Parse([]byte(block))
		if err != nil {
			t.Errorf("policy %d of README: %v", i+1, err)
			continue
		}
		if got.Compact() != want[i].Compact() {
			t.Errorf("policy %d of README is\n%s\nwant\n%s", i+1, got.Compact(), want[i].Compact())
		}
	}
}

// README's Go code is a piece of the library's example, so it compiles.
func TestReadmeExampleIsCompiled(t *testing.T) {
	blocks := fenced(section(t, "README.md", "## As a library"), "go")
	if len(blocks) != 1 {
		t.Fatalf("README has %d blocks of Go, want one", len(blocks))
	}
	if !strings.Contains(text(t, "example_test.go"), "\n"+blocks[0]) {
		t.Error("README's Go code is not in example_test.go, word for word")
	}
}

// The receipt that the format's document shows is one.
func TestReceiptExampleIsAReceipt(t *testing.T) {
	blocks := fenced(section(t, "docs/format/receipt.md", "## Example"), "json")
	if len(blocks) != 1 {
		t.Fatalf("the document has %d examples, want one", len(blocks))
	}
	if _, err := receipt.Read(strings.NewReader(blocks[0])); err != nil {
		t.Error(err)
	}
}

// Every field of the example is in the format's table.
func TestReceiptFieldsAreAllDescribed(t *testing.T) {
	table := section(t, "docs/format/receipt.md", "## Fields")
	for _, block := range fenced(section(t, "docs/format/receipt.md", "## Example"), "json") {
		for _, m := range regexp.MustCompile(`"([a-z0-9_]+)":`).FindAllStringSubmatch(block, -1) {
			if !regexp.MustCompile("[`.]" + m[1] + "[`.\\[]").MatchString(table) {
				t.Errorf("docs/format/receipt.md does not describe %s", m[1])
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// A link within the repository leads somewhere, to the heading too.
func TestLinksResolve(t *testing.T) {
	for _, path := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(unfenced(text(t, path)), -1) {
			to, err := url.Parse(m[1])
			if err != nil || to.IsAbs() {
				if err != nil {
					t.Errorf("%s: %v", path, err)
				}
				continue
			}
			target := path
			if to.Path != "" {
				target = filepath.Join(filepath.Dir(path), filepath.FromSlash(to.Path))
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
				continue
			}
			if to.Fragment != "" && !hasHeading(text(t, target), to.Fragment) {
				t.Errorf("%s links to %s, which has no such heading", path, m[1])
			}
		}
	}
}

// root is the repository's, from here.
const root = "../.."

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// documents are the paths of all Markdown of the repository.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			rel, err := filepath.Rel(root, path)
			paths = append(paths, rel)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatal("no documents")
	}
	return paths
}

// section is what stands below a heading, up to the next of its rank.
func section(t *testing.T, path, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(text(t, path), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", path, heading)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// fenced are the blocks of one language.
func fenced(text, language string) (blocks []string) {
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		if m[1] == language {
			blocks = append(blocks, m[2])
		}
	}
	return blocks
}

// unfenced is what is left without blocks and code.
func unfenced(text string) string {
	text = fence.ReplaceAllString(text, "")
	return regexp.MustCompile("`[^`\n]*`").ReplaceAllString(text, "")
}

// hasHeading tells whether a heading has that anchor, as GitHub makes them.
func hasHeading(text, anchor string) bool {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		slug := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		if strings.ReplaceAll(slug, " ", "-") == anchor {
			return true
		}
	}
	return false
}
