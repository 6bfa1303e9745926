package cli

import (
	"slices"
	"sync"
	"time"
)

// leaving is what must be undone even where the process leaves at once: what
// would be left on this machine otherwise. A nil one keeps nothing.
type leaving struct {
	mu    sync.Mutex
	steps []*func()
}

// undoWithin is how long that may take, in all.
const undoWithin = 3 * time.Second

// keep has step done at the end, unless the function it returns is called
// before. A step must not depend on who else is still at work.
func (l *leaving) keep(step func()) (forget func()) {
	if l == nil {
		return func() {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steps = append(l.steps, &step)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.steps = slices.DeleteFunc(l.steps, func(s *func()) bool { return s == &step })
	}
}

// undo takes the steps, the last first, for as long as it may.
func (l *leaving) undo() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.mu.Lock()
		steps := slices.Clone(l.steps)
		l.mu.Unlock()
		for _, step := range slices.Backward(steps) {
			(*step)()
		}
	}()
	select {
	case <-done:
	case <-time.After(undoWithin):
	}
}
