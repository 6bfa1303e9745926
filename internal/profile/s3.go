package profile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// S3 is how S3's own endpoints are chosen.
type S3 struct {
	DualStack  bool
	FIPS       bool
	Accelerate bool
	PathStyle  bool
}

func dualStack(on bool) aws.DualStackEndpointState {
	if on {
		return aws.DualStackEndpointStateEnabled
	}
	return aws.DualStackEndpointStateDisabled
}

func withFIPS(on bool) aws.FIPSEndpointState {
	if on {
		return aws.FIPSEndpointStateEnabled
	}
	return aws.FIPSEndpointStateDisabled
}

// addressing takes dual-stack and FIPS from where the SDK does (the options, the
// environment, the profile), and acceleration and the addressing style from the
// profile's section s3, which the AWS CLI reads and the SDK does not.
//
// Source: https://docs.aws.amazon.com/cli/latest/topic/s3-config.html and
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html
// (recalled; the SDK's config read 2026-11-25).
func (l *loader) addressing(ctx context.Context) (S3, error) {
	var s S3
	dual, err := firstOf(l.aws.ConfigSources, func(src any) (aws.DualStackEndpointState, bool, error) {
		if p, ok := src.(interface {
			GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
		}); ok {
			return p.GetUseDualStackEndpoint(ctx)
		}
		return 0, false, nil
	})
	if err != nil {
		return s, l.files(err)
	}
	fips, err := firstOf(l.aws.ConfigSources, func(src any) (aws.FIPSEndpointState, bool, error) {
		if p, ok := src.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok {
			return p.GetUseFIPSEndpoint(ctx)
		}
		return 0, false, nil
	})
	if err != nil {
		return s, l.files(err)
	}
	s.DualStack, s.FIPS = dual == aws.DualStackEndpointStateEnabled, fips == aws.FIPSEndpointStateEnabled
	return s, l.nested(&s, dual == aws.DualStackEndpointStateUnset)
}

// firstOf is the first value that a source has.
func firstOf[T any](sources []any, get func(any) (T, bool, error)) (T, error) {
	var none T
	for _, src := range sources {
		if v, found, err := get(src); err != nil || found {
			return v, err
		}
	}
	return none, nil
}

// nested fills in what the profile's section s3 says and the options do not;
// dual-stack is there too, for the AWS CLI, where nothing else names it.
func (l *loader) nested(s *S3, dualUnset bool) error {
	section, err := l.s3Section()
	if err != nil {
		return err
	}
	style := l.options.AddressingStyle
	for key, value := range section {
		on := strings.EqualFold(value, "true")
		switch key {
		case "use_accelerate_endpoint", "use_dualstack_endpoint":
			if !on && !strings.EqualFold(value, "false") {
				return fmt.Errorf("%w: %s in the section s3 of profile %s is %q, neither true nor false", ErrFiles, key, l.name, value)
			}
			if key == "use_accelerate_endpoint" {
				s.Accelerate = on
			} else if dualUnset {
				s.DualStack = on
			}
		case "addressing_style":
			if value != "auto" && value != "virtual" && value != "path" {
				return fmt.Errorf("%w: addressing_style in the section s3 of profile %s is %q, none of auto, virtual, path", ErrFiles, l.name, value)
			}
			if style == "" {
				style = value
			}
		}
	}
	s.PathStyle = style == "path"
	if a := l.options.Accelerate; a != nil {
		s.Accelerate = *a
	}
	return nil
}

// s3Section reads what stands indented under "s3 =" in the profile. The file
// has been read by the SDK before, and so is there, a text, and of a size.
func (l *loader) s3Section() (map[string]string, error) {
	path, _ := l.options.sharedFiles()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	return nestedS3(text, l.name), nil
}

// nestedS3 finds the section s3 of a profile in the text of a configuration
// file. The last of several values stands.
func nestedS3(text []byte, profile string) map[string]string {
	found := map[string]string{}
	var ours, within bool
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxFile)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), " \t\r")
		plain := strings.TrimSpace(line)
		switch {
		case plain == "", plain[0] == '#', plain[0] == ';':
		case plain[0] == '[':
			name, _, _ := strings.Cut(strings.Trim(plain, "["), "]")
			kind, rest, named := strings.Cut(strings.TrimSpace(name), " ")
			ours = named && kind == "profile" && strings.Trim(rest, `"' `) == profile || kind == "default" && profile == "default"
			within = false
		case !ours:
		case line[0] != ' ' && line[0] != '\t':
			key, value, _ := strings.Cut(plain, "=")
			within = strings.TrimSpace(key) == "s3" && strings.TrimSpace(value) == ""
		case within:
			key, value, _ := strings.Cut(plain, "=")
			found[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return found
}
