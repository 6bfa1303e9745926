package sealift_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/receipt"
)

// seed is that of the run, from SEALIFT_SEED or of its own.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("SEALIFT_SEED")
	if text == "" {
		return uint64(time.Now().UnixNano())
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// full reports whether whole figures are wanted (`make sweep`), and not a part
// of them that costs seconds.
func full() bool { return os.Getenv("SEALIFT_SWEEP") == "full" }

// figure is how often something is done.
func figure(t *testing.T, whole, part int) int {
	t.Helper()
	switch {
	case full():
		return whole
	case testing.Short(), raced():
		return max(1, part/6)
	}
	return part
}

// raced reports whether the race detector is on, which takes its time.
func raced() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// shards does n things on all processors, each with a random source of its own
// that depends on seed and i alone.
func shards(n int, seed uint64, do func(i int, random *rand.Rand)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i, rand.New(rand.NewPCG(seed, uint64(i))))
			}
		})
	}
	all.Wait()
}

// scratch makes a folder for journals, in memory where it can: there are
// thousands, and what a disk does to them is shown elsewhere.
func scratch() (string, error) {
	dir, err := os.MkdirTemp("/dev/shm", "sealift")
	if err != nil {
		return os.MkdirTemp("", "sealift")
	}
	return dir, nil
}

// wrongs are what went wrong, told of all at the end, and not without end.
type wrongs struct {
	t    *testing.T
	seed uint64
	mu   sync.Mutex
	n    int
}

func (w *wrongs) add(where, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n++; w.n <= 60 {
		w.t.Errorf("SEALIFT_SEED=%d, %s: %s", w.seed, where, fmt.Sprintf(format, args...))
	}
}

// A rig is one upload in a bubble: its S3, its credentials, its files.
type rig struct {
	s3      *memory
	keys    *keys
	reader  bool
	folder  string // of journals; "" records nothing
	path    string // of the source
	data    []byte
	config  sealift.Config // what else is to be set
	options sealift.Options
	theirs  string // id of another client's upload of the same key

	stored  int // events
	retried int
}

const rigKey = "a/key"

// keys are credentials that can be called expired.
type keys struct {
	mu sync.Mutex
	n  int
}

func (k *keys) Retrieve(context.Context) (aws.Credentials, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return aws.Credentials{AccessKeyID: fmt.Sprintf("AKID%d", k.n), SecretAccessKey: "secret"}, nil
}

func (k *keys) Invalidate(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if id == fmt.Sprintf("AKID%d", k.n) {
		k.n++
	}
}

// newRig is called in the bubble.
func newRig(path string, data []byte) *rig {
	r := &rig{s3: newMemory(), keys: &keys{}, path: path, data: data, options: sealift.Options{PartSize: 5 * mib}}
	r.s3.mu.Lock()
	r.s3.create(rigKey, nil, true)
	r.theirs = fmt.Sprintf("upload-%d", r.s3.seq)
	r.s3.open[r.theirs].parts[1] = &thing{size: 3, etag: `"theirs"`, pieces: [][]byte{[]byte("abc")}}
	r.s3.mu.Unlock()
	return r
}

// upload uploads, once, with those faults, within hours of the bubble's time.
func (r *rig) upload(ctx context.Context, through *fault.Transport) (*receipt.Receipt, error) {
	c := r.config
	c.Credentials, c.Region, c.Transport = r.keys, "eu-west-1", through
	if c.Budget == nil {
		c.Budget = sealift.NewBudget(2, 0)
	}
	if r.reader {
		c.Reader = &keys{}
	}
	if r.folder != "" {
		c.Journal = &sealift.Journal{Folder: r.folder, Required: true}
	}
	var mu sync.Mutex
	c.OnEvent = func(e sealift.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e.Type {
		case "stored":
			r.stored++
		case "retried", "waiting":
			r.retried++
		}
	}
	up, err := sealift.New(c)
	if err != nil {
		return nil, err
	}
	defer up.Close()
	f, err := os.Open(r.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, 6*time.Hour, errHang)
	defer cancel()
	return up.Upload(ctx, sealift.File(f), sealift.Object{Bucket: "bucket", Key: rigKey, Options: r.options})
}

var errHang = errors.New("it hangs")

// mine is how many uploads of ours are open.
func (r *rig) mine() (n int) {
	r.s3.mu.Lock()
	defer r.s3.mu.Unlock()
	for _, u := range r.s3.open {
		if !u.other {
			n++
		}
	}
	return n
}

func (r *rig) objects() []*thing {
	r.s3.mu.Lock()
	defer r.s3.mu.Unlock()
	return r.s3.versions[rigKey]
}

// journals is how many files of journals there are.
func (r *rig) journals() int {
	if r.folder == "" {
		return 0
	}
	left, _ := filepath.Glob(filepath.Join(r.folder, "*.j*"))
	return len(left)
}

// always says what is wrong whatever came of the upload: a success without the
// right object, another's things that were touched, other bytes.
func (r *rig) always(got *receipt.Receipt, err error) error {
	r.s3.mu.Lock()
	theirs := r.s3.open[r.theirs]
	untouched := theirs != nil && len(theirs.parts) == 1 && theirs.parts[1].etag == `"theirs"`
	r.s3.mu.Unlock()
	switch there := r.objects(); {
	case !untouched:
		return errors.New("another client's upload was touched")
	case errors.Is(err, errHang):
		return err
	case (got != nil) != (err == nil):
		return fmt.Errorf("receipt %v with error %v", got, err)
	case len(there) > 1:
		return fmt.Errorf("%d objects", len(there))
	case len(there) == 1 && there[0].meta != nil && !there[0].equals(r.data):
		return errors.New("the object has other bytes")
	case err == nil && (len(there) == 0 || there[0].meta == nil):
		return errors.New("FALSE SUCCESS: there is no such object")
	case err == nil && got.Object.Checksum.Value != base64Of(there[0].crc):
		return fmt.Errorf("the receipt says %v", got.Object.Checksum)
	}
	if err == nil {
		return got.Check()
	}
	return nil
}

// fill is random, by a name that a random source does not hide.
func fill(n int) []byte { return random(n) }
