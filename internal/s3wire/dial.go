package s3wire

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// A spread dials the addresses that a host's name has in turn, so that
// connections are spread over the hosts of S3 that DNS names. A name is looked
// up for every connection: one that has moved is followed. It is safe for
// concurrent use.
type spread struct {
	dial   func(ctx context.Context, network, address string) (net.Conn, error) // of one address
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	turn   atomic.Uint32
}

// headStart is how long the family of addresses that the system prefers is
// tried before the other one is tried beside.
//
// Source: RFC 6555, section 5.5, as net.Dialer has it.
const headStart = 300 * time.Millisecond

func newSpread() *spread {
	dialer := &net.Dialer{
		Timeout: dialTimeout,
		Control: func(_, address string, c syscall.RawConn) error {
			lessPatient(c)
			return checkDialed(address)
		},
	}
	return &spread{dial: dialer.DialContext, lookup: net.DefaultResolver.LookupNetIP}
}

// DialContext dials as a net.Dialer does.
func (s *spread) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return s.dial(ctx, network, address)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	found, err := s.lookup(ctx, "ip", host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	first, second := families(found)
	turn := int(s.turn.Add(1) - 1)
	for i := range len(first) {
		conn, failed := s.race(ctx, network, port, pick(first, turn+i), pick(second, turn+i))
		if failed == nil || ctx.Err() != nil {
			return conn, failed
		}
		err = failed
	}
	return nil, err
}

// families splits addresses by family; the first is the one that the system
// put first.
func families(all []netip.Addr) (first, second []netip.Addr) {
	for _, a := range all {
		if a = a.Unmap(); len(first) == 0 || a.Is4() == first[0].Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	return first, second
}

// pick is the address whose turn it is, the zero one of none.
func pick(from []netip.Addr, turn int) netip.Addr {
	if len(from) == 0 {
		return netip.Addr{}
	}
	return from[turn%len(from)]
}

// race dials first and, if that fails or takes longer than headStart, second
// beside it, where there is one. The connection that comes first is it.
func (s *spread) race(ctx context.Context, network, port string, first, second netip.Addr) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan dialed, 2)
	running := 0
	begin := func(a netip.Addr) {
		running++
		go func() {
			conn, err := s.dial(ctx, network, net.JoinHostPort(a.String(), port))
			results <- dialed{conn, err}
		}()
	}
	begin(first)
	head := time.NewTimer(headStart)
	defer head.Stop()
	var failed error
	for running > 0 {
		select {
		case <-head.C:
		case r := <-results:
			running--
			if r.err == nil {
				go closeLate(results, running)
				return r.conn, nil
			}
			failed = cmp.Or(failed, r.err)
		}
		if second.IsValid() {
			begin(second)
			second = netip.Addr{}
		}
	}
	return nil, failed
}

// dialed is what came of dialling one address.
type dialed struct {
	conn net.Conn
	err  error
}

// closeLate closes the connections that come when nobody wants them any more.
func closeLate(results <-chan dialed, n int) {
	for range n {
		if r := <-results; r.err == nil {
			r.conn.Close()
		}
	}
}
