// Package house holds the tests of the repository's own rules: which package
// may import which, which names are exported, and that documents say what the
// code does. It has no code.
package house
