package front

import (
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/sealift/sealift/sandbox/internal/oidc"
)

// issuerPath is where the token issuer lives; no bucket can have this name.
const issuerPath = "/.oidc/"

// tokenLife is how long a token can be used.
const tokenLife = 5 * time.Minute

func isIssuer(path string) bool { return strings.HasPrefix(path, issuerPath) }

// serveIssuer answers for the issuer: its description, its key, and tokens
// for whoever asks (?subject= and ?audience=).
func (f *Front) serveIssuer(c fiber.Ctx, q *request) error {
	at := f.Endpoint + issuerPath
	switch strings.TrimPrefix(q.path, issuerPath) {
	case ".well-known/openid-configuration":
		return c.JSON(map[string]any{
			"issuer":                                oidc.Issuer,
			"jwks_uri":                              at + "jwks",
			"token_endpoint":                        at + "token",
			"response_types_supported":              []string{"id_token"},
			"subject_types_supported":               []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	case "jwks":
		keys, err := f.Issuer.KeySet()
		if err != nil {
			return err
		}
		return c.JSON(keys)
	case "token":
		return f.serveToken(c, q)
	}
	return c.SendStatus(http.StatusNotFound)
}

func (f *Front) serveToken(c fiber.Ctx, q *request) error {
	subject, audience := q.query.Get("subject"), q.query.Get("audience")
	if subject == "" {
		subject = "sandbox"
	}
	if audience == "" {
		audience = "sts.amazonaws.com"
	}
	life := tokenLife
	if text := q.query.Get("life"); text != "" {
		var err error
		if life, err = time.ParseDuration(text); err != nil {
			return c.Status(http.StatusBadRequest).SendString("life is not a duration\n")
		}
	}
	token, err := f.Issuer.Sign(subject, audience, f.Now(), life)
	if err != nil {
		return err
	}
	return c.JSON(map[string]any{"count": len(token), "value": token})
}
