package engine

import (
	"testing"
	"testing/quick"
	"time"

	w "github.com/sealift/sealift/internal/s3wire"
)

func TestDecisions(t *testing.T) {
	usual := Situation{Attempt: 1, KeepTrying: 10 * time.Minute, Heard: true}
	for _, c := range []struct {
		name string
		set  func(*Situation)
		want Action
	}{
		{"a success is done", func(s *Situation) { s.Op, s.Class = w.UploadPart, w.OK }, Done},
		{"a part without an answer is sent again", func(s *Situation) { s.Op, s.Class = w.UploadPart, w.Network }, Retry},
		{"a busy server is asked again", func(s *Situation) { s.Op, s.Class = w.UploadPart, w.Busy }, Retry},
		{"trouble ends", func(s *Situation) { s.Op, s.Class, s.Trouble = w.UploadPart, w.Network, 10*time.Minute }, Fail},
		{"a server never heard is given up sooner", func(s *Situation) {
			s.Op, s.Class, s.Heard, s.Trouble = w.PutObject, w.Network, false, unheardLimit
		}, Fail},
		{"a Complete without an answer is settled", func(s *Situation) { s.Op, s.Class = w.CompleteMultipartUpload, w.Network }, Settle},
		{"a Complete answered 500 is settled", func(s *Situation) { s.Op, s.Class = w.CompleteMultipartUpload, w.Server }, Settle},
		{"a Complete told to slow down did not happen", func(s *Situation) { s.Op, s.Class = w.CompleteMultipartUpload, w.Busy }, Retry},
		{"a Complete that meets a write begins again", func(s *Situation) { s.Op, s.Class = w.CompleteMultipartUpload, w.Conflict }, Restart},
		{"but not one that may have met itself", func(s *Situation) { s.Op, s.Class, s.Lost = w.CompleteMultipartUpload, w.Conflict, true }, Settle},
		{"a Complete without its upload may have happened", func(s *Situation) { s.Op, s.Class = w.CompleteMultipartUpload, w.NoUpload }, Settle},
		{"a Complete with wrong parts looks at the parts", func(s *Situation) { s.Op, s.Class = w.CompleteMultipartUpload, w.BadPart }, Settle},
		{"a taken key ends it", func(s *Situation) { s.Op, s.Class = w.CompleteMultipartUpload, w.Exists }, Fail},
		{"a taken key after a lost answer may be ours", func(s *Situation) { s.Op, s.Class, s.Lost = w.CompleteMultipartUpload, w.Exists, true }, Settle},
		{"the same of a put", func(s *Situation) { s.Op, s.Class, s.Lost = w.PutObject, w.Exists, true }, Settle},
		{"a put that meets a write is sent again", func(s *Situation) { s.Op, s.Class = w.PutObject, w.Conflict }, Retry},
		{"a part whose upload is gone begins again", func(s *Situation) { s.Op, s.Class = w.UploadPart, w.NoUpload }, Restart},
		{"an abort without its upload is done", func(s *Situation) { s.Op, s.Class = w.AbortMultipartUpload, w.NoUpload }, Done},
		{"expired credentials are renewed", func(s *Situation) { s.Op, s.Class = w.UploadPart, w.Expired }, Renew},
		{"but not for ever", func(s *Situation) { s.Op, s.Class, s.Renewals = w.UploadPart, w.Expired, maxRenewals }, Fail},
		{"renewing costs no patience", func(s *Situation) { s.Op, s.Class, s.Trouble = w.UploadPart, w.Expired, time.Hour }, Renew},
		{"spoilt bytes are sent again", func(s *Situation) { s.Op, s.Class, s.Corrupt = w.UploadPart, w.Corrupt, 1 }, Retry},
		{"three times spoilt is enough", func(s *Situation) { s.Op, s.Class, s.Corrupt = w.UploadPart, w.Corrupt, maxCorrupt }, Fail},
		{"another region is tried", func(s *Situation) { s.Op, s.Class = w.PutObject, w.Relocated }, Retry},
		{"a server without trailers is asked plainly", func(s *Situation) { s.Op, s.Class, s.Attempt, s.Mended = w.UploadPart, w.Untrailed, 1, 1 }, Retry},
		{"however late it is named", func(s *Situation) { s.Op, s.Class, s.Attempt, s.Mended = w.UploadPart, w.Relocated, 50, 1 }, Retry},
		{"a clock that goes wrong late is corrected", func(s *Situation) { s.Op, s.Class, s.Attempt, s.Mended = w.UploadPart, w.Skewed, 50, 1 }, Retry},
		{"but not again and again", func(s *Situation) { s.Op, s.Class, s.Mended = w.UploadPart, w.Skewed, maxMended }, Fail},
		{"denied is denied", func(s *Situation) { s.Op, s.Class = w.PutObject, w.Denied }, Fail},
		{"no credentials end it", func(s *Situation) { s.Op, s.Class = w.PutObject, w.NoCredentials }, Fail},
		{"those that are out of reach are waited for", func(s *Situation) { s.Op, s.Class = w.UploadPart, w.Unready }, Retry},
		{"unless there never were any", func(s *Situation) { s.Op, s.Class, s.Heard = w.UploadPart, w.Unready, false }, Fail},
		{"so does a source that cannot be read", func(s *Situation) { s.Op, s.Class = w.PutObject, w.Source }, Fail},
		{"and the caller's word", func(s *Situation) { s.Op, s.Class = w.PutObject, w.Cancelled }, Fail},
		{"and a bucket that is not there", func(s *Situation) { s.Op, s.Class = w.PutObject, w.NoBucket }, Fail},
	} {
		s := usual
		c.set(&s)
		if got := Decide(s).Action; got != c.want {
			t.Errorf("%s: action %d, want %d", c.name, got, c.want)
		}
	}
}

