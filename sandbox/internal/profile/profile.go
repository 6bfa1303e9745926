// Package profile writes the files by which AWS clients find the sandbox: a
// config file, a credentials file, and lines for a shell to source.
//
// Every profile carries region, endpoint_url and a services section, because
// some clients read S3 by one and some by the other.
package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Services are those that get an endpoint of their own in the services
// section.
var services = []string{"s3", "sts", "sns", "cloudtrail"}

const servicesName = "sealift-sandbox"

// Files are the paths of what Write writes.
type Files struct {
	Config      string
	Credentials string
	Env         string
}

// Where says where in dir the files are.
func Where(dir string) Files {
	return Files{
		Config:      filepath.Join(dir, "config"),
		Credentials: filepath.Join(dir, "credentials"),
		Env:         filepath.Join(dir, "env"),
	}
}

// A Profile is one section of the config file. It has keys of its own or
// assumes a role with those of Source.
type Profile struct {
	Name            string
	AccessKeyID     string // goes to the credentials file
	SecretAccessKey string

	RoleARN     string
	Source      string // name of another profile
	SessionName string
}

// A Set is all of one sandbox's profiles.
type Set struct {
	Endpoint string
	Region   string
	CAFile   string // "" = plain http
	Default  string // the profile that Env selects
	Profiles []Profile
}

// Write replaces the files in dir.
func (s Set) Write(dir string) (Files, error) {
	f := Where(dir)
	for _, file := range []struct{ path, text string }{
		{f.Config, s.config()}, {f.Credentials, s.credentials()}, {f.Env, s.Env(f)},
	} {
		if err := os.WriteFile(file.path, []byte(file.text), 0o600); err != nil {
			return Files{}, fmt.Errorf("write profiles: %w", err)
		}
	}
	return f, nil
}

func (s Set) config() string {
	var b strings.Builder
	b.WriteString("# Written by sealift-sandbox at every start.\n")
	for _, p := range s.Profiles {
		fmt.Fprintf(&b, "\n[profile %s]\nregion = %s\nendpoint_url = %s\nservices = %s\n", p.Name, s.Region, s.Endpoint, servicesName)
		if s.CAFile != "" {
			fmt.Fprintf(&b, "ca_bundle = %s\n", s.CAFile)
		}
		if p.RoleARN != "" {
			fmt.Fprintf(&b, "role_arn = %s\nsource_profile = %s\nrole_session_name = %s\n", p.RoleARN, p.Source, p.SessionName)
		}
	}
	fmt.Fprintf(&b, "\n[services %s]\n", servicesName)
	for _, name := range services {
		fmt.Fprintf(&b, "%s =\n  endpoint_url = %s\n", name, s.Endpoint)
	}
	return b.String()
}

func (s Set) credentials() string {
	var b strings.Builder
	b.WriteString("# Written by sealift-sandbox at every start.\n")
	for _, p := range s.Profiles {
		if p.AccessKeyID != "" {
			fmt.Fprintf(&b, "\n[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", p.Name, p.AccessKeyID, p.SecretAccessKey)
		}
	}
	return b.String()
}

// unset are the settings of a caller's environment that win over profiles, or
// lead a client elsewhere: keys, roles, endpoints, regions, trust.
var unset = strings.Fields(`
	AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_CREDENTIAL_EXPIRATION
	AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_WEB_IDENTITY_TOKEN_FILE
	AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
	AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL_STS AWS_ENDPOINT_URL_SNS AWS_ENDPOINT_URL_CLOUDTRAIL AWS_IGNORE_CONFIGURED_ENDPOINT_URLS
	AWS_DEFAULT_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT
	AWS_CA_BUNDLE`)

// Env is a piece of shell that points AWS clients at the sandbox, whatever the
// caller's environment says.
func (s Set) Env(f Files) string {
	var b strings.Builder
	b.WriteString("unset " + strings.Join(unset, " ") + "\n")
	set := func(name, value string) { fmt.Fprintf(&b, "export %s=%s\n", name, quote(value)) }
	set("AWS_CONFIG_FILE", f.Config)
	set("AWS_SHARED_CREDENTIALS_FILE", f.Credentials)
	set("AWS_PROFILE", s.Default)
	if s.CAFile != "" {
		set("AWS_CA_BUNDLE", s.CAFile)
	}
	return b.String()
}

// quote writes a value for the shell, bare where it can stand so.
func quote(s string) string {
	plain := func(r rune) bool {
		return r == '/' || r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
