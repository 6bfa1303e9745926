package sealift

import "github.com/sealift/sealift/internal/engine"

// DefaultConnections is how many requests an Uploader begins with when its
// Budget does not say.
const DefaultConnections = engine.DefaultConnections

// A Budget bounds what the Uploaders that share it use at once. It is safe for
// concurrent use.
type Budget struct{ connections *engine.Slots }

// NewBudget returns a budget of that many requests under way at once. With 0
// or less, the number follows the server, between 1 and 32: it grows while
// that moves more bytes, and falls when S3 asks to slow down.
func NewBudget(connections int) *Budget {
	if connections < 1 {
		return &Budget{engine.FindSlots()}
	}
	return &Budget{engine.NewSlots(connections)}
}
