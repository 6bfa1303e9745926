package engine

import (
	"sync"
	"time"

	"github.com/sealift/sealift/internal/s3wire"
)

// A Step is something that a transfer did. Its fields are those of the
// library's Event.
type Step struct {
	Type         string
	Size         int64
	Parts        int
	Stored       int  // of them, by an earlier process
	Resumable    bool // another process could go on
	Sent         int64
	Acknowledged int64
	Operation    s3wire.Operation
	Part         int
	Attempt      int
	Wait         time.Duration
	RequestID    string
	Err          error
}

// The types of steps.
const (
	Started  = "started"
	Progress = "progress"
	Retried  = "retried"
	Waiting  = "waiting"
)

// tick is how often progress is told.
const tick = 200 * time.Millisecond

// progress counts a transfer's bytes. What is acknowledged never falls, not
// even when the upload begins again: it stands still until it is passed.
type progress struct {
	mu     sync.Mutex
	size   int64 // UnknownSize while a stream has not ended
	sent   int64 // bytes handed to the network that are acknowledged or may still be
	acked  int64 // of the present upload
	peak   int64 // the most that acked has been
	handed int64 // bytes handed to the network, ever
}

// move counts n more body bytes of an attempt that is under way.
func (p *progress) move(n int) {
	p.mu.Lock()
	p.sent += int64(n)
	p.handed += int64(n)
	p.mu.Unlock()
}

// settle ends an attempt that moved so many bytes: acknowledged, or in vain.
func (p *progress) settle(moved, size int64, acknowledged bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent -= moved
	if acknowledged {
		p.sent += size
		p.acked += size
		p.peak = max(p.peak, p.acked)
	}
}

// restart forgets what the present upload has; the peak stays.
func (p *progress) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent, p.acked = 0, 0
}

func (p *progress) step() Step {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := max(p.sent, p.peak)
	if p.size != UnknownSize {
		sent = min(sent, p.size)
	}
	return Step{Type: Progress, Size: p.size, Sent: sent, Acknowledged: p.peak}
}

// learn says how long a stream was.
func (p *progress) learn(size int64) {
	p.mu.Lock()
	p.size = size
	p.mu.Unlock()
}

func (p *progress) total() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.handed
}

// tell reports progress until the function it returns is called, which reports
// once more: always, or only if something was told before. A transfer that
// ends within a tick costs no goroutine.
func (p *progress) tell(report func(Step), always bool) (stop func()) {
	var mu sync.Mutex // held while reporting
	var over bool
	var last Step
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(tick, func() {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		if now := p.step(); now != last {
			report(now)
			last = now
		}
		timer.Reset(tick)
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		timer.Stop()
		if always || last != (Step{}) {
			report(p.step())
		}
	}
}
