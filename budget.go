package sealift

import "github.com/sealift/sealift/internal/engine"

// A Budget bounds what the Uploaders that share it use at once. It is safe for
// concurrent use.
type Budget struct{ of *engine.Budget }

// NewBudget returns a budget of that many requests under way at once, which
// together send at most bytesPerSecond bytes of sources a second.
//
// With 0 connections or fewer, their number follows the server, between 1 and
// 32: it grows while that moves more bytes, and falls when S3 asks to slow
// down. With 0 bytes or fewer, bandwidth is not limited.
func NewBudget(connections int, bytesPerSecond int64) *Budget {
	return &Budget{engine.NewBudget(connections, bytesPerSecond)}
}
