package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/sealift/sealift/policy"
)

// Credentials is `sealift credentials`: a narrowed session for other tools.
// It is the one command that prints secrets, on standard output only.
type Credentials struct {
	Identity
	Output
	Allow     []string
	Tagging   bool
	Retention bool
	LegalHold bool
	KMSKey    string
	Format    string
}

func (c *Credentials) command(s *Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "credentials --allow s3://BUCKET/KEY [--allow ...]",
		Short:   "Print narrowed credentials for other tools",
		Long:    credentialsHelp,
		Example: credentialsExamples,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.Run(cmd.Context(), s) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&c.Allow, "allow", nil, "`ADDRESS` that may be written: s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ for every key under it; may be repeated, within one bucket")
	f.BoolVar(&c.Tagging, "allow-tagging", false, "let objects be tagged as they are written")
	f.BoolVar(&c.Retention, "allow-retention", false, "let objects be locked until a date as they are written")
	f.BoolVar(&c.LegalHold, "allow-legal-hold", false, "let objects get a legal hold as they are written")
	f.StringVar(&c.KMSKey, "sse-kms-key-id", "", "let objects be encrypted with this KMS key, an `ARN` or an id")
	oneOf(f, &c.Format, "format", "process is for credential_process, env are export lines for a shell (default process)", "process", "env", "json")
	c.Identity.bind(f)
	group(f, "Log", c.bindLog)
	f.SortFlags = false
	return cmd
}

// Run prints credentials that can write what --allow names and do nothing
// else.
func (c *Credentials) Run(ctx context.Context, s *Streams) error {
	want, err := c.want()
	if err != nil {
		return err
	}
	log, closeLog, err := c.logger(s)
	if err != nil {
		return err
	}
	defer closeLog() // appended to, line by line
	c.Quiet = true
	if c.Narrow == "off" {
		s.Say("warning: the session is not narrowed: it may do whatever its role may, and --allow limits nothing")
	}
	if c.Narrow == "auto" {
		c.Narrow = "require" // what is not narrowed is not what was asked for
	}
	who, err := c.signIn(ctx, newTeller(s, c.Output, newRun(), amount{}, log), want)
	if err != nil {
		return err
	}
	got, err := who.session.Retrieve(ctx)
	if err != nil {
		return err
	}
	text, err := c.write(got, who.region)
	if err != nil {
		return err
	}
	return s.printResult(text)
}

// want reads --allow: keys, or one prefix.
func (c *Credentials) want() (policy.Want, error) {
	want := policy.Want{Tagging: c.Tagging, Retention: c.Retention, LegalHold: c.LegalHold, KMSKey: c.KMSKey}
	if len(c.Allow) == 0 {
		return want, &usageError{"--allow is missing", "name what may be written: --allow s3://BUCKET/KEY"}
	}
	for _, one := range c.Allow {
		to, err := parseDestination(one)
		switch {
		case err != nil:
			return want, err
		case want.Bucket != "" && want.Bucket != to.bucket:
			return want, &usageError{"--allow names two buckets", "ask for credentials for each by itself"}
		case !to.folder():
			want.Keys = append(want.Keys, to.key)
		case len(c.Allow) > 1:
			return want, &usageError{fmt.Sprintf("--allow %s is a prefix beside others", one), "give one prefix alone, or keys only"}
		case to.key == "":
			return want, &usageError{fmt.Sprintf("--allow %s is a whole bucket", one), "name a key or a prefix that ends in /"}
		default:
			want.Prefix = to.key
		}
		want.Bucket = to.bucket
	}
	return want, nil
}

// processOutput is what the SDKs read from a credential_process.
//
// Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
// (read 2026-11-24).
type processOutput struct {
	Version         int
	AccessKeyId     string
	SecretAccessKey string
	SessionToken    string
	Expiration      *time.Time `json:",omitempty"`
}

// jsonOutput is the same for other readers, in our own spelling.
type jsonOutput struct {
	Type            string     `json:"type"`
	AccessKeyID     string     `json:"access_key_id"`
	SecretAccessKey string     `json:"secret_access_key"`
	SessionToken    string     `json:"session_token"`
	Expires         *time.Time `json:"expires"`
	Region          string     `json:"region"`
}

func (c *Credentials) write(got aws.Credentials, region string) (string, error) {
	var expires *time.Time
	if got.CanExpire {
		at := got.Expires.UTC().Truncate(time.Second)
		expires = &at
	}
	switch c.Format {
	case "env":
		return exports(got, region, expires), nil
	case "json":
		text, err := json.Marshal(jsonOutput{"credentials", got.AccessKeyID, got.SecretAccessKey, got.SessionToken, expires, region})
		return string(text), err
	default:
		text, err := json.Marshal(processOutput{1, got.AccessKeyID, got.SecretAccessKey, got.SessionToken, expires})
		return string(text), err
	}
}

// exports are lines for a POSIX shell to evaluate.
func exports(got aws.Credentials, region string, expires *time.Time) string {
	lines := []string{
		"export AWS_ACCESS_KEY_ID=" + quote(got.AccessKeyID),
		"export AWS_SECRET_ACCESS_KEY=" + quote(got.SecretAccessKey),
		"export AWS_SESSION_TOKEN=" + quote(got.SessionToken),
		"export AWS_REGION=" + quote(region),
	}
	if expires != nil {
		lines = append(lines, "export AWS_CREDENTIAL_EXPIRATION="+quote(expires.Format(time.RFC3339)))
	}
	return strings.Join(lines, "\n")
}

// quote makes one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
