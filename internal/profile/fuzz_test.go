package profile

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

// Whatever a token endpoint answers, what is taken for a token is one line of
// the answer, and an error shows nothing of it.
func FuzzGitHubToken(f *testing.F) {
	f.Add([]byte(`{"count":3,"value":"jwt"}`))
	f.Add([]byte(`{"value":""}`))
	f.Add([]byte(`{"value":7}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		token, err := gitHubToken(bytes.NewReader(answer))
		if (err == nil) == (token == "") {
			t.Errorf("got %q, %v", token, err)
		}
		if err != nil && err.Error() != "answer holds no token" {
			t.Errorf("got %v", err)
		}
	})
}

func FuzzReadToken(f *testing.F) {
	f.Add("token\n")
	f.Add(" \t")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := readToken(strings.NewReader(text))
		if err == nil && (token == "" || len(token) > maxToken || !strings.Contains(text, token)) {
			t.Errorf("%q gives %q", text, token)
		}
	})
}

// What is let through as an endpoint is a URL that a request can be signed for.
func FuzzCheckEndpoint(f *testing.F) {
	for _, s := range []string{"http://127.0.0.1:9090", "https://[::1]", "http://169.254.169.254", "https://a@b", "http://localhost.evil"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if address == "" || checkEndpoint("sts", address, false) != nil {
			return
		}
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.User != nil || strings.HasPrefix(u.Hostname(), "169.254.") {
			t.Errorf("%q was let through", address)
		}
		if u.Scheme == "http" && u.Hostname() != "localhost" && !strings.HasPrefix(u.Hostname(), "127.") && !strings.Contains(u.Hostname(), "1") {
			t.Errorf("%q was let through in plain http", address)
		}
	})
}

// Whatever a configuration file holds, its section s3 is read without a fall,
// and only from the profile that is asked for.
func FuzzNestedS3(f *testing.F) {
	f.Add([]byte("[profile p]\ns3 =\n  addressing_style = path\n"))
	f.Add([]byte("[default]\ns3=\n\tuse_accelerate_endpoint = true\n["))
	f.Add([]byte(" = \n]\n[profile \"p\"]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if found := nestedS3(text, "p"); len(found) > 0 && !bytes.Contains(text, []byte("profile")) {
			t.Errorf("%q has %v", text, found)
		}
	})
}
