package bench

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/bench/null"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/s3wire"
)

// TestStreamEndsAtItsLastPart sends streams of 10,000 parts of 5 MiB, which are
// stored, and of a byte more, which are refused when that byte comes, and
// aborted. It moves 98 GiB, and runs where SEALIFT_BENCH_LONG is set.
func TestStreamEndsAtItsLastPart(t *testing.T) {
	if os.Getenv("SEALIFT_BENCH_LONG") == "" {
		t.Skip("SEALIFT_BENCH_LONG is not set")
	}
	server := httptest.NewServer(new(null.Server))
	defer server.Close()
	const reach = plan.MaxParts * plan.MinPartSize
	for _, size := range []int64{reach, reach + 1} {
		through := fault.Through(t, s3wire.NewTransport(nil, nil))
		up, err := sealift.New(sealift.Config{Credentials: anyone{}, Region: "us-east-1", Endpoint: server.URL, Transport: through})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		r, err := up.Upload(t.Context(), sealift.Stream(io.LimitReader(zeros{}, size), ""),
			sealift.Object{Bucket: "b", Key: "k", Options: sealift.Options{PartSize: plan.MinPartSize}})
		t.Logf("%d bytes in %v: %v", size, time.Since(begun).Round(time.Second), err)
		completes, aborts := through.Count("CompleteMultipartUpload"), through.Count("AbortMultipartUpload")
		if size == reach && (err != nil || r.Multipart.Parts != plan.MaxParts || r.Source.Size != size || completes != 1 || aborts != 0) {
			t.Errorf("%d bytes: receipt %+v, error %v, %d completes, %d aborts", size, r, err, completes, aborts)
		}
		if size > reach && (!errors.Is(err, sealift.ErrInvalid) || completes != 0 || aborts != 1) {
			t.Errorf("%d bytes: error %v, %d completes, %d aborts", size, err, completes, aborts)
		}
		up.Close()
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

type anyone struct{}

func (anyone) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret"}, nil
}
