package sts

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/awserr"
	"github.com/sealift/sealift/sandbox/internal/iameval"
)

// params are what a caller asks of AssumeRole.
type params struct {
	roleARN, sessionName string
	externalID           string
	serial, code         string
	sourceIdentity       string
	policy               string
	tags                 map[string]string
	transitive           []string
	duration             time.Duration
}

const maxTags = 50

// readParams reads and checks the parameters, in AWS's words.
func (s *Service) readParams(form url.Values) (params, *awserr.Error) {
	p := params{
		roleARN:        form.Get("RoleArn"),
		sessionName:    form.Get("RoleSessionName"),
		externalID:     form.Get("ExternalId"),
		serial:         form.Get("SerialNumber"),
		code:           form.Get("TokenCode"),
		sourceIdentity: form.Get("SourceIdentity"),
		policy:         form.Get("Policy"),
	}
	var err *awserr.Error
	for _, check := range []func() *awserr.Error{
		func() *awserr.Error { return checkName("roleArn", p.roleARN, 20, 2048, `[\s\S]*`) },
		func() *awserr.Error { return checkName("roleSessionName", p.sessionName, 2, 64, `[\w+=,.@-]*`) },
		func() *awserr.Error { return optional("externalId", p.externalID, 2, 1224, `[\w+=,.@:\/-]*`) },
		func() *awserr.Error { return optional("sourceIdentity", p.sourceIdentity, 2, 64, `[\w+=,.@-]*`) },
		func() *awserr.Error { return checkPolicy(p.policy) },
		func() *awserr.Error { p.tags, p.transitive, err = readTags(form); return err },
		func() *awserr.Error { p.duration, err = s.readDuration(form, 0, MaxDuration); return err },
		func() *awserr.Error { return noManagedPolicies(form) },
	} {
		if err := check(); err != nil {
			return params{}, err
		}
	}
	return p, nil
}

func checkName(field, value string, least, most int, pattern string) *awserr.Error {
	constraint := ""
	switch n := utf8.RuneCountInString(value); {
	case value == "":
		return invalid("ValidationError", "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", field)
	case n < least:
		constraint = fmt.Sprintf("Member must have length greater than or equal to %d", least)
	case n > most:
		constraint = fmt.Sprintf("Member must have length less than or equal to %d", most)
	case !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(value):
		constraint = "Member must satisfy regular expression pattern: " + pattern
	default:
		return nil
	}
	return violated(field, value, constraint)
}

func optional(field, value string, least, most int, pattern string) *awserr.Error {
	if value == "" {
		return nil
	}
	return checkName(field, value, least, most, pattern)
}

func violated(field, value, constraint string) *awserr.Error {
	return invalid("ValidationError", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, field, constraint)
}

// policyText is what a session policy may be written in; other characters need
// JSON's escapes.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
// (recalled, not read again for this code).
var policyText = regexp.MustCompile(`^[\t\n\r\x{20}-\x{ff}]+$`)

func checkPolicy(text string) *awserr.Error {
	if text == "" {
		return nil
	}
	if utf8.RuneCountInString(text) > maxPolicy {
		return violated("policy", text, fmt.Sprintf("Member must have length less than or equal to %d", maxPolicy))
	}
	if !policyText.MatchString(text) {
		return violated("policy", text, `Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+`)
	}
	if _, err := iameval.Parse("session policy", text, iameval.Identity); err != nil {
		return invalid("MalformedPolicyDocument", "%v", err)
	}
	return nil
}

// readDuration reads DurationSeconds; otherwise is what its absence means.
func (s *Service) readDuration(form url.Values, otherwise, most time.Duration) (time.Duration, *awserr.Error) {
	text := form.Get("DurationSeconds")
	if text == "" {
		return otherwise, nil
	}
	least := s.MinDuration
	if least == 0 {
		least = MinDuration
	}
	seconds, err := strconv.Atoi(text)
	d := time.Duration(seconds) * time.Second
	switch {
	case err != nil || d < least:
		return 0, violated("durationSeconds", text, fmt.Sprintf("Member must have value greater than or equal to %d", int(least.Seconds())))
	case d > most:
		return 0, violated("durationSeconds", text, fmt.Sprintf("Member must have value less than or equal to %d", int(most.Seconds())))
	}
	return d, nil
}

// durationOf holds the duration to the role's limit and to an hour for chains.
func (p params) durationOf(role *account.Role, chained bool) (time.Duration, *awserr.Error) {
	switch {
	case p.duration == 0:
		return DefaultDuration, nil
	case chained && p.duration > maxChained:
		return 0, invalid("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case p.duration > time.Duration(role.MaxSession)*time.Second:
		return 0, invalid("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return p.duration, nil
}

// readTags reads Tags.member.N and TransitiveTagKeys.member.N.
func readTags(form url.Values) (map[string]string, []string, *awserr.Error) {
	tags, seen := map[string]string{}, map[string]bool{}
	for i := 1; form.Has(fmt.Sprintf("Tags.member.%d.Key", i)); i++ {
		key := form.Get(fmt.Sprintf("Tags.member.%d.Key", i))
		value := form.Get(fmt.Sprintf("Tags.member.%d.Value", i))
		if err := checkName("tags."+strconv.Itoa(i)+".member.key", key, 1, 128, `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`); err != nil {
			return nil, nil, err
		}
		if err := optional("tags."+strconv.Itoa(i)+".member.value", value, 0, 256, `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`); err != nil {
			return nil, nil, err
		}
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, nil, invalid("InvalidParameterValue", "Tag keys cannot begin with aws:, which is reserved.")
		}
		if seen[strings.ToLower(key)] {
			return nil, nil, invalid("InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		tags[key], seen[strings.ToLower(key)] = value, true
	}
	if len(tags) > maxTags {
		return nil, nil, violated("tags", "…", fmt.Sprintf("Member must have length less than or equal to %d", maxTags))
	}
	var transitive []string
	for i := 1; form.Has(fmt.Sprintf("TransitiveTagKeys.member.%d", i)); i++ {
		key := form.Get(fmt.Sprintf("TransitiveTagKeys.member.%d", i))
		if _, known := tags[key]; !known {
			return nil, nil, invalid("InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
		transitive = append(transitive, key)
	}
	return tags, transitive, nil
}

func noManagedPolicies(form url.Values) *awserr.Error {
	if !form.Has("PolicyArns.member.1.arn") {
		return nil
	}
	return invalid("InvalidParameterValue", "The sandbox has no managed policies: PolicyArns cannot be used.")
}
