package main

// help is the manual.
func help() string {
	return `sealift-sandbox: an AWS on loopback, enough for Sealift

Usage:
  sealift-sandbox [--addr HOST:PORT] [--dir DIR] [--tls] [--json]
`
}
