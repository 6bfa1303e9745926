package profile

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/smithy-go/logging"

	"github.com/sealift/sealift/internal/redact"
)

// sdkLog takes what the SDK would print on standard error by itself, as a log
// at debug. Nil discards.
type sdkLog struct{ to *slog.Logger }

// Logf logs one line of the SDK.
func (l sdkLog) Logf(level logging.Classification, format string, args ...any) {
	if l.to != nil {
		text := redact.URLs(strings.TrimSpace(fmt.Sprintf(format, args...)))
		l.to.Debug("the SDK says", "level", string(level), "text", text)
	}
}
