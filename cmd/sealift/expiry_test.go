package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// Base credentials that have expired are told as such, with what to do.
func TestExpiredBaseCredentialsAreTold(t *testing.T) {
	sandbox := sandboxtest.Start(t, "--min-session", "1s")
	got, err := sts.NewFromConfig(sandbox.UserConfig(t)).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: &sandbox.RoleARN, RoleSessionName: aws.String("base"), DurationSeconds: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	proxy := newBetween(t, sandbox, false)
	dir := t.TempDir()
	randomFile(t, dir, "a", 10)
	cmd, out := proxy.sealift(t, sandbox, dir, "upload", "--region", "us-east-1", "--endpoint-url", sandbox.Endpoint,
		"--role-arn", sandbox.RoleARN, "a", "s3://"+sandbox.Bucket+"/")
	cmd.Env = append(cmd.Env, "AWS_PROFILE=", "AWS_ACCESS_KEY_ID="+*got.Credentials.AccessKeyId,
		"AWS_SECRET_ACCESS_KEY="+*got.Credentials.SecretAccessKey, "AWS_SESSION_TOKEN="+*got.Credentials.SessionToken)
	_ = cmd.Run() // its code says it
	if code := cmd.ProcessState.ExitCode(); code != 4 {
		t.Errorf("exit code %d, want 4", code)
	}
	for _, want := range []string{"base credentials expired", "hint: sign in again"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// An upload that takes longer than its sessions last goes on with others, and
// says so; the receipt names them all.
func TestUploadOutlivesItsSessions(t *testing.T) {
	t.Parallel() // it waits for sessions to end
	sandbox := sandboxtest.Start(t, "--min-session", "1s")
	proxy := newBetween(t, sandbox, false)
	proxy.delay = 1500 * time.Millisecond
	dir := t.TempDir()
	randomFile(t, dir, "big.iso", 80<<20)
	cmd, out := proxy.sealift(t, sandbox, dir, "upload", "--json", "--session-duration", "13s", "--concurrency", "1", "big.iso", "s3://"+sandbox.Bucket+"/")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"type":"session_renewed"`, `"sessions":[{`, `"ok":true`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	_, sessions, _ := strings.Cut(out.String(), `"sessions":[`)
	sessions, _, _ = strings.Cut(sessions, "]")
	if n := strings.Count(sessions, `"key_id"`); n < 2 {
		t.Errorf("the receipt names %d sessions:\n%s", n, sessions)
	}
}
