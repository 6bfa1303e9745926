package sealift

import (
	"io/fs"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Metadata under which a file's time of last write and its mode are kept.
const (
	timeMetadata = "mtime"
	modeMetadata = "mode"
)

// preserve puts a file's time of last write and its mode into the metadata, as
// rclone's S3 backend writes the one (seconds since 1970, all decimals there
// are) and its local backend the other (octal, with the type).
//
// Source: backend/s3/s3.go and backend/local/metadata_unix.go of rclone (read
// 2026-11-25).
func preserve(o *Options, modified time.Time, mode fs.FileMode) {
	metadata := maps.Clone(o.Metadata)
	if metadata == nil {
		metadata = make(map[string]string, 3)
	}
	if _, given := metadata[timeMetadata]; !given && inRange(modified) {
		metadata[timeMetadata] = seconds(modified)
	}
	if _, given := metadata[modeMetadata]; !given {
		metadata[modeMetadata] = strconv.FormatUint(uint64(unixMode(mode)), 8)
	}
	o.Metadata = metadata
}

// inRange reports whether a time is one that nanoseconds since 1970 have, which
// is how it is read again: none is better than another one.
func inRange(at time.Time) bool { return time.Unix(0, at.UnixNano()).Equal(at) }

// unixMode is a regular file's mode as stat(2) gives it.
func unixMode(mode fs.FileMode) uint32 {
	unix := 0o100000 | uint32(mode.Perm())
	for _, bit := range []struct {
		of   fs.FileMode
		unix uint32
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if mode&bit.of != 0 {
			unix |= bit.unix
		}
	}
	return unix
}

// seconds writes a time as seconds since 1970 with the decimals it has.
func seconds(at time.Time) string {
	nanos := at.UnixNano()
	sign := ""
	if nanos < 0 {
		sign, nanos = "-", -nanos
	}
	whole, rest := nanos/1e9, nanos%1e9
	text := sign + strconv.FormatInt(whole, 10)
	if rest == 0 {
		return text
	}
	decimals := strconv.FormatInt(1e9+rest, 10)[1:]
	return text + "." + strings.TrimRight(decimals, "0")
}

// isTime reports whether text is what seconds writes of that time, or another
// spelling of it.
func isTime(text string, at time.Time) bool {
	whole, decimals, dotted := strings.Cut(text, ".")
	if dotted {
		text = whole
		if decimals = strings.TrimRight(decimals, "0"); decimals != "" {
			text += "." + decimals
		}
	}
	return text == seconds(at)
}
