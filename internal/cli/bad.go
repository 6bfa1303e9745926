package cli

import (
	"errors"
	"fmt"
	"sync"

	"github.com/sealift/sealift"
)

// badFiles are those of a tree that were not stored.
type badFiles struct {
	mu      sync.Mutex
	texts   []string
	worst   error // of those that failed; nil while only reading did
	unsure  error // the first of which an object may be stored all the same
	hinted  error // whose hint goes with them
	ignored int64 // ignore files that could not be read
	last    string
}

// mostBad is how many are named at the end; of more, each is said at once.
const mostBad = 100

func (b *badFiles) add(s Streams, e *sealift.Event, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := fmt.Sprintf("%s: %v", e.Source, err)
	if e.Transfer != "" {
		text = fmt.Sprintf("upload %s to %s: %v", e.Source, address(e.Bucket, e.Key), err)
	}
	b.say(s, text)
	if b.hinted == nil {
		b.hinted = err
	}
	if errors.Is(err, sealift.ErrUnreadable) {
		return
	}
	if b.unsure == nil && unsure(err) {
		b.unsure = err
	}
	if b.worst = worst([]error{b.worst, err}); b.worst == err {
		b.hinted = err
	}
}

func (b *badFiles) say(s Streams, text string) {
	if len(b.texts) < mostBad {
		b.texts = append(b.texts, text)
		return
	}
	s.Say("%s", text)
}

// ignoreFile hears of one that cannot be read, perhaps more than once in a row.
func (b *badFiles) ignoreFile(path string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if path == b.last {
		return
	}
	b.last = path
	b.ignored++
	if len(b.texts) < mostBad {
		b.texts = append(b.texts, fmt.Sprintf("%s: nothing of its folder is sent: %v", path, err))
	}
}

// tell names them.
func (b *badFiles) tell(s *Streams) {
	for _, text := range b.texts {
		s.Say("%s", text)
	}
	if b.hinted != nil {
		s.hint(b.hinted)
	}
}
