package redact

import (
	"net/url"
	"regexp"
)

// urlQuery finds what may hold a secret in a URL within text: the user part,
// and everything from the question or number sign.
var urlQuery = regexp.MustCompile(`(://)([^\s"'/?#@]*@)?([^\s"'?#]*)([?#][^\s"']*)?`)

// URLs removes user parts, queries and fragments from every URL in text. A
// signed URL is a credential, and signatures stand in queries.
func URLs(text string) string { return urlQuery.ReplaceAllString(text, "$1$3") }

// Error is err without queries in the URLs of its text. The *url.Error that
// net/http returns is replaced by a clean copy; another error keeps its chain
// and changes only in what it prints. nil stays nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	if u, ok := err.(*url.Error); ok {
		return &url.Error{Op: u.Op, URL: URLs(u.URL), Err: Error(u.Err)}
	}
	text := err.Error()
	if clean := URLs(text); clean != text {
		return &cleaned{clean, err}
	}
	return err
}

// cleaned is an error whose own text would show a query.
type cleaned struct {
	text string
	err  error
}

func (c *cleaned) Error() string { return c.text }
func (c *cleaned) Unwrap() error { return c.err }
