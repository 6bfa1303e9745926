package sealift_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
)

// A hitch is a fault of the sweep.
type hitch struct {
	name  string
	fault fault.Fault
	// passes: one of it is survived. refuses: with it S3 says that nothing
	// happened, and nothing is to be believed of a server that says so and did
	// it all the same, but that no upload is called stored wrongly.
	passes, refuses bool
	early           bool   // there is no such thing after the effect
	not             string // operations whose answers have nothing of what it spoils
}

// hitches are the faults, of which each operation meets every one.
func hitches() []hitch {
	status := func(n int, code string) fault.Fault { return fault.Fault{Status: n, Code: code} }
	edit := func(header, element string) fault.Fault {
		return fault.Fault{Edit: func(resp *http.Response) { spoil(resp, header, element) }}
	}
	after := status(503, "SlowDown")
	after.Header = http.Header{"Retry-After": {"7"}}
	future := status(403, "RequestTimeTooSkewed")
	future.Header = http.Header{"Date": {"Sat, 01 Jan 2000 05:00:00 GMT"}}
	const bodiless = "CreateMultipartUpload AbortMultipartUpload"
	return []hitch{
		{name: "refused connection", fault: fault.Fault{Refuse: true}, passes: true, early: true},
		{name: "reset", fault: fault.Fault{}, passes: true},
		{name: "reset halfway", fault: fault.Fault{Half: true}, passes: true, early: true},
		{name: "black hole", fault: fault.Fault{Hang: true}, passes: true},
		{name: "black hole halfway", fault: fault.Fault{Hang: true, Half: true}, passes: true, early: true},
		{name: "truncated answer", fault: fault.Fault{Cut: true}, passes: true},
		{name: "500", fault: status(500, "InternalError"), passes: true},
		{name: "502 of a proxy", fault: fault.Fault{Status: 502, Body: "<html>bad gateway</html>"}, passes: true},
		{name: "503 SlowDown", fault: status(503, "SlowDown"), passes: true, refuses: true},
		{name: "503 SlowDown, Retry-After", fault: after, passes: true, refuses: true},
		{name: "503 of a proxy", fault: fault.Fault{Status: 503, Body: "<html>try later</html>"}, passes: true},
		{name: "429", fault: fault.Fault{Status: 429, Body: "slower"}, passes: true, refuses: true},
		{name: "400 RequestTimeout", fault: status(400, "RequestTimeout"), passes: true, refuses: true},
		{name: "403 AccessDenied", fault: status(403, "AccessDenied"), refuses: true},
		{name: "403 without a code", fault: status(403, ""), refuses: true},
		{name: "400 ExpiredToken", fault: status(400, "ExpiredToken"), passes: true, refuses: true},
		{name: "403 RequestTimeTooSkewed", fault: future, passes: true, refuses: true},
		{name: "200 with an error", fault: status(200, "InternalError"), passes: true, not: "UploadPart PutObject HeadObject AbortMultipartUpload"},
		{name: "200 with garbage", fault: fault.Fault{Status: 200, Body: "<<<"}, passes: true, not: "UploadPart PutObject HeadObject AbortMultipartUpload"},
		{name: "wrong checksum", fault: edit(crcHeader, "ChecksumCRC64NVME"), not: bodiless},
		{name: "missing ETag", fault: edit("Etag", "ETag"), not: bodiless},
		{name: "400 BadDigest", fault: status(400, "BadDigest"), refuses: true},
		{name: "400 InvalidPart", fault: status(400, "InvalidPart"), refuses: true},
		{name: "404 NoSuchUpload", fault: status(404, "NoSuchUpload"), refuses: true},
		{name: "404 NoSuchBucket", fault: status(404, "NoSuchBucket"), refuses: true},
		{name: "409", fault: status(409, "ConditionalRequestConflict"), refuses: true},
		{name: "412", fault: status(412, "PreconditionFailed"), refuses: true},
		{name: "307", fault: fault.Fault{Status: 307, Header: http.Header{"Location": {"https://elsewhere.example/"}}}, refuses: true},
		{name: "501", fault: status(501, "NotImplemented"), refuses: true},
	}
}

