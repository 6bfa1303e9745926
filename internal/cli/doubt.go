package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/sealift/sealift/internal/durable"
)

// A doubt lies in the state folder while a run may replace objects, and stays
// there where it ends without a receipt for each that it may have replaced:
// older receipts of those keys are then not the last word.
type doubt struct {
	Bucket string    `json:"bucket"`
	Prefix string    `json:"prefix"` // of all keys that the run writes
	Since  time.Time `json:"since"`
}

const doubtSuffix = ".doubt"

// cast writes the doubt of a run, and returns how to take it back. It is
// written before anything is sent; where it cannot be, nor can receipts.
func (d doubt) cast(folder, run string) (back func(), err error) {
	path := filepath.Join(folder, run+doubtSuffix)
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	if err := durable.MakeFolder(folder); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(path) }, nil
}
