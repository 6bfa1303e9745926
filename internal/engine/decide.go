package engine

import (
	"time"

	"github.com/sealift/sealift/internal/s3wire"
)

// An Action is what to do after an answer, or after none.
type Action int

// The actions. Retry, Renew and Settle lead to another request; the others end
// this one.
const (
	Done    Action = iota
	Retry          // send the request again after a wait
	Renew          // get new credentials and send it again at once
	Settle         // it may have happened: find out before anything else
	Restart        // the multipart upload is of no use: begin a new one
	Fail           // it will not succeed
)

// A Situation is all that a decision may depend on.
type Situation struct {
	Op         s3wire.Operation
	Class      s3wire.Class  // of the answer
	Attempt    int           // that was answered, from 1
	Trouble    time.Duration // how long the request has been failing
	KeepTrying time.Duration // how long trouble may last
	Heard      bool          // S3 has answered this client before
	RetryAfter time.Duration // what S3 asked for
	Renewals   int           // of credentials for this request
	Corrupt    int           // attempts of this request that S3 found corrupt, this one included
	Mended     int           // attempts of this request after which the client went elsewhere, set its clock or spoke plainer, this one included
	Lost       bool          // an earlier attempt's answer was lost
}

// A Verdict is a decision.
type Verdict struct {
	Action Action
	Floor  time.Duration // to wait at least
	Jitter time.Duration // to wait at most on top: how much of it is drawn at random
}

// Bounds of trying again.
const (
	firstWait    = 200 * time.Millisecond
	longestWait  = 20 * time.Second
	unheardLimit = 30 * time.Second // a server that never answered is not waited for longer
	maxRenewals  = 2
	maxCorrupt   = 3
	maxMended    = 4
)

// Decide says what to do next. It is the only place that knows, and depends on
// nothing but s.
func Decide(s Situation) Verdict {
	switch s.Class {
	case s3wire.OK:
		return Verdict{Action: Done}
	case s3wire.Network, s3wire.Server:
		return s.afterSilence()
	case s3wire.Busy:
		return s.again()
	case s3wire.Unready:
		if s.Heard { // there were credentials before
			return s.again()
		}
	case s3wire.Relocated, s3wire.Skewed, s3wire.Untrailed:
		return s.oncemore()
	case s3wire.Expired:
		if s.Renewals < maxRenewals {
			return Verdict{Action: Renew}
		}
	case s3wire.Corrupt:
		if s.Corrupt < maxCorrupt {
			return s.again()
		}
	case s3wire.Exists:
		return s.afterExists()
	case s3wire.Conflict:
		return s.afterConflict()
	case s3wire.NoUpload:
		return s.afterNoUpload()
	case s3wire.BadPart:
		if s.Op == s3wire.CompleteMultipartUpload {
			return Verdict{Action: Settle}
		}
	}
	return Verdict{Action: Fail}
}

// afterSilence: the request may have had its effect. Only for Complete does
// that matter before the next attempt.
func (s Situation) afterSilence() Verdict {
	if v := s.again(); v.Action == Fail || s.Op != s3wire.CompleteMultipartUpload {
		return v
	}
	return s.wait(Settle)
}

// again: the request is sent again unless the trouble has lasted too long.
func (s Situation) again() Verdict {
	if s.Trouble >= s.limit() {
		return Verdict{Action: Fail}
	}
	return s.wait(Retry)
}

// limit is how long trouble may last.
func (s Situation) limit() time.Duration {
	if !s.Heard {
		return min(s.KeepTrying, unheardLimit)
	}
	return s.KeepTrying
}

// oncemore: the client has mended the cause; if it shows again, it has not.
func (s Situation) oncemore() Verdict {
	if s.Mended < maxMended {
		return Verdict{Action: Retry}
	}
	return Verdict{Action: Fail}
}

// wait is full jitter over an exponential back-off, after what S3 asked for
// within what the caller has patience for. What is left of that is not waited
// beyond: the last attempt comes when it ends.
func (s Situation) wait(a Action) Verdict {
	jitter := longestWait
	if s.Attempt < 10 {
		jitter = min(jitter, firstWait<<(s.Attempt-1))
	}
	jitter = min(jitter, max(firstWait, s.limit()-s.Trouble))
	return Verdict{Action: a, Floor: min(s.RetryAfter, max(0, s.KeepTrying)), Jitter: jitter}
}

// afterExists: without an earlier attempt whose answer was lost, somebody else
// holds the key. With one, it may be our own object.
func (s Situation) afterExists() Verdict {
	if s.Lost && (s.Op == s3wire.PutObject || s.Op == s3wire.CompleteMultipartUpload) {
		return Verdict{Action: Settle}
	}
	return Verdict{Action: Fail}
}

// afterConflict: a Complete that met another write must begin again with all
// its parts, unless that write may be its own earlier attempt; a PutObject is
// just sent again.
func (s Situation) afterConflict() Verdict {
	switch {
	case s.Op == s3wire.CompleteMultipartUpload && s.Lost:
		return s.wait(Settle)
	case s.Op == s3wire.CompleteMultipartUpload:
		return Verdict{Action: Restart}
	case s.Op == s3wire.PutObject:
		return s.again()
	}
	return Verdict{Action: Fail}
}

// afterNoUpload: a part has nowhere to go any more. A Complete may have
// happened already. An Abort has nothing left to do.
func (s Situation) afterNoUpload() Verdict {
	switch s.Op {
	case s3wire.UploadPart:
		return Verdict{Action: Restart}
	case s3wire.CompleteMultipartUpload:
		return Verdict{Action: Settle}
	case s3wire.AbortMultipartUpload:
		return Verdict{Action: Done}
	}
	return Verdict{Action: Fail}
}
