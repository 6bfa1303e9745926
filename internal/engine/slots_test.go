package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A limited server admits so many requests a second and answers each after its
// time; the others are told at once that it is busy.
type limited struct {
	rate    float64
	serve   time.Duration
	mu      sync.Mutex
	tokens  float64
	at      time.Time
	served  int
	refused int
}

func (l *limited) request() (busy bool) {
	l.mu.Lock()
	now := time.Now()
	l.tokens = min(l.rate, l.tokens+l.rate*now.Sub(l.at).Seconds())
	l.at = now
	busy = l.tokens < 1
	if busy {
		l.refused++
	} else {
		l.tokens--
		l.served++
	}
	l.mu.Unlock()
	if busy {
		time.Sleep(10 * time.Millisecond)
		return true
	}
	time.Sleep(l.serve + rand.N(l.serve/5))
	return false
}

func (l *limited) count() (served, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.served, l.refused
}

// Against a server that admits a fixed rate, the slots reach nine tenths of it
// within 30 seconds and are refused hardly ever.
func TestFoundSlotsFollowALimitedServer(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		serve time.Duration
	}{{60, 200 * time.Millisecond}, {100, 200 * time.Millisecond}, {200, 100 * time.Millisecond}, {30, 500 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			server := &limited{rate: c.rate, serve: c.serve, at: time.Now()}
			slots := findSlots()
			ctx, cancel := context.WithCancel(t.Context())
			var workers sync.WaitGroup
			for range MostConnections {
				workers.Go(func() {
					for {
						h, err := slots.acquire(ctx)
						if err != nil {
							return
						}
						busy := server.request()
						bytes := int64(8 << 20)
						if busy {
							bytes = 0
						}
						h.release(busy, bytes)
						if busy {
							time.Sleep(rand.N(firstWait))
						}
					}
				})
			}
			time.Sleep(30 * time.Second)
			served, refused := server.count()
			time.Sleep(60 * time.Second)
			s, r := server.count()
			served, refused = s-served, r-refused
			cancel()
			workers.Wait()
			most := min(c.rate*60, float64(MostConnections)*60/(c.serve.Seconds()*1.1))
			share, busy := float64(served)/most, float64(refused)/float64(served+refused)
			t.Logf("rate %.0f/s, %v each: %.1f %% of it, %.2f %% refused, %d slots at the end", c.rate, c.serve, 100*share, 100*busy, slots.len())
			if share < 0.90 || busy > 0.02 {
				t.Errorf("rate %.0f/s: reached %.1f %%, %.2f %% refused; want 90 %%, at most 2 %%", c.rate, 100*share, 100*busy)
			}
		})
	}
}

// Where more slots do not move more bytes, they are given back.
func TestFoundSlotsDoNotGrowInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := findSlots()
		ctx, cancel := context.WithCancel(t.Context())
		line := make(chan struct{}, 1) // carries one request at a time
		var workers sync.WaitGroup
		for range MostConnections {
			workers.Go(func() {
				for {
					h, err := slots.acquire(ctx)
					if err != nil {
						return
					}
					line <- struct{}{}
					time.Sleep(50 * time.Millisecond)
					<-line
					h.release(false, 8<<20)
				}
			})
		}
		time.Sleep(2 * time.Minute)
		if n := slots.len(); n > DefaultConnections+4 {
			t.Errorf("%d slots for a line that carries one", n)
		}
		cancel()
		workers.Wait()
	})
}

// Whoever gives up waiting takes no slot along, whatever the order of things.
func TestSlotsAreNeverLost(t *testing.T) {
	slots := newSlots(3)
	var workers sync.WaitGroup
	var mu sync.Mutex
	now, most := 0, 0
	for range 50 {
		workers.Go(func() {
			for range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(200))*time.Microsecond)
				h, err := slots.acquire(ctx)
				if err == nil {
					mu.Lock()
					now++
					most = max(most, now)
					mu.Unlock()
					time.Sleep(time.Duration(rand.IntN(50)) * time.Microsecond)
					mu.Lock()
					now--
					mu.Unlock()
					h.release(false, 1)
				} else if !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	workers.Wait()
	if most > 3 {
		t.Errorf("%d held at once, there are 3", most)
	}
	for range 3 {
		if _, err := slots.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if slots.waiting.Len() != 0 || slots.used != 3 {
		t.Errorf("%d wait, %d are used", slots.waiting.Len(), slots.used)
	}
}
