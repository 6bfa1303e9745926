package cli

import "golang.org/x/text/unicode/norm"

// form is the normal form of a name: people and some file systems take all
// names of one form for one.
func form(base string) string { return norm.NFC.String(base) }
