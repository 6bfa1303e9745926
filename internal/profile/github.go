package profile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/sealift/sealift/internal/redact"
)

// gitHub asks GitHub Actions for a token that says which workflow runs. The
// request token is good for the whole job, so a new token is had at every
// renewal.
//
// Source: https://docs.github.com/en/actions/reference/security/oidc
// (recalled, not read again).
type gitHub struct {
	address string
	bearer  redact.Secret
	client  *http.Client
}

// audience is what AWS trust policies for GitHub expect.
const audience = "sts.amazonaws.com"

// newGitHub is not ok outside of a job with the permission id-token: write.
func newGitHub(l *loader) (gitHub, bool) {
	g := gitHub{address: os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"),
		bearer: redact.NewSecret(os.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")),
		client: newClient(l.roots, askWithin)}
	return g, g.address != "" && !g.bearer.Empty()
}

// token fetches one, trying three times.
func (g gitHub) token(ctx context.Context) (string, error) {
	if err := checkEndpoint("GitHub token", stripped(g.address), false); err != nil {
		return "", err
	}
	var last error
	for attempt := range 3 {
		if attempt > 0 {
			select {
			case <-ctx.Done():
				return "", context.Cause(ctx)
			case <-time.After(time.Duration(attempt) * 500 * time.Millisecond):
			}
		}
		token, again, err := g.fetch(ctx)
		if err == nil {
			return token, nil
		}
		last = err
		if !again {
			break
		}
	}
	return "", fmt.Errorf("fetch GitHub token: %w", last)
}

// fetch asks once; again tells whether it may go better the next time.
func (g gitHub) fetch(ctx context.Context) (token string, again bool, err error) {
	u, err := url.Parse(g.address)
	if err != nil {
		return "", false, errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is no URL")
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", false, redact.Error(err)
	}
	req.Header.Set("Authorization", "Bearer "+g.bearer.Reveal())
	req.Header.Set("Accept", "application/json; api-version=2.0")
	resp, err := g.client.Do(req)
	if err != nil {
		return "", true, redact.Error(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests,
			fmt.Errorf("answer %s", resp.Status)
	}
	token, err = gitHubToken(resp.Body)
	return token, false, err
}

// gitHubToken reads the answer. It is not shown when it cannot be read.
func gitHubToken(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxToken))
	if err != nil {
		return "", redact.Error(err)
	}
	var answer struct {
		Value string `json:"value"`
	}
	if json.Unmarshal(text, &answer) != nil || answer.Value == "" {
		return "", errors.New("answer holds no token")
	}
	return answer.Value, nil
}

// stripped is a URL without its query, for checking and for errors.
func stripped(address string) string { return redact.URLs(address) }
