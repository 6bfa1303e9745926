//go:build !unix

package durable

// syncFolder does nothing: folders cannot be synced here.
func syncFolder(string) error { return nil }
