package front

import (
	"io"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
)

const (
	// maxDrain is one part at its largest, so that a refused part is read to
	// its end. On loopback that is seconds.
	maxDrain = 5 << 30 // bytes
	// drainIdle is how long a client may pause before it is cut off.
	drainIdle = 5 * time.Second
)

// drain reads what is left of the body. A client that is still sending when
// the connection closes sees a reset instead of the answer.
//
// Bodies of unknown length are left alone: read again after their end, they
// would be waited for.
func drain(c fiber.Ctx) {
	body := c.Request().BodyStream()
	if body == nil || c.Request().Header.ContentLength() <= 0 {
		return
	}
	conn := c.RequestCtx().Conn()
	defer conn.SetReadDeadline(time.Time{})
	buf := make([]byte, 64<<10)
	for n := int64(0); n < maxDrain; {
		if conn.SetReadDeadline(time.Now().Add(drainIdle)) != nil {
			return
		}
		got, err := body.Read(buf)
		n += int64(got)
		if err == io.EOF || err != nil {
			return
		}
	}
}

// headerSafe keeps text to what a header may hold.
func headerSafe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
}
