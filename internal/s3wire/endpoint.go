package s3wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Errors about endpoints, found before anything is sent.
var (
	ErrEndpoint  = errors.New("unusable endpoint")
	ErrPlainHTTP = errors.New("endpoint in plain http is not on loopback")
)

// An Addressing says how AWS's own endpoints are chosen. With an Endpoint only
// PathStyle can be.
//
// Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html
// and AmazonS3/latest/userguide/transfer-acceleration.html (recalled, not read
// again); the SDK's rules for S3's endpoints decide.
type Addressing struct {
	DualStack  bool // reachable by IPv6 too
	FIPS       bool // with cryptography validated by FIPS 140
	Accelerate bool // by the nearest edge, where the bucket has that turned on
	PathStyle  bool // the bucket in the path, and not in the host's name
}

// Check refuses with ErrEndpoint what cannot go together, by name.
func (a Addressing) Check(endpoint string) error {
	for _, c := range []struct {
		both        bool
		one, beside string
	}{
		{a.DualStack && endpoint != "", "dual-stack", "an endpoint that is not AWS's"},
		{a.FIPS && endpoint != "", "FIPS", "an endpoint that is not AWS's"},
		{a.Accelerate && endpoint != "", "acceleration", "an endpoint that is not AWS's"},
		{a.Accelerate && a.FIPS, "acceleration", "FIPS"},
		{a.Accelerate && a.PathStyle, "acceleration", "path style"},
	} {
		if c.both {
			return fmt.Errorf("%w: %s does not go with %s", ErrEndpoint, c.one, c.beside)
		}
	}
	return nil
}

// CheckBucket finds out, before anything is sent, whether requests for the
// bucket can be addressed and signed. If not, it is ErrEndpoint.
func (c *Client) CheckBucket(ctx context.Context, bucket string) error {
	_, err := c.target(ctx, bucket)
	return err
}

// A target is where the requests for one bucket go and how they are signed.
type target struct {
	base    url.URL // path without a trailing slash
	region  string
	service string
}

func (t target) url(key, query string) *url.URL {
	u := t.base
	u.Path = t.base.Path + "/" + key
	u.RawPath = t.base.EscapedPath() + "/" + escape(key, true)
	u.RawQuery = query
	return &u
}

// target resolves the bucket's endpoint, once.
func (c *Client) target(ctx context.Context, bucket string) (target, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.targets[bucket]; ok {
		return t, nil
	}
	t, err := c.resolve(ctx, bucket, c.config.Region)
	if err != nil {
		return target{}, err
	}
	c.targets[bucket] = t
	return t, nil
}

// relocate resolves the bucket's endpoint anew for the region that S3 named.
// It reports whether that changed anything.
func (c *Client) relocate(ctx context.Context, bucket, region string) bool {
	t, err := c.resolve(ctx, bucket, region)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.targets[bucket]; ok && old == t {
		return false
	}
	c.targets[bucket] = t
	return true
}

func (c *Client) resolve(ctx context.Context, bucket, region string) (target, error) {
	a := c.config.Addressing
	params := s3.EndpointParameters{Bucket: &bucket, Region: &region, UseDualStack: &a.DualStack, UseFIPS: &a.FIPS,
		Accelerate: &a.Accelerate, ForcePathStyle: &a.PathStyle}
	if c.config.Endpoint != "" {
		params.Endpoint = &c.config.Endpoint
		params.ForcePathStyle = aws.Bool(a.PathStyle || isLocalhost(c.config.Endpoint) && !strings.HasPrefix(bucket, "arn:"))
	}
	resolved, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, params.WithDefaults())
	if err != nil {
		return target{}, fmt.Errorf("%w: resolve bucket %s in region %s: %w", ErrEndpoint, bucket, region, err)
	}
	t := target{base: resolved.URI, region: region, service: "s3"}
	t.base.Path = strings.TrimSuffix(t.base.Path, "/")
	t.base.RawPath = ""
	options, _ := auth.GetAuthOptions(&resolved.Properties)
	for _, option := range options {
		if option.SchemeID != "sigv4" { // as the resolver spells it
			continue
		}
		if name, ok := smithyhttp.GetSigV4SigningName(&option.SignerProperties); ok {
			t.service = name
		}
		if signing, ok := smithyhttp.GetSigV4SigningRegion(&option.SignerProperties); ok {
			t.region = signing
		}
		return t, nil
	}
	if len(options) > 0 {
		// A directory bucket wants sessions of its own, a multi-region access point SigV4A.
		return target{}, fmt.Errorf("%w: %s is not signed for with SigV4, and nothing else is supported", ErrEndpoint, bucket)
	}
	return t, nil
}

// CheckEndpoint refuses an endpoint that Sealift must not talk to: not a URL
// of an http server, on a link-local or metadata address (ErrEndpoint), or in
// plain http and not on loopback (ErrPlainHTTP) unless allowed. "" is fine.
func CheckEndpoint(endpoint string, allowPlain bool) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("%w: not a URL", ErrEndpoint)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return fmt.Errorf("%w: %s is not http:// or https:// and a host", ErrEndpoint, u.Redacted())
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("%w: %s has more than scheme, host and path", ErrEndpoint, u.Host)
	}
	addr, err := netip.ParseAddr(u.Hostname())
	isAddr := err == nil
	if isAddr && forbidden(addr) {
		return fmt.Errorf("%w: %s is a link-local or metadata address", ErrEndpoint, u.Host)
	}
	loopback := isLocalhost(endpoint) || isAddr && addr.IsLoopback()
	if u.Scheme == "http" && !loopback && !allowPlain {
		return fmt.Errorf("%w: %s", ErrPlainHTTP, u.Host)
	}
	return nil
}

func isLocalhost(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && u.Hostname() == "localhost"
}

// forbidden reports whether no S3 server can be at addr: link-local addresses,
// and the metadata services of EC2.
//
// Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
// (read 2026-11-24).
func forbidden(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsLinkLocalUnicast() || addr.IsLinkLocalMulticast() || addr.IsUnspecified() ||
		addr == netip.MustParseAddr("fd00:ec2::254")
}

// checkDialed refuses a forbidden address that a name led to.
func checkDialed(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	if forbidden(addr.WithZone("")) {
		return fmt.Errorf("%w: %s is a link-local or metadata address", ErrEndpoint, addr)
	}
	return nil
}

// Region is where the bucket is, as far as it is known: where requests for it
// were sent, else as configured.
func (c *Client) Region(bucket string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.targets[bucket]; ok {
		return t.region
	}
	return c.config.Region
}
