package profile

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
)

// full are the credentials of a profile, its role included.
func (l *loader) full(s *config.SharedConfig) (aws.CredentialsProvider, error) {
	if byToken(s) {
		return l.inner(roleOf(s), nil, tokenFile(s.WebIdentityTokenFile))
	}
	base, err := l.withoutRole(s)
	if err != nil || s.RoleARN == "" {
		return base, err
	}
	return l.inner(roleOf(s), base, nil)
}

// withoutRole are the credentials with which a profile's role is assumed, or
// the profile's own where it has no role. The order is the SDK's.
func (l *loader) withoutRole(s *config.SharedConfig) (aws.CredentialsProvider, error) {
	switch {
	case s.Source != nil:
		return l.full(s.Source)
	case s.Credentials.HasKeys():
		return marked{provider: static(s.Credentials)}, nil
	case s.CredentialSource != "":
		return l.byName(s.CredentialSource)
	case hasSSO(s):
		return l.sso(s)
	case s.LoginSession != "":
		return l.login(s)
	case s.CredentialProcess != "":
		return marked{provider: aws.NewCredentialsCache(processcreds.NewProvider(s.CredentialProcess)), process: true}, nil
	}
	p, err := l.ambient()
	return marked{provider: p, implicit: true}, err
}

// namesSource tells whether a profile says where its base credentials are.
func namesSource(s *config.SharedConfig) bool {
	return s.Source != nil || s.Credentials.HasKeys() || s.CredentialSource != "" || hasSSO(s) ||
		s.LoginSession != "" || s.CredentialProcess != "" || s.WebIdentityTokenFile != ""
}

// byToken tells whether a profile's role is assumed by web identity.
func byToken(s *config.SharedConfig) bool {
	return s.WebIdentityTokenFile != "" && s.Source == nil && !s.Credentials.HasKeys() && s.CredentialSource == ""
}

func hasSSO(s *config.SharedConfig) bool {
	return s.SSOSessionName != "" || s.SSOAccountID != "" || s.SSORoleName != "" || s.SSOStartURL != ""
}

func static(c aws.Credentials) aws.CredentialsProvider {
	return credentials.StaticCredentialsProvider{Value: c}
}

// signedIn are credentials for which a person signs in by a command.
func signedIn(p aws.CredentialsProvider, command string) aws.CredentialsProvider {
	return marked{provider: aws.NewCredentialsCache(p), signIn: command}
}

// byName is what credential_source names.
func (l *loader) byName(source string) (aws.CredentialsProvider, error) {
	switch source {
	case "Environment":
		if !l.env.Credentials.HasKeys() {
			return nil, &SourceError{"credential_source", source}
		}
		return marked{provider: static(l.env.Credentials)}, nil
	case "Ec2InstanceMetadata":
		return marked{provider: l.instance()}, nil
	case "EcsContainer":
		p, err := l.container()
		if err == nil && p == nil {
			err = &SourceError{"credential_source", source}
		}
		return marked{provider: p}, err
	}
	return nil, fmt.Errorf("%w: credential_source %q is not Environment, Ec2InstanceMetadata or EcsContainer", ErrFiles, source)
}

// ambient is the last resort: the container's, else the instance's.
func (l *loader) ambient() (aws.CredentialsProvider, error) {
	p, err := l.container()
	if p != nil || err != nil {
		return p, err
	}
	return l.instance(), nil
}

// instance asks the instance metadata service, by version 2 only: version 1
// answers whoever can make a host send a plain GET.
func (l *loader) instance() aws.CredentialsProvider {
	return aws.NewCredentialsCache(ec2rolecreds.New(func(o *ec2rolecreds.Options) {
		c := l.aws.Copy()
		c.HTTPClient = nil // the metadata client has its own, without a proxy
		o.Client = imds.NewFromConfig(c, func(o *imds.Options) { o.EnableFallback = aws.FalseTernary })
	}))
}

// container asks the endpoint that ECS and EKS name in the environment; nil
// when they name none.
//
// Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
// (recalled) and the SDK's config.resolveLocalHTTPCredProvider (read 2026-11-24).
func (l *loader) container() (aws.CredentialsProvider, error) {
	address := l.env.ContainerCredentialsEndpoint
	if path := l.env.ContainerCredentialsRelativePath; path != "" {
		address = "http://169.254.170.2" + path
	} else if address == "" {
		return nil, nil
	} else if err := localOrTLS(address); err != nil {
		return nil, err
	}
	return aws.NewCredentialsCache(endpointcreds.New(address, func(o *endpointcreds.Options) {
		o.AuthorizationToken = l.env.ContainerAuthorizationToken
		if path := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); path != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				text, err := os.ReadFile(path)
				return string(text), err
			})
		}
	})), nil
}

// localOrTLS refuses to send a container's token by plain http to any address
// but loopback and those of ECS and EKS.
func localOrTLS(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("%w: AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL", ErrEndpoint)
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	switch {
	case u.Scheme == "https", host == "localhost", ip != nil && ip.IsLoopback():
		return nil
	case host == "169.254.170.2", host == "169.254.170.23", strings.EqualFold(host, "fd00:ec2::23"):
		return nil
	}
	return fmt.Errorf("%w: container credentials by plain http from %q", ErrEndpoint, host)
}

// sso are the credentials of IAM Identity Center; the token is what
// `aws sso login` left.
func (l *loader) sso(s *config.SharedConfig) (aws.CredentialsProvider, error) {
	c := l.aws.Copy()
	c.Region = s.SSORegion
	var opts []func(*ssocreds.Options)
	if s.SSOSessionName != "" {
		if s.SSOSession == nil || s.SSOSession.SSORegion == "" {
			return nil, fmt.Errorf("%w: sso_session %s has no sso_region", ErrFiles, s.SSOSessionName)
		}
		c.Region = s.SSOSession.SSORegion
		path, err := ssocreds.StandardCachedTokenFilepath(s.SSOSession.Name)
		if err != nil {
			return nil, err
		}
		opts = append(opts, func(o *ssocreds.Options) {
			o.SSOTokenProvider = ssocreds.NewSSOTokenProvider(ssooidc.NewFromConfig(c), path)
			o.CachedTokenFilepath = path
		})
	}
	if c.Region == "" || s.SSOAccountID == "" || s.SSORoleName == "" {
		return nil, fmt.Errorf("%w: sso_region, sso_account_id and sso_role_name are needed", ErrFiles)
	}
	return signedIn(ssocreds.New(sso.NewFromConfig(c), s.SSOAccountID, s.SSORoleName, s.SSOStartURL, opts...), "aws sso login --profile "+s.Profile), nil
}

// login are the credentials that `aws login` left.
func (l *loader) login(s *config.SharedConfig) (aws.CredentialsProvider, error) {
	path, err := logincreds.StandardCachedTokenFilepath(s.LoginSession, os.Getenv("AWS_LOGIN_CACHE_DIRECTORY"))
	if err != nil {
		return nil, errors.Join(ErrFiles, err)
	}
	return signedIn(logincreds.New(signin.NewFromConfig(l.aws), path, func(o *logincreds.Options) {
		o.RestrictPermissions = true
	}), "aws login --profile "+s.Profile), nil
}
