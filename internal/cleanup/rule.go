package cleanup

import (
	"fmt"
	"time"
)

// A Rule says which uploads are aborted.
type Rule struct {
	Now       time.Time
	OlderThan time.Duration // how long nothing has happened to it
	Others    bool          // also those that are not ours
}

// Keep is why an upload is kept; "" where it is to be aborted. It is pure.
func (r Rule) Keep(f Found) string {
	active := f.Active()
	switch {
	case f.Garbled:
		return "its key cannot be known"
	case f.Held && f.PID == 0:
		return "under way in another process"
	case f.Held:
		return fmt.Sprintf("under way in process %d", f.PID)
	case f.Whose == Other && !r.Others:
		return "not ours"
	case f.Unsettled:
		return "whether it is stored is not settled: sealift resume " + f.Run
	case f.Err != nil && !denied(f.Err):
		return "its parts could not be listed"
	case active.IsZero():
		return "its age is not known"
	case r.Now.Sub(active) < r.OlderThan && f.Weight.Last.After(f.Initiated):
		return "a part came lately"
	case r.Now.Sub(active) < r.OlderThan:
		return "not old enough"
	}
	return ""
}
