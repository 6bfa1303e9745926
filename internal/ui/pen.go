package ui

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-runewidth"
)

// A pen draws one bar as a line of text.
type pen struct {
	colour bool
	ascii  bool   // draw with nothing else
	done   string // what is said of a transfer that succeeded; "" = stored
	align  bool   // bars stand below each other: names are padded
}

// How wide the pieces of a line are, in cells.
const (
	nameWidth = 24 // at most
	barMin    = 10
	barMax    = 40
)

// draw is the line of a transfer in at most width cells: name, percent, bar,
// speed, time left, time left of the session. What does not fit is left out,
// from the right. Where the size is not known, the bytes that S3 has confirmed
// stand instead of percent, and there is no bar.
func (p pen) draw(v view, width int) string {
	cells := min(nameWidth, max(4, width/3))
	name := p.fit(v.name, cells)
	if p.align {
		name = runewidth.FillRight(name, cells)
	}
	line := fmt.Sprintf("%s %3d%%", name, v.percent())
	if v.size < 0 {
		line = fmt.Sprintf("%s %9s", name, humanize.IBytes(uint64(v.acked)))
	}
	rest := width - runewidth.StringWidth(line)
	var tail string
	for _, piece := range p.tail(v) {
		if runewidth.StringWidth(tail)+2+runewidth.StringWidth(piece)+barMin+3 > rest {
			break
		}
		tail += "  " + piece
	}
	cells = min(barMax, rest-runewidth.StringWidth(tail)-3)
	switch {
	case v.size < 0:
		return line + tail
	case cells < barMin:
		return line
	}
	return line + " " + p.bar(v, cells) + tail
}

// tail is what stands right of the bar, what matters most first.
func (p pen) tail(v view) []string {
	switch {
	case v.ended == "stored":
		return []string{cmp.Or(p.done, "stored"), humanize.IBytes(uint64(v.size))}
	case v.ended != "":
		return []string{v.ended}
	case v.waiting:
		return []string{"waiting for S3"}
	}
	pieces := []string{fmt.Sprintf("%11s", "-")}
	if v.speed >= 1 {
		pieces = []string{fmt.Sprintf("%9s/s", humanize.IBytes(uint64(v.speed)))}
	}
	left := "-:--"
	if v.left >= 0 && v.left < 100*time.Hour {
		left = clock(v.left)
	}
	if v.size >= 0 {
		pieces = append(pieces, fmt.Sprintf("%7s left", left))
	}
	if v.session >= 0 {
		pieces = append(pieces, "session "+clock(v.session))
	}
	return pieces
}

// bar is what S3 has confirmed, solid, and what was sent beyond it, light.
func (p pen) bar(v view, cells int) string {
	share := func(n int64) int {
		if v.size == 0 {
			if v.ended == "stored" {
				return cells
			}
			return 0
		}
		return min(cells, int(float64(n)/float64(v.size)*float64(cells)))
	}
	acked, sent := share(v.acked), share(v.sent)
	if v.ended != "stored" {
		acked = min(acked, cells-1)
		sent = min(sent, cells)
	}
	sent = max(sent, acked)
	solid, light, empty, left, right := "█", "▒", " ", "▕", "▏"
	if p.ascii {
		solid, light, empty, left, right = "#", "-", " ", "[", "]"
	}
	solid, light = strings.Repeat(solid, acked), strings.Repeat(light, sent-acked)
	switch {
	case p.colour && v.ended == "stored":
		solid = paint(solid, "32")
	case p.colour:
		solid, light = paint(solid, "36"), paint(light, "2;36")
	}
	return left + solid + light + strings.Repeat(empty, cells-sent) + right
}

// paint wraps text in an SGR sequence.
func paint(text, code string) string {
	if text == "" {
		return ""
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// fit makes a name at most width cells wide: its end is what tells files
// apart, so its start is cut, between the names of a path where that is near.
func (p pen) fit(name string, width int) string {
	over := runewidth.StringWidth(name) - width
	if over <= 0 {
		return name
	}
	cut := "…"
	if p.ascii {
		cut = "..."
	}
	name = runewidth.TruncateLeft(name, over+runewidth.StringWidth(cut), "")
	if i := strings.IndexAny(name, `/\`); i >= 0 {
		name = name[i:]
	}
	return runewidth.Truncate(cut+name, width, "")
}
