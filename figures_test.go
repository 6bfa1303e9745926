package sealift_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/receipt"
	"github.com/sealift/sealift/session"
)

// bubble gives do a rig in a bubble of its own, with a folder for journals.
func bubble(t *testing.T, w *wrongs, where, path string, data []byte, do func(ctx context.Context, r *rig)) {
	folder, err := scratch()
	if err != nil {
		t.Error(err)
		return
	}
	defer os.RemoveAll(folder)
	defer func() {
		if p := recover(); p != nil {
			w.add(where, "HANG: %v", p)
		}
	}()
	var r *rig
	synctest.Test(t, func(t *testing.T) {
		r = newRig(path, data)
		r.folder = folder
		do(t.Context(), r)
	})
	r.s3.forget()
}

// However the answer to Complete is lost, how often, and whether the process
// lives to see the next, there is one object and one receipt, and no part is
// sent again.
func TestSweepOfLostCompletes(t *testing.T) {
	w := &wrongs{t: t, seed: seed(t)}
	n := figure(t, 1000, 60)
	data := fill(10*mib + 99)
	path := file(t, data).Name()
	var stored, anew atomic.Int64
	var losses []hitch
	for _, h := range hitches() {
		if h.passes && !h.refuses && !h.early {
			losses = append(losses, h)
		}
	}
	shards(n, w.seed, func(i int, random *rand.Rand) {
		where := fmt.Sprintf("run %d", i)
		bubble(t, w, where, path, data, func(ctx context.Context, r *rig) {
			r.config.KeepTrying = time.Hour // two black holes alone last ten minutes
			r.reader = random.IntN(2) == 0
			dies := random.IntN(3) == 0
			if dies {
				r.reader, r.config.KeepTrying = false, -1
			} else if random.IntN(2) == 0 {
				r.folder = ""
			}
			var faults []fault.Fault
			for nth := range 1 + random.IntN(3) {
				f := losses[random.IntN(len(losses))].fault
				f.Op, f.Nth, f.After = "CompleteMultipartUpload", nth+1, random.IntN(4) > 0
				faults = append(faults, f)
				if f.After && r.reader || dies {
					break // the reader sees it, or nobody asks again
				}
			}
			through := fault.New(r.s3, faults...)
			got, err := r.upload(ctx, through)
			parts := through.Count("UploadPart")
			if dies && err != nil {
				anew.Add(1)
				r.reader, r.config.KeepTrying = random.IntN(2) == 0, 0
				next := fault.New(r.s3)
				got, err = r.upload(ctx, next)
				parts += next.Count("UploadPart")
			}
			if wrong := errors.Join(r.always(got, err), err); wrong != nil || parts != 3 || r.stored != 1 || r.mine() != 0 || r.journals() != 0 || len(through.Missed()) != 0 {
				w.add(where, "%v; %d parts sent, %d receipts, %d open, %d journals; faults %+v, missed %d", wrong, parts, r.stored, r.mine(), r.journals(), faults, len(through.Missed()))
				return
			}
			stored.Add(1)
		})
	})
	t.Logf("seed %d: %d Completes lost, %d stored once with one receipt and no part sent again; %d of them found out by the next process", w.seed, n, stored.Load(), anew.Load())
}

// A file that has become so small meanwhile that one PutObject takes it leaves
// nothing of the upload in parts that stopped.
func TestShrunkFileAbortsItsParts(t *testing.T) {
	w := &wrongs{t: t}
	data := fill(10*mib + 99)
	path := file(t, data).Name()
	bubble(t, w, "shrunk", path, data, func(ctx context.Context, r *rig) {
		if !r.interrupt(ctx) {
			t.Error("not interrupted")
		}
		if err := os.Truncate(path, 1000); err != nil {
			t.Error(err)
		}
		r.data = data[:1000]
		got, err := r.upload(ctx, fault.New(r.s3))
		if wrong := errors.Join(r.always(got, err), err); wrong != nil || r.mine() != 0 || r.journals() != 0 {
			t.Errorf("%v; %d uploads open, %d journals", wrong, r.mine(), r.journals())
		}
	})
}

// A mutable is a file that changes while it is uploaded, and all that it has
// ever been.
type mutable struct {
	path   string
	mu     sync.Mutex
	states [][]byte
	at     []int // steps at which it changes
	steps  int
	random *rand.Rand
}

// step changes the file if its time has come.
func (m *mutable) step() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps++
	if len(m.at) == 0 || m.steps < m.at[0] {
		return
	}
	m.at = m.at[1:]
	if err := m.change(); err != nil {
		panic(err)
	}
}