// spoil changes the checksum, or takes the ETag away, in the header or the XML
// of an answer.
func spoil(resp *http.Response, header, element string) {
	wrong := ""
	if header == crcHeader {
		wrong = "AAAAAAAAAAA="
	}
	if resp.Header.Get(header) != "" || resp.ContentLength == 0 {
		resp.Header.Set(header, wrong)
		return
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	body = regexp.MustCompile("<"+element+">[^<]*</").ReplaceAll(body, []byte("<"+element+">"+wrong+"</"))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// A scene is what an upload is like when it meets a hitch.
type scene struct {
	op      string
	nth     int // request of that operation; 0 is every one
	after   bool
	hitch   hitch
	journal string // "", "new", or "resumed": an earlier upload has stopped
	reader  bool
	taken   bool // another's object comes when the hitch does
}

func (s scene) String() string {
	when := map[bool]string{true: "after", false: "before"}[s.after]
	return fmt.Sprintf("%s %d, %s %s, journal %q, reader %v, taken %v", s.op, s.nth, when, s.hitch.name, s.journal, s.reader, s.taken)
}

var sweepOps = []string{"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload", "ListParts", "PutObject", "HeadObject"}

// scenes are all there are, and how many of those that could be thought of
// cannot be, by the reason.
func scenes() (all []scene, never map[string]int) {
	never = map[string]int{}
	for _, op := range sweepOps {
		for _, h := range hitches() {
			for nth := range 4 {
				for bits := range 12 {
					s := scene{op: op, nth: nth, after: bits&1 > 0, hitch: h, reader: bits&2 > 0, journal: []string{"", "new", "resumed"}[bits/4]}
					if why := s.unreachable(); why != "" {
						never[why]++
						continue
					}
					all = append(all, s)
					if h.passes && nth == 1 && !s.after && (op == "PutObject" || op == "CompleteMultipartUpload") {
						s.taken = true
						all = append(all, s)
					}
				}
			}
		}
	}
	return all, never
}

// unreachable says why a scene cannot be.
func (s scene) unreachable() string {
	switch {
	case s.op == "HeadObject" && !s.reader:
		return "without a reader nobody looks"
	case s.op == "PutObject" && s.journal != "":
		return "one PutObject is not recorded, nor resumed"
	case s.op == "CreateMultipartUpload" && s.journal == "resumed":
		return "a resumed upload is not created again"
	case s.after && s.hitch.early:
		return "after the effect there is no such fault"
	case s.after && s.nth == 0 && s.op == "CreateMultipartUpload":
		return "a Create whose every answer is lost orphans as many uploads: the lifecycle rule's"
	case strings.Contains(s.hitch.not, s.op):
		return "the answer to that operation has nothing of what the fault spoils"
	case s.hitch.fault.Half && (s.op == "ListParts" || s.op == "HeadObject" || s.op == "AbortMultipartUpload" || s.op == "CreateMultipartUpload"):
		return "a request without a body has no half"
	}
	return ""
}

// faults are the scene's: what leads to the nth request of an operation, the
// fault, and what makes that operation be sent at all. It also tells whether
// one of them has the effect that it hides, and how many uploads nobody will
// know of.
func (s scene) faults(random *rand.Rand, then func()) (all []fault.Fault, hidden bool, orphans int) {
	natural := 1 // as often it is sent where nothing of it fails
	switch s.op {
	case "UploadPart":
		natural = map[bool]int{true: 2, false: 3}[s.journal == "resumed"]
	case "AbortMultipartUpload": // something must fail for good
		all = append(all, fault.Fault{Op: "CompleteMultipartUpload", Nth: 1, Status: 400, Code: "EntityTooSmall"})
	case "ListParts": // each Complete that is lost is asked after
		for n := range max(1, s.nth) {
			if s.journal == "resumed" { // it is asked before all else
				break
			}
			natural = 3
			all = append(all, fault.Fault{Op: "CompleteMultipartUpload", Nth: n + 1})
		}
	case "HeadObject": // the first look comes before all, the next after a Complete that is lost
		natural = 2
		if s.nth > 1 {
			all = append(all, fault.Fault{Op: "CompleteMultipartUpload", Nth: 1})
		}
	}
	for n := natural; n < s.nth; n++ {
		all = append(all, fault.Fault{Op: s.op, Nth: n, After: s.after && random.IntN(2) == 0 && !(s.reader && s.op == "CompleteMultipartUpload")})
	}
	f := s.hitch.fault
	f.Op, f.Nth, f.After = s.op, s.nth, s.after
	if s.taken {
		f.Do = then
	}
	all = append(all, f)
	for _, f := range all {
		hidden = hidden || f.After
		if f.After && f.Op == "CreateMultipartUpload" {
			orphans++
		}
	}
	return all, hidden, orphans
}

// survives reports whether the scene must end with the object stored.
func (s scene) survives(hidden bool) bool {
	first := s.op == "PutObject" || s.op == "CreateMultipartUpload" || s.op == "ListParts" && s.journal == "resumed"
	switch {
	case s.op == "UploadPart" && s.nth != 0 && (s.hitch.fault.Edit != nil || s.hitch.name == "400 BadDigest" || s.hitch.name == "404 NoSuchUpload"):
		return true // it is sent again, or all of it
	case !s.hitch.passes, s.nth == 0, s.taken, s.op == "AbortMultipartUpload":
		return false
	case s.op == "PutObject" && hidden:
		// The second is told that the key is taken, and only a reader can say by whom.
		return s.reader && !s.hitch.refuses
	case first && s.nth > 1 && s.hitch.fault.Hang:
		return false // a server that has never answered is not waited for so long
	}
	return true
}

// Whatever fault meets whatever request, before or after it had its effect, an
// upload ends in the object that it should be with one receipt, or in a failure
// that leaves nothing, or in one that the next upload goes on from.
// SEALIFT_SWEEP=full is all of them.
func TestSweepOfFaults(t *testing.T) {
	all, never := scenes()
	w := &wrongs{t: t, seed: seed(t)}
	random := rand.New(rand.NewPCG(w.seed, 0))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	possible := len(all)
	all = append(once(all), all[:figure(t, possible, 500)]...)
	small, large := file(t, fill(1000)).Name(), file(t, fill(10*mib+4321)).Name()
	var mu sync.Mutex
	ends := map[string]int{}
	shards(len(all), w.seed, func(i int, random *rand.Rand) {
		s, source := all[i], large
		if s.op == "PutObject" {
			source = small
		}
		end := s.play(t, w, source, random)
		mu.Lock()
		ends[end]++
		mu.Unlock()
	})
	t.Logf("seed %d: %d of %d scenes, ended: %v", w.seed, len(all), possible, ends)
	for why, n := range never {
		t.Logf("not reachable: %d, %s", n, why)
	}
}

// once are the scenes that went wrong once: they are always played.
func once(all []scene) (wrong []scene) {
	for _, s := range all {
		switch s.op + " " + s.hitch.name + " " + s.journal {
		case "ListParts 501 resumed", // the journal of an open upload was thrown away
			"AbortMultipartUpload black hole ", // which took all the time there was
			"HeadObject missing ETag resumed":  // which left the journal locked
			if s.nth == 1 {
				wrong = append(wrong, s)
			}
		}
	}
	return wrong
}

// play is a scene in a bubble of its own; it tells how it ended.
func (s scene) play(t *testing.T, w *wrongs, source string, random *rand.Rand) (end string) {
	data, err := os.ReadFile(source)
	if err != nil {
		t.Error(err)
		return "error"
	}
	folder := ""
	if s.journal != "" {
		if folder, err = scratch(); err != nil {
			t.Error(err)
			return "error"
		}
		defer os.RemoveAll(folder)
	}
	defer func() {
		if p := recover(); p != nil {
			w.add(s.String(), "HANG: %v", p)
		}
	}()
	var r *rig
	synctest.Test(t, func(t *testing.T) {
		r = newRig(source, data)
		r.reader, r.folder = s.reader, folder
		end = s.run(t.Context(), r, w, random)
	})
	r.s3.forget()
	return end
}

func (s scene) run(ctx context.Context, r *rig, w *wrongs, random *rand.Rand) string {
	if s.journal == "resumed" && !r.interrupt(ctx) {
		w.add(s.String(), "it could not be interrupted")
	}
	faults, hidden, orphans := s.faults(random, func() { r.takeKey() })
	through := fault.New(r.s3, faults...)
	got, err := r.upload(ctx, through)
	for _, f := range through.Missed() {
		w.add(s.String(), "never happened: %s %d, after %v (%v)", f.Op, f.Nth, f.After, err)
	}
	if wrong := r.always(got, err); wrong != nil {
		w.add(s.String(), "%v (%v)", wrong, err)
		return "wrong"
	}
	lies := s.hitch.refuses && hidden || s.hitch.fault.Edit != nil && s.op != "UploadPart" || s.op == "ListParts" && s.hitch.name == "404 NoSuchUpload"
	open := r.mine() - orphans
	switch {
	case err == nil && (open > 0 && !lies || r.journals() > 0 || r.stored != 1):
		w.add(s.String(), "stored, with %d uploads open, %d journals, %d receipts", open, r.journals(), r.stored)
	case err == nil:
		return "stored"
	case s.survives(hidden):
		w.add(s.String(), "not survived: %v", err)
	case errors.Is(err, sealift.ErrResumable) != (r.journals() > 0) && !errors.Is(err, sealift.ErrUnknownOutcome) && !strings.Contains(err.Error(), "still open"):
		w.add(s.String(), "%d journals after %v", r.journals(), err)
	case errors.Is(err, sealift.ErrUnknownOutcome) && r.journals() == 0:
		return "unproven " + s.op
	case r.journals() > 0:
		return s.goOn(ctx, r, w, orphans, err, lies)
	case len(r.objects()) > 0 && !s.taken && !lies:
		w.add(s.String(), "called a failure, but there is an object: %v", err)
	case open > 0 && s.op == "AbortMultipartUpload" && s.hitch.passes && s.nth != 0:
		w.add(s.String(), "not aborted: %v", err)
	case open > 0 && !strings.Contains(err.Error(), "still open") && !errors.Is(err, sealift.ErrIntegrity):
		w.add(s.String(), "%d uploads are open after %v", open, err)
	case open > 0:
		return "failed, said what is open"
	}
	return "failed, nothing left"
}

// goOn is what the next upload must make of one that left a journal.
func (s scene) goOn(ctx context.Context, r *rig, w *wrongs, orphans int, first error, lies bool) string {
	got, err := r.upload(ctx, fault.New(r.s3))
	open := r.mine() - orphans
	switch wrong := r.always(got, err); {
	case wrong != nil:
		w.add(s.String(), "gone on with: %v (%v, first %v)", wrong, err, first)
	case err == nil && (open > 0 && !lies || r.journals() > 0 || r.stored != 1):
		w.add(s.String(), "stored by the next, with %d uploads open, %d journals, %d receipts, first %v", open, r.journals(), r.stored, first)
	case err == nil:
		return "stored by the next upload"
	case s.taken || lies:
		return "failed by the next upload"
	default:
		w.add(s.String(), "the next upload: %v, first %v", err, first)
	}
	return "wrong"
}

// interrupt stops an upload when it sends its second part.
func (r *rig) interrupt(ctx context.Context) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.config.Budget = sealift.NewBudget(1, 0)
	_, err := r.upload(ctx, fault.New(r.s3, fault.Fault{Op: "UploadPart", Nth: 2, Do: cancel}))
	r.config.Budget, r.retried = nil, 0
	return errors.Is(err, sealift.ErrResumable) && r.journals() == 1
}

// takeKey is another client that stores an object.
func (r *rig) takeKey() {
	r.s3.mu.Lock()
	defer r.s3.mu.Unlock()
	r.s3.versions[rigKey] = append(r.s3.versions[rigKey], &thing{size: 6, pieces: [][]byte{[]byte("theirs")}, etag: `"theirs"`})
}
