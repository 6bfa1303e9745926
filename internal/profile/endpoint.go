package profile

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/sealift/sealift/internal/redact"
)

// endpoints knows the URL of each service. --endpoint-url is S3's. For the
// others it comes after an endpoint of their own (AWS_ENDPOINT_URL_STS, the
// profile's services section) and before AWS_ENDPOINT_URL: a server named on
// the command line is usually a whole stand-in for AWS, and a configuration
// that names one service's means it.
//
// Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
// (recalled; the SDK's internal/configsources read 2026-11-24).
type endpoints struct {
	flag    string
	shared  config.SharedConfig
	ignored bool // AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, ignore_configured_endpoint_urls
}

func newEndpoints(o Options, shared config.SharedConfig) (endpoints, error) {
	e := endpoints{flag: o.EndpointURL, shared: shared,
		ignored: shared.IgnoreConfiguredEndpoints != nil && *shared.IgnoreConfiguredEndpoints}
	if v := os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"); v != "" {
		e.ignored = strings.EqualFold(v, "true")
	}
	return e, checkEndpoint("sts", e.of("sts"), o.AllowPlainHTTP)
}

// of is the URL for a service, as s3; "" = AWS's own.
func (e endpoints) of(service string) string {
	if service == "s3" && e.flag != "" {
		return e.flag
	}
	if e.ignored {
		return e.flag
	}
	const variable = "AWS_ENDPOINT_URL"
	env := os.Getenv(variable + "_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_")))
	section := e.shared.Services.ServiceValues[strings.ReplaceAll(service, " ", "_")]["endpoint_url"]
	if e.flag != "" {
		return cmp.Or(env, section, e.flag)
	}
	return cmp.Or(env, os.Getenv(variable), section, e.shared.BaseEndpoint)
}

// checkEndpoint refuses endpoints that requests must not be signed for: plain
// http off loopback unless allowed, and link-local addresses, where metadata
// services live.
func checkEndpoint(service, address string, plain bool) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%w: %s endpoint %q is no http or https URL", ErrEndpoint, service, redact.URLs(address))
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%w: %s endpoint on %s has a user, query or fragment", ErrEndpoint, service, u.Host)
	}
	ip := net.ParseIP(u.Hostname())
	if ip != nil && (ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast()) {
		return fmt.Errorf("%w: %s endpoint %s is link-local", ErrEndpoint, service, address)
	}
	loopback := ip != nil && ip.IsLoopback() || u.Hostname() == "localhost"
	if u.Scheme == "http" && !loopback && !plain {
		return fmt.Errorf("%w: %s endpoint %s is %w", ErrEndpoint, service, address, ErrPlainHTTP)
	}
	return nil
}

// newClient follows no redirects: a signed request must not be sent on.
func newClient(roots *x509.CertPool, within time.Duration) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return &http.Client{Transport: t, Timeout: within, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// withTimeout is the same client with a limit to each request.
func withTimeout(c aws.HTTPClient, within time.Duration) aws.HTTPClient {
	if h, ok := c.(*http.Client); ok {
		limited := *h
		limited.Timeout = within
		return &limited
	}
	return c
}
