package s3wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// Sizes in bytes: what TLS puts into one record, what it adds at most, and the
// records of one write.
const (
	oneRecord   = 16 << 10
	recordExtra = 64
	writeSize   = 8 * oneRecord
	corkSize    = 8 * (oneRecord + recordExtra)
)

// The buffers of connections that are being written to.
var (
	corks  = sync.Pool{New: func() any { return new([corkSize]byte) }}
	writes = sync.Pool{New: func() any { return new([writeSize]byte) }}
)

// A cork lies under TLS, which hands each record of 16 KiB to the system by
// itself, and gathers the records of one write: one call where eight would be.
type cork struct {
	net.Conn
	mu     sync.Mutex
	buffer *[corkSize]byte // nil while what is written goes through
	used   int
}

func (c *cork) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.buffer == nil {
		return c.Conn.Write(p)
	}
	for rest := p; len(rest) > 0; {
		n := copy(c.buffer[c.used:], rest)
		c.used += n
		rest = rest[n:]
		if c.used < corkSize {
			continue
		}
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (c *cork) flush() error {
	_, err := c.Conn.Write(c.buffer[:c.used])
	c.used = 0
	return err
}

func (c *cork) put() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buffer = corks.Get().(*[corkSize]byte)
}

// pull writes what was gathered.
func (c *cork) pull() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.flush()
	corks.Put(c.buffer)
	c.buffer = nil
	return err
}

// A corked connection is one by TLS over a cork. Its Write is not called twice
// at once: net/http has one writer.
type corked struct {
	*tls.Conn
	under *cork

	writing, closed atomic.Bool
}

func (c *corked) Write(p []byte) (int, error) {
	if len(p) <= oneRecord {
		return c.Conn.Write(p)
	}
	c.writing.Store(true)
	defer c.writing.Store(false)
	if c.closed.Load() { // after writing was set: Close sees one of the two
		return 0, net.ErrClosed
	}
	c.under.put()
	n, err := c.Conn.Write(p)
	if late := c.under.pull(); err == nil {
		err = late
	}
	return n, err
}

// Close says goodbye as TLS does, but not behind a Write that the peer keeps
// waiting: what that has gathered is with the cork, where TLS does not see it,
// and would wait its turn for seconds.
func (c *corked) Close() error {
	c.closed.Store(true)
	if c.writing.Load() {
		return c.under.Close()
	}
	return c.Conn.Close()
}

// ReadFrom implements io.ReaderFrom, which net/http copies bodies by: else it
// reads 32 KiB at a time.
func (c *corked) ReadFrom(r io.Reader) (n int64, err error) {
	buf := writes.Get().(*[writeSize]byte)
	defer writes.Put(buf)
	for {
		got, end := r.Read(buf[:])
		if got > 0 {
			wrote, err := c.Write(buf[:got])
			n += int64(wrote)
			if err != nil {
				return n, err
			}
		}
		switch {
		case end == io.EOF:
			return n, nil
		case end != nil:
			return n, end
		}
	}
}

var errHandshake = errors.New("the TLS handshake took too long")

// dialTLS dials by TLS, as t would without it.
func dialTLS(t *http.Transport) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(parent context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		raw, err := t.DialContext(parent, network, address)
		if err != nil {
			return nil, err
		}
		config := t.TLSClientConfig.Clone()
		config.ServerName = host
		under := &cork{Conn: raw}
		conn := tls.Client(under, config)
		ctx, cancel := context.WithTimeout(parent, t.TLSHandshakeTimeout)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			raw.Close()
			if ctx.Err() != nil && parent.Err() == nil {
				err = errHandshake
			}
			return nil, err
		}
		return &corked{Conn: conn, under: under}, nil
	}
}
