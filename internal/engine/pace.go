package engine

import "time"

// A pace finds out whether more slots move more bytes. It measures windows in
// which the limit stands still, tries a higher limit in the next, and keeps it
// only if that one moved more.
type pace struct {
	begun    time.Time
	bytes    int64
	held     time.Duration // that slots were held for them, added up
	requests int           // that succeeded in this window
	full     int           // of them, those that left no slot idle

	speed    float64 // bytes a second before the limit was raised; 0 when it was not
	lower    float64 // limit before it was raised
	careful  bool    // a try has failed or the server was busy: small steps from now on
	patience int     // requests to succeed before the next try
}

// Figures of a pace.
const (
	shortest   = 500 * time.Millisecond // window
	longest    = 3 * time.Second        // window, however slow the server
	laps       = 4                      // times that each slot succeeds in a window, at least
	boldStep   = 1.25                   // times the limit, until a try has failed
	worth      = 0.2                    // of what the added slots could have moved, at least
	afterBusy  = 60                     // patience after the server was busy
	afterTrial = 500                    // patience after a try that moved no more
)

// next counts a request that succeeded and returns the limit to go on with. A
// request from before the window tells of the limit before, and is left out.
func (p *pace) next(limit float64, since time.Time, bytes int64, full bool) float64 {
	now := time.Now()
	if p.begun.IsZero() {
		p.begun = since
	}
	if since.Before(p.begun) {
		return limit
	}
	p.bytes += bytes
	p.held += now.Sub(since)
	p.requests++
	p.patience = max(0, p.patience-1)
	if full {
		p.full++
	}
	span := now.Sub(p.begun)
	if span < shortest || span < longest && float64(p.requests) < laps*limit {
		return limit
	}
	// What a slot moves in a second it is held, times the slots: steadier than
	// counting what happens to end within the window.
	speed, idle := float64(p.bytes)/p.held.Seconds()*limit, p.full*5 < p.requests*4
	p.begun, p.bytes, p.held, p.requests, p.full = now, 0, 0, 0, 0
	return p.judge(limit, speed, idle)
}

// judge ends a window: a try that was not worth it is taken back, and a new
// one made when it is time.
func (p *pace) judge(limit, speed float64, idle bool) float64 {
	if p.speed > 0 && speed < p.speed*(1+worth*(limit/p.lower-1)) {
		limit, p.careful, p.patience = p.lower, true, afterTrial
	}
	p.speed = 0
	if idle || p.patience > 0 {
		return limit
	}
	p.speed, p.lower = speed, limit
	step := limit * boldStep
	if p.careful {
		step = limit + 1
	}
	return min(MostConnections, step)
}
