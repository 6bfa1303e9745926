//go:build !unix

package cli

const openFlags = 0
