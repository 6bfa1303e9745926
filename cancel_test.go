package sealift_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
)

// leaving is a transport whose caller leaves when the server has acted on the
// first request of an operation, and before its answer is there.
type leaving struct {
	next  http.RoundTripper
	op    string
	leave context.CancelFunc
	lose  bool // the answer is lost as well
	once  sync.Once
}

func (l *leaving) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	first := false
	if err == nil && fault.Operation(r) == l.op {
		l.once.Do(func() { first = true })
	}
	if !first {
		return resp, err
	}
	l.leave()
	time.Sleep(50 * time.Millisecond)
	switch {
	case r.Context().Err() != nil:
		err = r.Context().Err()
	case l.lose:
		err = syscall.ECONNRESET
	default:
		return resp, nil
	}
	resp.Body.Close()
	return nil, err
}

// What S3 has done when the caller leaves is reported as it is: an object is
// stored or its outcome unknown, never "nothing was stored", and no upload is
// left open.
func TestLeavingBeforeTheAnswerHidesNothing(t *testing.T) {
	f := start(t)
	for _, c := range []struct {
		name         string
		op           string
		size         int
		lose, reader bool
		want         error // nil is stored
	}{
		{"put is answered", "PutObject", 1000, false, false, nil},
		{"put of nothing is answered", "PutObject", 0, false, false, nil},
		{"put is not answered", "PutObject", 1000, true, false, sealift.ErrUnknownOutcome},
		{"put is not answered, reader looks", "PutObject", 1000, true, true, nil},
		{"create is answered", "CreateMultipartUpload", 6 * mib, false, false, context.Canceled},
		{"complete is answered", "CompleteMultipartUpload", 6 * mib, false, false, nil},
		{"complete is not answered", "CompleteMultipartUpload", 6 * mib, true, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := key(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			conf := f.config(t, key)
			if c.reader {
				conf.Reader = f.reader(t)
			}
			conf.Transport = &leaving{next: f.transport(t), op: c.op, leave: cancel, lose: c.lose}
			r, err := open(t, conf).Upload(ctx, sealift.ReaderAt(bytes.NewReader(random(c.size)), int64(c.size)),
				sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}})
			if (!errors.Is(err, c.want) && !f.unproven(err)) || (err == nil) != (r != nil) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
			stored := f.get(t, key) != nil
			if stored != (err == nil || errors.Is(err, sealift.ErrUnknownOutcome)) {
				t.Errorf("stored: %v, but the error is %v", stored, err)
			}
			if n := f.openUploads(t, key); n != 0 {
				t.Errorf("%d uploads are left open", n)
			}
		})
	}
}

// Nothing is waited for that cannot have reached S3: a server that does not
// finish its handshake, or credentials that do not come.
func TestLeavingWaitsForNoConnection(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, size := range []int{0, 10, 6 * mib} {
		for name, slow := range map[string]aws.CredentialsProvider{"handshake": credentials.NewStaticCredentialsProvider("AKID", "secret", ""), "credentials": never{}} {
			ctx, cancel := context.WithCancelCause(t.Context())
			leave := errors.New("enough")
			time.AfterFunc(300*time.Millisecond, func() { cancel(leave) })
			began := time.Now()
			_, err := open(t, sealift.Config{Credentials: slow, Region: "us-east-1", Endpoint: "https://" + server.Addr().String()}).Upload(ctx,
				sealift.ReaderAt(bytes.NewReader(random(size)), int64(size)), sealift.Object{Bucket: "bucket", Key: "key", Options: sealift.Options{PartSize: 5 * mib}})
			if took := time.Since(began); took > 5*time.Second || !errors.Is(err, leave) || errors.Is(err, sealift.ErrUnknownOutcome) {
				t.Errorf("%d bytes, %s: after %v: %v", size, name, took, err)
			}
		}
	}
}

// never are credentials that do not come.
type never struct{}

func (never) Retrieve(ctx context.Context) (aws.Credentials, error) {
	<-ctx.Done()
	return aws.Credentials{}, ctx.Err()
}

// An upload whose id never came cannot be aborted; that is said.
func TestUploadWithoutAnIDIsSaid(t *testing.T) {
	f := start(t)
	key := key(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	conf := f.config(t, key)
	conf.Transport = &leaving{next: f.transport(t), op: "CreateMultipartUpload", leave: cancel, lose: true}
	_, err := open(t, conf).Upload(ctx, sealift.ReaderAt(bytes.NewReader(random(6*mib)), 6*mib),
		sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "may be open") {
		t.Errorf("error is %v", err)
	}
}

// Why an upload could not be given up is told, but is not why it failed.
func TestUploadThatCannotBeAbortedIsSaid(t *testing.T) {
	f := start(t)
	key := key(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	conf := f.config(t, key)
	conf.Transport = fault.Through(t, f.transport(t), fault.Fault{Op: "UploadPart", Nth: 1, Do: cancel},
		fault.Fault{Op: "AbortMultipartUpload", Status: 403, Code: "AccessDenied"})
	_, err := open(t, conf).Upload(ctx, sealift.ReaderAt(bytes.NewReader(random(6*mib)), 6*mib),
		sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}})
	e, _ := errors.AsType[*sealift.Error](err)
	if !errors.Is(err, context.Canceled) || errors.Is(err, sealift.ErrDenied) || e.Code != "" || !strings.Contains(err.Error(), "is still open: AccessDenied") {
		t.Errorf("error is %v, code %q", err, e.Code)
	}
}

// Bytes that S3 found spoilt once are no disagreement when the caller leaves
// before they are sent again.
func TestLeavingIsNoDisagreement(t *testing.T) {
	f := start(t)
	for op, size := range map[string]int{"UploadPart": 6 * mib, "PutObject": 10} {
		key := key(t) + op
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		conf := f.config(t, key)
		conf.Transport = fault.Through(t, f.transport(t), fault.Fault{Op: op, Nth: 1, Status: 400, Code: "BadDigest"})
		conf.OnEvent = func(e sealift.Event) {
			if e.Type == "retried" {
				cancel()
			}
		}
		_, err := open(t, conf).Upload(ctx, sealift.ReaderAt(bytes.NewReader(random(size)), int64(size)),
			sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}})
		if err != nil && (!errors.Is(err, context.Canceled) || errors.Is(err, sealift.ErrIntegrity)) {
			t.Errorf("%s: error is %v", op, err)
		}
	}
}
