package cli

import "golang.org/x/text/unicode/norm"

// forms are the normal forms of a name: people and some file systems take all
// of them for one.
func forms(base string) []string {
	return []string{norm.NFC.String(base), norm.NFD.String(base)}
}
