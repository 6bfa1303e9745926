package sandboxtest_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealift/sealift/internal/sandboxtest"
)

func TestStartGivesASandboxThatAnswers(t *testing.T) {
	for name, args := range map[string][]string{"plain": nil, "TLS": {"--tls"}} {
		t.Run(name, func(t *testing.T) {
			s := sandboxtest.Start(t, args...)
			who, err := sts.NewFromConfig(s.UserConfig(t)).GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
			if err != nil {
				t.Fatal(err)
			}
			if *who.Account != s.Account || !strings.HasSuffix(*who.Arn, ":user/"+s.User) {
				t.Errorf("got %s", *who.Arn)
			}
			if _, err := os.Stat(s.ConfigFile); err != nil {
				t.Error(err)
			}
			if s.Bucket == "" || s.TrailBucket == "" || s.RoleARN == "" || s.ReaderRoleARN == "" || s.AdminSecretKey == "" || s.PID == 0 {
				t.Errorf("line lacks something: %s", s.Line)
			}
		})
	}
}
