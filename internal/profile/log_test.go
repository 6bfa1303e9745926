package profile

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/smithy-go/logging"
)

// What the SDK says is a line of the log, at debug, without the queries of
// URLs; without a log it is nothing.
func TestTheSDKSpeaksToTheLog(t *testing.T) {
	var out bytes.Buffer
	l := sdkLog{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	l.Logf(logging.Warn, "falling back %s\n", "https://example.com/a?signature=canary")
	if got := out.String(); !strings.Contains(got, "level=DEBUG") || !strings.Contains(got, "falling back https://example.com/a") || strings.Contains(got, "canary") {
		t.Errorf("got %s", got)
	}
	sdkLog{}.Logf(logging.Warn, "nothing")
}
