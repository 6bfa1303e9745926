package profile_test

import (
	"errors"
	"testing"

	"github.com/sealift/sealift/internal/profile"
)

// What the SDK and the AWS CLI read of S3's endpoints is read here, flags first.
func TestAddressingByOrder(t *testing.T) {
	on, off := true, false
	const nested = "[profile other]\ns3 =\n  use_accelerate_endpoint = true\n[profile p]\nuse_dualstack_endpoint = true\nuse_fips_endpoint = true\ns3 =\n  # a comment\n  max_concurrent_requests = 20\n\taddressing_style = path\nregion = eu-west-1\n  addressing_style = virtual\n"
	for name, c := range map[string]struct {
		text string
		env  map[string]string
		o    profile.Options
		want profile.S3
	}{
		"nothing":              {"[profile p]\n", nil, profile.Options{}, profile.S3{}},
		"the profile":          {nested, nil, profile.Options{}, profile.S3{DualStack: true, FIPS: true, PathStyle: true}},
		"the environment":      {nested, map[string]string{"AWS_USE_FIPS_ENDPOINT": "false", "AWS_USE_DUALSTACK_ENDPOINT": "false"}, profile.Options{}, profile.S3{PathStyle: true}},
		"flags":                {nested, map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, profile.Options{DualStack: &off, FIPS: &off, Accelerate: &on, AddressingStyle: "auto"}, profile.S3{Accelerate: true}},
		"accelerate":           {"[profile p]\ns3=\n use_accelerate_endpoint=TRUE\n", nil, profile.Options{}, profile.S3{Accelerate: true}},
		"a quoted name":        {"[profile \"p\"]\ns3=\n use_accelerate_endpoint=true\n", nil, profile.Options{}, profile.S3{Accelerate: true}},
		"accelerate, and not":  {"[profile p]\ns3=\n use_accelerate_endpoint=true\n", nil, profile.Options{Accelerate: &off}, profile.S3{}},
		"the CLI's dual-stack": {"[profile p]\r\ns3 =\r\n  use_dualstack_endpoint = true\r\n", nil, profile.Options{}, profile.S3{DualStack: true}},
		"and the SDK's":        {"[profile p]\nuse_dualstack_endpoint = false\ns3 =\n  use_dualstack_endpoint = true\n", nil, profile.Options{}, profile.S3{}},
	} {
		t.Run(name, func(t *testing.T) {
			quiet(t, c.text, "[p]\naws_access_key_id = A\naws_secret_access_key = s\n")
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			c.o.Profile, c.o.RoleARN = "p", "arn:aws:iam::1:role/r"
			if got := load(t, c.o).S3; got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAddressingThatIsNone(t *testing.T) {
	for _, text := range []string{"[profile p]\ns3 =\n  addressing_style = sideways\n", "[profile p]\ns3 =\n  use_accelerate_endpoint = perhaps\n"} {
		quiet(t, text, "[p]\naws_access_key_id = A\naws_secret_access_key = s\n")
		if _, err := profile.Load(t.Context(), profile.Options{Profile: "p", RoleARN: "arn:aws:iam::1:role/r"}); !errors.Is(err, profile.ErrFiles) {
			t.Errorf("%q: %v, want ErrFiles", text, err)
		}
	}
}