// Whatever the situation: only a success or an abort of nothing is Done,
// patience ends, and no wait is absurd.
func TestDecisionsHoldForAnySituation(t *testing.T) {
	ops := []w.Operation{w.CreateMultipartUpload, w.UploadPart, w.CompleteMultipartUpload, w.AbortMultipartUpload, w.PutObject}
	holds := func(op, class, attempt uint8, trouble, keep uint16, heard, lost bool, renewals, corrupt uint8, after uint16) bool {
		s := Situation{Op: ops[int(op)%len(ops)], Class: w.Class(class % uint8(w.Refused+1)), Attempt: int(attempt) + 1,
			Trouble: time.Duration(trouble) * time.Second, KeepTrying: time.Duration(keep) * time.Second, Heard: heard,
			Lost: lost, Renewals: int(renewals), Corrupt: int(corrupt), RetryAfter: time.Duration(after) * time.Second}
		v := Decide(s)
		done := s.Class == w.OK || s.Class == w.NoUpload && s.Op == w.AbortMultipartUpload
		silent := s.Class == w.Network || s.Class == w.Server || s.Class == w.Busy || s.Class == w.Unready
		switch {
		case (v.Action == Done) != done:
			return false
		case silent && s.Trouble >= s.KeepTrying && v.Action != Fail:
			return false
		case v.Jitter < 0 || v.Jitter > longestWait || v.Floor < 0 || v.Floor > s.KeepTrying:
			return false
		}
		return true
	}
	if err := quick.Check(holds, &quick.Config{MaxCount: 50_000}); err != nil {
		t.Error(err)
	}
}

// Nobody waits beyond --keep-trying for the last attempt, however unlucky the
// draws before it.
func TestWaitsEndWithPatience(t *testing.T) {
	s := Situation{Op: w.UploadPart, Class: w.Network, Attempt: 20, Trouble: 1900 * time.Millisecond, KeepTrying: 2 * time.Second, Heard: true}
	if v := Decide(s); v.Action != Retry || v.Jitter > firstWait {
		t.Errorf("got %+v", v)
	}
	s.Heard, s.KeepTrying, s.Trouble = false, time.Hour, unheardLimit-time.Second
	if v := Decide(s); v.Action != Retry || v.Jitter > time.Second {
		t.Errorf("of a server that was never heard: %+v", v)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	v := Decide(Situation{Op: w.UploadPart, Class: w.Busy, Attempt: 1, KeepTrying: time.Minute, Heard: true, RetryAfter: 7 * time.Second})
	if v.Action != Retry || v.Floor != 7*time.Second {
		t.Errorf("verdict is %+v", v)
	}
}
