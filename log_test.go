package sealift_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/sealift/sealift"
)

// The log marks a transfer's life at Info and its parts at Debug, whoever
// listens to events.
func TestTheLogTellsATransfersLife(t *testing.T) {
	f := start(t)
	var out bytes.Buffer
	config := f.config(t, "logged")
	config.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	up, err := sealift.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	source := sealift.ReaderAt(bytes.NewReader(make([]byte, 12*mib)), 12*mib)
	object := sealift.Object{Bucket: f.Bucket, Key: "logged", Options: sealift.Options{PartSize: 5 * mib}}
	if _, err := up.Upload(t.Context(), source, object); err != nil {
		t.Fatal(err)
	}
	if _, err := up.Upload(t.Context(), source, object); !errors.Is(err, sealift.ErrExists) {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		`level=INFO msg="transfer started" run=`: 2, `level=INFO msg="transfer stored" run=`: 1, `level=INFO msg="transfer failed" run=`: 1,
		`level=DEBUG msg="part stored" transfer=`: 6, "key=logged bytes=12582912": 4,
	} {
		if got := strings.Count(out.String(), text); got != want {
			t.Errorf("%d times %s, want %d, in\n%s", got, text, want, &out)
		}
	}
}
