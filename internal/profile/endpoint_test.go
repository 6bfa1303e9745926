package profile_test

import (
	"errors"
	"testing"

	"github.com/sealift/sealift/internal/profile"
)

func TestEndpointsByOrder(t *testing.T) {
	const text = "[profile p]\nendpoint_url = https://profile\nservices = s\n[services s]\ns3 =\n  endpoint_url = https://section-s3\nsts =\n  endpoint_url = https://section-sts\n"
	for _, c := range []struct {
		name          string
		env           map[string]string
		flag          string
		s3, sts, sns_ string
	}{
		{"profile", nil, "", "https://section-s3", "https://section-sts", "https://profile"},
		{"variable", map[string]string{"AWS_ENDPOINT_URL": "https://env"}, "", "https://env", "https://env", "https://env"},
		{"variable STS", map[string]string{"AWS_ENDPOINT_URL_STS": "https://env-sts"}, "", "https://section-s3", "https://env-sts", "https://profile"},
		{"flag", nil, "https://flag", "https://flag", "https://section-sts", "https://flag"},
		{"flag and variables", map[string]string{"AWS_ENDPOINT_URL": "https://env", "AWS_ENDPOINT_URL_STS": "https://env-sts"}, "https://flag", "https://flag", "https://env-sts", "https://flag"},
		{"ignored", map[string]string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "https://env"}, "", "", "", ""},
		{"ignored and flag", map[string]string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "https://flag", "https://flag", "https://flag", "https://flag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			quiet(t, text, "[p]\naws_access_key_id = A\naws_secret_access_key = s\n")
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			id := load(t, profile.Options{Profile: "p", RoleARN: "arn:aws:iam::1:role/r", EndpointURL: c.flag})
			if s3, sts, sns := id.Endpoint("s3"), id.Endpoint("sts"), id.Endpoint("sns"); s3 != c.s3 || sts != c.sts || sns != c.sns_ {
				t.Errorf("got %q, %q, %q; want %q, %q, %q", s3, sts, sns, c.s3, c.sts, c.sns_)
			}
		})
	}
}

func TestEndpointsThatNothingIsSignedFor(t *testing.T) {
	for _, endpoint := range []string{"http://sts.example.com", "http://10.0.0.1:9000", "https://169.254.169.254", "http://[fe80::1]",
		"ftp://127.0.0.1", "127.0.0.1:9000", "https://user:pw@host", "https://host/?x=1", "https://0.0.0.0"} {
		quiet(t, "", "[p]\naws_access_key_id = A\naws_secret_access_key = s\n")
		_, err := profile.Load(t.Context(), profile.Options{Profile: "p", RoleARN: "arn:aws:iam::1:role/r", EndpointURL: endpoint})
		if !errors.Is(err, profile.ErrEndpoint) {
			t.Errorf("%s: got %v", endpoint, err)
		}
	}
	if _, err := profile.Load(t.Context(), profile.Options{Profile: "p", RoleARN: "r", EndpointURL: "http://10.0.0.1:9000", AllowPlainHTTP: true}); err != nil {
		t.Errorf("allowed, yet %v", err)
	}
}
