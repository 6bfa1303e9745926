package engine

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/source"
	"github.com/sealift/sealift/internal/sum"
)

// A second attempt that had gone out whole when the first was stored may yet
// land: whoever aborts the upload must look for it.
func TestSecondAttemptInVainMayYetLand(t *testing.T) {
	var requests atomic.Int32
	second := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if requests.Add(1) == 2 {
			close(second)
			<-r.Context().Done()
			return
		}
		<-second
		time.Sleep(50 * time.Millisecond)
		w.Header().Set("ETag", `"e"`)
	}))
	defer server.Close()
	transport := s3wire.NewTransport(nil, nil)
	defer transport.CloseIdleConnections()
	data := make([]byte, 1000)
	tally := sum.NewTally("")
	tally.Write(data)
	sums := tally.Sums()
	tr := &Transfer{
		Budget: NewBudget(4, 0), Object: s3wire.Object{Bucket: "b", Key: "k"}, Logger: slog.New(slog.DiscardHandler),
		S3: s3wire.New(s3wire.Config{Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""), Region: "us-east-1",
			Endpoint: server.URL, Transport: transport, Addressing: s3wire.Addressing{}}),
	}
	for range 2 * extraShare {
		tr.Budget.slow.note(time.Millisecond, int64(len(data)))
	}
	got := tr.race(t.Context(), "id", part{1, source.ReaderAt(bytes.NewReader(data), int64(len(data))), 0, int64(len(data)), &sums})
	if got.err != nil || requests.Load() != 2 {
		t.Fatalf("%v after %d requests", got.err, requests.Load())
	}
	if !tr.loose.Load() {
		t.Error("the second attempt is forgotten")
	}
}
