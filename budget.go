package sealift

import "github.com/sealift/sealift/internal/engine"

// DefaultConnections is how many requests an Uploader has under way at once
// when its Budget is not given.
const DefaultConnections = engine.DefaultConnections

// A Budget bounds what the Uploaders that share it use at once. It is safe for
// concurrent use.
type Budget struct{ connections *engine.Slots }

// NewBudget returns a budget of that many requests under way at once, at least
// one.
func NewBudget(connections int) *Budget {
	return &Budget{engine.NewSlots(max(1, connections))}
}
