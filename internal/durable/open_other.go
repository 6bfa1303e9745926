//go:build !unix

package durable

// careful is nothing here: an open cannot be told not to follow a link.
const careful = 0