// change makes one change to the file on the disk. The file system's clock is
// not the bubble's, and stands still for milliseconds: each change has its own
// time of writing.
func (m *mutable) change() error {
	now := slices.Clone(m.states[len(m.states)-1])
	f, err := os.OpenFile(m.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	at := m.random.IntN(len(now))
	switch m.random.IntN(6) {
	case 0: // shorter
		now = now[:at]
		err = f.Truncate(int64(at))
	case 1: // longer
		more := fill(1 + m.random.IntN(5000))
		_, err = f.WriteAt(more, int64(len(now)))
		now = append(now, more...)
	case 2: // another file in its place: the one that is open stays what it is
		replaced := m.path + ".new"
		if err = os.WriteFile(replaced, []byte("another"), 0o600); err == nil {
			err = os.Rename(replaced, m.path)
		}
		if err != nil {
			return err
		}
		m.at, m.states = nil, append(m.states, []byte("another")) // for who opens it anew
		return nil
	case 3: // one bit
		now[at] ^= 1 << m.random.IntN(8)
		_, err = f.WriteAt(now[at:at+1], int64(at))
	case 4: // a stretch
		end := min(len(now), at+1+m.random.IntN(1<<20))
		copy(now[at:end], fill(end-at+1))
		_, err = f.WriteAt(now[at:end], int64(at))
	case 5: // the same bytes again
		end := min(len(now), at+4096)
		_, err = f.WriteAt(now[at:end], int64(at))
	}
	m.states = append(m.states, now)
	when := time.Date(2026, 1, 1, 0, 0, len(m.states), 0, time.UTC)
	return errors.Join(err, os.Chtimes(m.path, when, when))
}

// Whatever happens to the file at whatever step, or before an upload that stopped
// is gone on with, what is called stored is what
// the file on the disk was at one moment.
func TestSweepOfChangingSources(t *testing.T) {
	w := &wrongs{t: t, seed: seed(t)}
	n := figure(t, 10_000, 150)
	base := fill(10*mib + 5000)
	dir := t.TempDir()
	var stored, refused, touched, unchanged atomic.Int64
	shards(n, w.seed, func(i int, random *rand.Rand) {
		where := fmt.Sprintf("run %d", i)
		size := []int{len(base), 5*mib + 1 + random.IntN(mib), 1 + random.IntN(200_000)}[random.IntN(3)]
		m := &mutable{path: filepath.Join(dir, fmt.Sprint(i)), states: [][]byte{base[:size]}, random: random}
		most := map[bool]int{true: 8, false: 24}[size < 5*mib]
		for range 1 + random.IntN(3) {
			m.at = append(m.at, 1+random.IntN(most))
		}
		slices.Sort(m.at)
		old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if err := errors.Join(os.WriteFile(m.path, base[:size], 0o600), os.Chtimes(m.path, old, old)); err != nil {
			t.Error(err)
			return
		}
		defer os.Remove(m.path)
		bubble(t, w, where, m.path, base[:size], func(ctx context.Context, r *rig) {
			if resumed := size > 5*mib && random.IntN(4) == 0; !resumed {
				r.folder = ""
			} else if !r.interrupt(ctx) {
				w.add(where, "not interrupted")
			} else if err := m.change(); err != nil {
				w.add(where, "%v", err)
			}
			r.s3.step = m.step
			r.options.SourceHash = []string{"", "", "", "sha256", "strict"}[random.IntN(5)]
			r.config.Budget = sealift.NewBudget(1+random.IntN(4), 0)
			got, err := r.upload(ctx, fault.New(r.s3))
			m.mu.Lock()
			defer m.mu.Unlock()
			changed := len(m.states) > 1
			switch {
			case err == nil:
				if wrong := m.was(r, got); wrong != nil {
					w.add(where, "%v; %d states, %v", wrong, len(m.states), r.options.SourceHash)
				}
				stored.Add(1)
				if changed {
					touched.Add(1)
				} else {
					unchanged.Add(1)
				}
			case !errors.Is(err, sealift.ErrSourceChanged) || !changed:
				w.add(where, "%v", err)
			case len(r.objects()) > 0 || r.mine() > 0 || r.journals() > 0:
				w.add(where, "refused, with %d objects, %d uploads open, %d journals: %v", len(r.objects()), r.mine(), r.journals(), err)
			default:
				refused.Add(1)
			}
		})
	})
	t.Logf("seed %d: %d sources changed at random steps: %d refused, %d stored (%d of them changed meanwhile, %d changed too late); all stored were on the disk so", w.seed, n, refused.Load(), stored.Load(), touched.Load(), unchanged.Load())
}

// was says what is wrong with an object that should be what the file once was.
func (m *mutable) was(r *rig, got *receipt.Receipt) error {
	there := r.objects()
	if len(there) != 1 || r.mine() != 0 || r.journals() != 0 {
		return fmt.Errorf("%d objects, %d uploads open, %d journals", len(there), r.mine(), r.journals())
	}
	for _, state := range m.states {
		if !there[0].equals(state) {
			continue
		}
		if sha := sha256.Sum256(state); got.Source.SHA256 != nil && *got.Source.SHA256 != hex.EncodeToString(sha[:]) {
			return errors.New("the receipt has another SHA-256")
		}
		return got.Check()
	}
	return errors.New("FALSE SUCCESS: the file never was so")
}

// One bit that flips on the way, after the sum was made, is refused; the next
// attempt stores what was meant.
func TestSweepOfFlippedBits(t *testing.T) {
	w := &wrongs{t: t, seed: seed(t)}
	n := figure(t, 10_000, 600)
	var flipped, refused, stored, failed atomic.Int64
	large, small := fill(5*mib+777), fill(1<<16)
	paths := [2]string{file(t, large).Name(), file(t, small).Name()}
	shards(n, w.seed, func(i int, random *rand.Rand) {
		where := fmt.Sprintf("flip %d", i)
		path, data := paths[1], small
		if random.IntN(10) == 0 {
			path, data = paths[0], large
		}
		bubble(t, w, where, path, data, func(ctx context.Context, r *rig) {
			r.folder = ""
			var once sync.Once
			r.s3.spoil = func(body []byte) { // of the first part, or of all there is
				once.Do(func() {
					body[random.IntN(len(body))] ^= 1 << random.IntN(8)
					flipped.Add(1)
				})
			}
			got, err := r.upload(ctx, fault.New(r.s3))
			for _, n := range r.s3.refused {
				refused.Add(int64(n))
			}
			switch wrong := r.always(got, err); {
			case wrong != nil || len(r.s3.refused) == 0:
				w.add(where, "%v, refused %v", wrong, r.s3.refused)
			case err == nil:
				stored.Add(1)
			case len(r.objects()) == 0 && r.mine() == 0:
				failed.Add(1)
			default:
				w.add(where, "left over: %v", err)
			}
		})
	})
	t.Logf("seed %d: %d bits flipped, %d refused, then %d stored right and %d given up", w.seed, flipped.Load(), refused.Load(), stored.Load(), failed.Load())
	if flipped.Load() != int64(n) || refused.Load() < int64(n) {
		t.Errorf("%d flipped, %d refused", flipped.Load(), refused.Load())
	}
}

// An issuer is an STS whose time is the bubble's.
type issuer struct {
	mu      sync.Mutex
	expires map[string]time.Time // by key id
	flying  int
	twice   bool // two calls at once
}

func (i *issuer) AssumeRole(_ context.Context, in *sts.AssumeRoleInput, _ ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	i.mu.Lock()
	i.flying++
	i.twice = i.twice || i.flying > 1
	i.mu.Unlock()
	time.Sleep(300 * time.Millisecond)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.flying--
	id := fmt.Sprintf("ASIA%016d", len(i.expires))
	end := time.Now().Add(time.Duration(*in.DurationSeconds) * time.Second)
	i.expires[id] = end
	return &sts.AssumeRoleOutput{
		Credentials:     &types.Credentials{AccessKeyId: &id, SecretAccessKey: aws.String("secret"), SessionToken: aws.String("session"), Expiration: &end},
		AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String("arn:aws:sts::123456789012:assumed-role/r/" + *in.RoleSessionName)}}, nil
}

