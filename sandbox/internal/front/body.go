package front

import (
	"io"
	"net"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/utils"
)

const (
	// maxDrain is one part at its largest, so that a refused part is read to
	// its end. On loopback that is seconds.
	maxDrain = 5 << 30 // bytes
	// drainIdle is how long a client may pause before it is cut off.
	drainIdle = 5 * time.Second
)

// A body reads what a request sends and remembers how it ended. The server's
// own reader does not: asked again after the end of a body in HTTP's chunks
// (Transfer-Encoding: chunked), it waits for the next request and takes that
// for a chunk.
type body struct {
	c      fiber.Ctx
	stream io.Reader // nil = there is none, or the server read it at once
	err    error     // io.EOF, or what cut the body short
}

// newBody puts itself between the server and the engine.
func newBody(c fiber.Ctx) *body {
	b := &body{c: c, stream: c.Request().BodyStream()}
	if b.stream != nil {
		utils.ContextKeyBodyReader.Set(c, b)
	}
	return b
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.stream.Read(p)
	b.err = err
	return n, err
}

// finish reads what is left of the body when the answer is known. A client
// that is still sending when the connection closes sees a reset instead of
// the answer. And the engine stops at the end of what it understands
// (aws-chunked), short of the end of HTTP's chunks around it; what is left
// would be taken for the next request.
func (b *body) finish() {
	if b.stream == nil || b.c.Request().BodyStream() == nil { // read as a whole, and given back
		return
	}
	conn := b.c.RequestCtx().Conn()
	defer conn.SetReadDeadline(time.Time{})
	left := io.LimitReader(patient{b, conn}, maxDrain)
	if _, err := io.Copy(io.Discard, left); err != nil || b.err == nil {
		b.c.Response().Header.SetConnectionClose()
	}
}

// patient gives a client drainIdle for every read.
type patient struct {
	*body
	conn net.Conn
}

func (p patient) Read(buf []byte) (int, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(drainIdle)); err != nil {
		return 0, err
	}
	return p.body.Read(buf)
}
