package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// docs/configuration.md has every setting and no other.
func TestEverySettingIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, m[1])
	}
	slices.Sort(documented)
	if got := settingsOf(App{}.root(&Streams{})); !slices.Equal(got, documented) {
		t.Errorf("settings are\n%v\ndocumented are\n%v", got, documented)
	}
}

func TestFoldersAreFoundAsXDGSays(t *testing.T) {
	for _, c := range []struct {
		env    map[string]string
		config string
		state  string
	}{
		{map[string]string{"HOME": "/home/me"}, "/home/me/.config/sealift/config.toml", "/home/me/.local/state/sealift"},
		{map[string]string{"HOME": "/home/me", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"}, "/c/sealift/config.toml", "/s/sealift"},
		{map[string]string{"HOME": "/home/me", "XDG_CONFIG_HOME": ".", "XDG_STATE_HOME": "s"}, "/home/me/.config/sealift/config.toml", "/home/me/.local/state/sealift"},
		{map[string]string{"HOME": "."}, "", ""},
		{nil, "", ""},
	} {
		s := &Streams{Env: func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }}
		if filepath.Separator != '/' {
			t.Skip("paths are others here")
		}
		if got := s.userConfig(); got != c.config {
			t.Errorf("%v: config %q, want %q", c.env, got, c.config)
		}
		if got := s.stateFolder(); got != c.state {
			t.Errorf("%v: state %q, want %q", c.env, got, c.state)
		}
	}
}
