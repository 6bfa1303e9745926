package s3wire

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A network of addresses: those that are named in slow answer after that long,
// or never; those in dead refuse at once.
type network struct {
	mu     sync.Mutex
	dialed []string
	open   int
	slow   map[string]time.Duration
	dead   map[string]bool
}

type pipe struct {
	net.Conn
	of *network
}

func (p pipe) Close() error {
	p.of.mu.Lock()
	p.of.open--
	p.of.mu.Unlock()
	return p.Conn.Close()
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, address)
	slow, dead := n.slow[address], n.dead[address]
	n.mu.Unlock()
	if dead {
		return nil, errors.New("refused")
	}
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	client, server := net.Pipe()
	server.Close()
	n.mu.Lock()
	n.open++
	n.mu.Unlock()
	return pipe{client, n}, nil
}

func (n *network) spread(addresses ...string) *spread {
	return &spread{dial: n.dial, lookup: func(context.Context, string, string) ([]netip.Addr, error) {
		var all []netip.Addr
		for _, a := range addresses {
			all = append(all, netip.MustParseAddr(a))
		}
		return all, nil
	}}
}

func dial(t *testing.T, s *spread) {
	t.Helper()
	conn, err := s.DialContext(t.Context(), "tcp", "bucket.s3.example:443")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestConnectionsAreSpreadOverTheAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		s := n.spread("192.0.2.1", "192.0.2.2", "192.0.2.3")
		for range 6 {
			dial(t, s)
		}
		for _, a := range []string{"192.0.2.1:443", "192.0.2.2:443", "192.0.2.3:443"} {
			if got := len(slices.DeleteFunc(slices.Clone(n.dialed), func(d string) bool { return d != a })); got != 2 {
				t.Errorf("%s was dialled %d times: %v", a, got, n.dialed)
			}
		}
	})
}

// An address that is gone does not end what another one can do.
func TestDeadAddressesArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network{dead: map[string]bool{"192.0.2.1:443": true, "192.0.2.2:443": true}}
		s := n.spread("192.0.2.1", "192.0.2.2", "192.0.2.3")
		for range 3 {
			dial(t, s)
		}
		n.dead["192.0.2.3:443"] = true
		if _, err := s.DialContext(t.Context(), "tcp", "bucket.s3.example:443"); err == nil {
			t.Error("a connection to nowhere")
		}
	})
}

// Where one family of addresses leads nowhere, the other does not wait for it.
func TestTheOtherFamilyIsTriedBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network{slow: map[string]time.Duration{"[2001:db8::1]:443": time.Hour}}
		begun := time.Now()
		dial(t, n.spread("2001:db8::1", "192.0.2.1"))
		if took := time.Since(begun); took != headStart {
			t.Errorf("it took %v", took)
		}
		n = network{slow: map[string]time.Duration{"[2001:db8::1]:443": headStart + time.Millisecond, "192.0.2.1:443": time.Millisecond}}
		dial(t, n.spread("2001:db8::1", "192.0.2.1"))
		synctest.Wait()
		if n.open != 0 {
			t.Errorf("%d connections are left open", n.open)
		}
		n = network{dead: map[string]bool{"[2001:db8::1]:443": true}}
		begun = time.Now()
		dial(t, n.spread("2001:db8::1", "192.0.2.1"))
		if took := time.Since(begun); took != 0 {
			t.Errorf("a refusal was waited for %v", took)
		}
	})
}

// What the name leads to may not be a metadata service.
func TestForbiddenAddressesAreNotDialled(t *testing.T) {
	s := newSpread()
	s.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("169.254.169.254")}, nil
	}
	if _, err := s.DialContext(t.Context(), "tcp", "rebound.example:80"); !errors.Is(err, ErrEndpoint) {
		t.Errorf("error is %v, want ErrEndpoint", err)
	}
}
