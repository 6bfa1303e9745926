package ui

import (
	"math"
	"time"
)

// A meter reckons a speed from a count that grows: an average in which what
// is window old counts a third. The zero value is ready.
type meter struct {
	since  time.Time // of the first count
	last   time.Time
	count  int64
	smooth float64 // bytes a second
}

// window is how far a speed looks back; settle is how long there must have
// been something to look at.
const (
	window = 5 * time.Second
	settle = 500 * time.Millisecond
)

// at says that the count was n at a time. A count that falls, since bytes are
// sent again, is speed 0, not less.
func (m *meter) at(now time.Time, n int64) {
	if m.since.IsZero() {
		m.since, m.last, m.count = now, now, n
		return
	}
	passed := now.Sub(m.last).Seconds()
	if passed < 0.05 {
		return
	}
	weight := 1 - math.Exp(-passed/window.Seconds())
	// Young averages know too little to be slow: weigh as if the window were
	// as long as the meter is old.
	if age := now.Sub(m.since).Seconds(); age < window.Seconds() {
		weight = max(weight, passed/age)
	}
	m.smooth += weight * (float64(max(0, n-m.count))/passed - m.smooth)
	m.last, m.count = now, n
}

// rate is the speed in bytes a second; 0 when it is not known yet. A meter
// that hears nothing slows down.
func (m *meter) rate(now time.Time) float64 {
	if m.since.IsZero() || m.last.Sub(m.since) < settle {
		return 0
	}
	if quiet := now.Sub(m.last); quiet > 2*time.Second {
		return m.smooth * math.Exp(-(quiet-2*time.Second).Seconds()/window.Seconds())
	}
	return m.smooth
}