func (i *issuer) AssumeRoleWithWebIdentity(context.Context, *sts.AssumeRoleWithWebIdentityInput, ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	return nil, errors.New("not asked for")
}

// expired is what S3 asks of a key, when a request comes.
func (i *issuer) expired(id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return !time.Now().Before(i.expires[id])
}

// Three hours of 64 parts at a time, with sessions of 15 minutes: no part
// fails, and STS is asked once for each renewal.
func TestSweepOfShortSessions(t *testing.T) {
	rounds := map[bool]int{true: 36, false: 18}[full()] // of 64 parts
	pace := 3 * time.Hour / time.Duration(rounds)
	synctest.Test(t, func(t *testing.T) {
		issuer := &issuer{expires: map[string]time.Time{}}
		renewed := 0
		s, err := session.New(session.Config{STS: issuer, OnRenew: func(session.Identity) { renewed++ }},
			session.Grant{RoleARN: "arn:aws:iam::123456789012:role/r", Name: "sealift-test", Duration: 15 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		s3 := newMemory()
		s3.pace, s3.expired = pace, issuer.expired
		var retried atomic.Int64
		up, err := sealift.New(sealift.Config{Credentials: s, Region: "eu-west-1", Transport: s3, Budget: sealift.NewBudget(64, 0), OnEvent: func(e sealift.Event) {
			if e.Type == "retried" || e.Type == "waiting" {
				retried.Add(1)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer up.Close()
		began := time.Now()
		size := int64(rounds) * 64 * 5 * mib
		r, err := up.Upload(t.Context(), sealift.ReaderAt(zeros{}, size), sealift.Object{Bucket: "bucket", Key: rigKey, Options: sealift.Options{PartSize: 5 * mib}})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		t.Logf("%d parts in %v: %d failed, %d refused, %d sessions of 15 minutes, STS was asked %d times", rounds*64, took, retried.Load(), len(s3.refused), len(r.Sessions), len(issuer.expires))
		if took < 3*time.Hour || retried.Load() != 0 || len(s3.refused) != 0 || len(issuer.expires) != renewed || issuer.twice || len(issuer.expires) < 12 || len(issuer.expires) > 20 {
			t.Errorf("took %v; refused %v; %d sessions, %d events, two calls at once: %v", took, s3.refused, len(issuer.expires), renewed, issuer.twice)
		}
	})
}

// zeros is an endless source.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }

var _ io.ReaderAt = zeros{}
