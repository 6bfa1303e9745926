// Package house holds the tests of the repository's own rules: which package
// may import which, and which names are exported. It has no code.
package house
