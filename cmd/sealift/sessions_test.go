//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// A trial is an upload in parts that goes slowly enough for its session to meet
// with something.
type trial struct {
	sandbox *sandboxtest.Sandbox
	proxy   *between
	dir     string
	args    []string
	env     []string
}

const trialParts = 12

// newTrial uploads trialParts parts of 5 MiB, one after the other.
func newTrial(t *testing.T, sandbox *sandboxtest.Sandbox, slow time.Duration, args ...string) *trial {
	t.Helper()
	c := &trial{sandbox: sandbox, proxy: newBetween(t, sandbox, false), dir: t.TempDir()}
	c.proxy.delay = slow
	randomFile(t, c.dir, "big.iso", trialParts*5<<20)
	c.args = append(append([]string{"upload", "--part-size", "5MiB"}, args...), "big.iso", "s3://"+sandbox.Bucket+"/big.iso")
	return c
}

// ends runs the command, which must end with that code, and say all of that.
func (c *trial) ends(t *testing.T, code int, want ...string) string {
	t.Helper()
	cmd, out := c.command(t)
	_ = cmd.Run() // its code says it
	c.check(t, cmd, out, code, want...)
	return out.String()
}

func (c *trial) command(t *testing.T) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd, out := c.proxy.sealift(t, c.sandbox, c.dir, c.args...)
	cmd.Env = append(cmd.Env, c.env...)
	return cmd, out
}

func (c *trial) check(t *testing.T, cmd *exec.Cmd, out *bytes.Buffer, code int, want ...string) {
	t.Helper()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	for _, w := range want {
		if !strings.Contains(out.String(), w) {
			t.Errorf("it does not say %q", w)
		}
	}
	if t.Failed() {
		t.Fatalf("it says\n%s", out)
	}
}

// goesOn runs the same command, quickly now: it sends only what is missing, and
// leaves nothing open.
func (c *trial) goesOn(t *testing.T) {
	t.Helper()
	c.proxy.meddle(nil)
	c.proxy.delay = 0
	before := c.proxy.sent.Load()
	c.ends(t, 0, "resuming ", "big.iso\t")
	if sent := c.proxy.sent.Load() - before; sent < 1 || sent >= trialParts {
		t.Errorf("%d parts were sent, of %d", sent, trialParts)
	}
	if n := openUploads(t, c.sandbox); n != 0 {
		t.Errorf("%d uploads are open", n)
	}
}

// kept is what a command says that can be gone on with.
const kept = "go on with: sealift resume "

func isSTS(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == "/" }

func isPart(r *http.Request) bool {
	return r.Method == http.MethodPut && r.URL.Query().Has("partNumber")
}

// refuse answers as S3 does, or STS.
func refuse(w http.ResponseWriter, r *http.Request, status int, code string) bool {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	if isSTS(r) {
		fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>planned</Message></Error></ErrorResponse>", code)
	} else {
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>planned</Message></Error>", code)
	}
	return true
}

// from lets through the first n requests that is tells of, and then refuses.
func from(n int64, is func(*http.Request) bool, with meddler) meddler {
	var count atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool { return is(r) && count.Add(1) > n && with(w, r) }
}

// STS that throttles is waited for beyond the session's end, aloud.
func TestThrottledSTSIsWaitedFor(t *testing.T) {
	t.Parallel() // it waits for sessions to end
	sandbox := sandboxtest.Start(t, "--min-session", "1s")
	c := newTrial(t, sandbox, 700*time.Millisecond, "--session-duration", "8s", "--concurrency", "1")
	over := time.Now().Add(20 * time.Second)
	c.proxy.meddle(from(1, isSTS, func(w http.ResponseWriter, r *http.Request) bool {
		return time.Now().Before(over) && refuse(w, r, http.StatusBadRequest, "Throttling")
	}))
	c.ends(t, 0, "sealift: the session, which lasts ", " more, cannot be renewed for now, trying again in ",
		"sealift: there is no session to go on with, trying again in ", "sealift: the session is renewed", "big.iso\t")
}

// STS that is down for longer than --keep-trying says ends the run: the upload
// is kept.
func TestOutageOfSTSKeepsTheUpload(t *testing.T) {
	t.Parallel() // it waits for a session to end
	sandbox := sandboxtest.Start(t, "--min-session", "1s")
	c := newTrial(t, sandbox, time.Second, "--session-duration", "6s", "--concurrency", "1", "--keep-trying", "2s")
	c.proxy.meddle(from(1, isSTS, func(w http.ResponseWriter, r *http.Request) bool { panic(http.ErrAbortHandler) }))
	c.ends(t, 3, "which lasts ", kept)
	c.ends(t, 1, "assume role ", "hint: nothing answered") // still down: nothing is forgotten
	c.goesOn(t)
}

// The same with a folder: its uploads are kept, and none of its files is lost
// from sight.
func TestOutageOfSTSKeepsTheUploadsOfAFolder(t *testing.T) {
	t.Parallel() // it waits for a session to end
	sandbox := sandboxtest.Start(t, "--min-session", "1s")
	c := newTrial(t, sandbox, 800*time.Millisecond, "--session-duration", "6s", "--concurrency", "2", "--keep-trying", "2s")
	randomFile(t, c.dir, "other.iso", trialParts*5<<20)
	randomFile(t, c.dir, "small", 100)
	c.args = append(c.args[:len(c.args)-2], "--exclude", "state/**", "--exclude", "tmp/**", ".", "s3://"+sandbox.Bucket+"/folder/")
	c.proxy.meddle(from(1, isSTS, func(w http.ResponseWriter, r *http.Request) bool { panic(http.ErrAbortHandler) }))
	c.ends(t, 3, "which lasts ", kept)
	c.proxy.meddle(nil)
	c.proxy.delay = 0
	before := c.proxy.sent.Load()
	c.ends(t, 0, "resuming ", "of 12 parts are stored")
	if sent := c.proxy.sent.Load() - before; sent < 1 || sent >= 2*trialParts {
		t.Errorf("%d parts were sent, of %d", sent, 2*trialParts)
	}
	if n := openUploads(t, sandbox); n != 0 {
		t.Errorf("%d uploads are open", n)
	}
}

// A session that is revoked ends the run at once. The upload is kept as long as
// that lasts, and gone on with.
func TestRevokedSessionStopsAtOnce(t *testing.T) {
	t.Parallel()
	sandbox := sandboxtest.Start(t)
	const concurrency = 4
	c := newTrial(t, sandbox, 300*time.Millisecond, "--concurrency", fmt.Sprint(concurrency))
	admin := s3.NewFromConfig(sandbox.AdminConfig(t), func(o *s3.Options) { o.UsePathStyle = true })
	var asked atomic.Int64
	var revoked atomic.Int64 // when
	c.proxy.meddle(func(w http.ResponseWriter, r *http.Request) bool {
		if revoked.Load() > 0 {
			asked.Add(1)
		}
		if isPart(r) && c.proxy.sent.Load() >= concurrency && revoked.CompareAndSwap(0, time.Now().UnixNano()) {
			revoke(t, sandbox, admin)
			revoked.Store(time.Now().UnixNano())
			asked.Store(1)
		}
		return false
	})
	cmd, out := c.command(t)
	_ = cmd.Run()
	took := time.Since(time.Unix(0, revoked.Load()))
	c.check(t, cmd, out, 4, "AccessDenied", kept)
	if n := asked.Load(); n > concurrency+2 {
		t.Errorf("%d more requests, at most %d are due", n, concurrency+2)
	}
	if took > 300*time.Millisecond+time.Second {
		t.Errorf("it ended %v after the revocation", took)
	}
	t.Logf("ended %v after the revocation, of which the proxy took 300 ms, with %d requests", took, asked.Load())

	c.ends(t, 4, "AccessDenied", kept) // new sessions too are refused
	if n := openUploads(t, sandbox); n != 1 {
		t.Fatalf("%d uploads are open", n)
	}
	if _, err := admin.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &sandbox.Bucket}); err != nil {
		t.Fatal(err)
	}
	c.goesOn(t)
}

// revoke refuses all sessions of the role that were issued before a time, as
// IAM's "revoke sessions" does; here in the bucket's policy, and an hour ahead.
func revoke(t *testing.T, sandbox *sandboxtest.Sandbox, admin *s3.Client) {
	text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":%q},"Action":"s3:*",
		"Resource":["arn:aws:s3:::%[2]s","arn:aws:s3:::%[2]s/*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":%[3]q}}}]}`,
		sandbox.RoleARN, sandbox.Bucket, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	if _, err := admin.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &sandbox.Bucket, Policy: &text}); err != nil {
		t.Errorf("revoke: %v", err)
	}
}

// Base credentials that end before the upload does end the run when the last
// session does; with new ones it goes on.
func TestBaseCredentialsThatEndKeepTheUpload(t *testing.T) {
	t.Parallel() // it waits for sessions to end
	sandbox := sandboxtest.Start(t, "--min-session", "1s")
	c := newTrial(t, sandbox, time.Second, "--region", "us-east-1", "--role-arn", sandbox.RoleARN, "--session-duration", "4s", "--concurrency", "1")
	c.base(t, 5)
	c.ends(t, 4, "base credentials expired", "hint: sign in again", kept)
	c.base(t, 900)
	c.goesOn(t)
}

// base gives the command base credentials that last so many seconds.
func (c *trial) base(t *testing.T, seconds int32) {
	t.Helper()
	got, err := sts.NewFromConfig(c.sandbox.UserConfig(t)).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: &seconds})
	if err != nil {
		t.Fatal(err)
	}
	c.env = []string{"AWS_PROFILE=", "AWS_ENDPOINT_URL=" + c.proxy.URL, "AWS_ACCESS_KEY_ID=" + *got.Credentials.AccessKeyId,
		"AWS_SECRET_ACCESS_KEY=" + *got.Credentials.SecretAccessKey, "AWS_SESSION_TOKEN=" + *got.Credentials.SessionToken}
}

// An MFA code is taken once. Where nobody can be asked for another, the upload
// is kept for a command that has one.
func TestMFACodeThatIsNeededAgainKeepsTheUpload(t *testing.T) {
	t.Parallel() // it waits for a session to end
	sandbox := sandboxtest.Start(t, "--min-session", "1s", "--mfa-code", "123456")
	c := newTrial(t, sandbox, time.Second, "--session-duration", "5s", "--concurrency", "1",
		"--mfa-serial", "arn:aws:iam::123456789012:mfa/uploader", "--mfa-code", "123456")
	c.ends(t, 3, "no terminal to ask on", "hint: give the MFA code with --mfa-code", kept)
	c.goesOn(t)
}

// A clock that is wrong by an hour, and jumps back, is said once each time and
// stops nothing, whichever way it is wrong.
func TestWrongClockIsSaidOnce(t *testing.T) {
	t.Parallel()
	sandbox := sandboxtest.Start(t)
	for wrong, said := range map[time.Duration]string{time.Hour: "is 1h0m0s behind S3's", -time.Hour: "is 1h0m0s ahead of S3's"} {
		c := newTrial(t, sandbox, 0, "--if-exists", "overwrite")
		var parts, asked atomic.Int64
		c.proxy.meddle(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Date", time.Now().Add(wrong).UTC().Format(http.TimeFormat))
			if isSTS(r) && asked.Add(1) == 1 {
				return refuse(w, r, http.StatusForbidden, "SignatureDoesNotMatch")
			}
			if isPart(r) && parts.Add(1) == 4 {
				return refuse(w, r, http.StatusForbidden, "RequestTimeTooSkewed")
			}
			w.Header().Del("Date")
			return false
		})
		out := c.ends(t, 0, "warning: s3://", said, "big.iso\t")
		if n := strings.Count(out, said); n != 1 {
			t.Errorf("%v: said %d times:\n%s", wrong, n, out)
		}
		if n := strings.Count(out, "agrees with S3's again"); n != 1 {
			t.Errorf("%v: that it agrees again is said %d times:\n%s", wrong, n, out)
		}
	}
}

// What somebody else does to the bucket meanwhile is said in words, with what to
// do.
func TestWhatBecomesOfTheBucketIsSaid(t *testing.T) {
	t.Parallel()
	sandbox := sandboxtest.Start(t)
	admin := s3.NewFromConfig(sandbox.AdminConfig(t), func(o *s3.Options) { o.UsePathStyle = true })

	c := newTrial(t, sandbox, 0, "--concurrency", "1") // the key is disabled
	c.proxy.meddle(from(3, isPart, func(w http.ResponseWriter, r *http.Request) bool {
		return refuse(w, r, http.StatusBadRequest, "KMS.DisabledException")
	}))
	c.ends(t, 4, "KMS.DisabledException", "aws kms enable-key", kept)
	c.goesOn(t)

	c = newTrial(t, sandbox, 0, "--concurrency", "1", "--if-exists", "overwrite") // a lifecycle rule aborts it
	var aborted atomic.Bool
	c.proxy.meddle(from(3, isPart, func(http.ResponseWriter, *http.Request) bool {
		if aborted.CompareAndSwap(false, true) {
			abortAll(t, sandbox, admin)
		}
		return false
	}))
	c.ends(t, 0, "the upload begins again: the multipart upload is gone: aborted by a lifecycle rule of the bucket, or by somebody", "big.iso\t")

	c = newTrial(t, sandbox, 0, "--concurrency", "1", "--if-exists", "overwrite") // again and again
	c.proxy.meddle(from(3, isPart, func(http.ResponseWriter, *http.Request) bool {
		abortAll(t, sandbox, admin)
		return false
	}))
	c.ends(t, 1, "NoSuchUpload", "AbortIncompleteMultipartUpload")

	c = newTrial(t, sandbox, 0, "--concurrency", "1", "--if-exists", "overwrite") // the bucket is deleted
	c.proxy.meddle(from(3, isPart, func(w http.ResponseWriter, r *http.Request) bool {
		c.proxy.meddle(func(w http.ResponseWriter, r *http.Request) bool {
			return !isSTS(r) && refuse(w, r, http.StatusNotFound, "NoSuchBucket")
		})
		return refuse(w, r, http.StatusNotFound, "NoSuchBucket")
	}))
	if out := c.ends(t, 1, "NoSuchBucket", "hint: check the bucket's name"); strings.Contains(out, "still open") || strings.Contains(out, kept) {
		t.Errorf("what went with the bucket is not open:\n%s", out)
	}
	c.proxy.meddle(nil)
	abortAll(t, sandbox, admin) // it was not really deleted
	cmd, out := c.proxy.sealift(t, sandbox, c.dir, "resume")
	if _ = cmd.Run(); !strings.Contains(out.String(), "nothing to go on with") {
		t.Errorf("resume says\n%s", out)
	}
}

func abortAll(t *testing.T, sandbox *sandboxtest.Sandbox, admin *s3.Client) {
	list, err := admin.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &sandbox.Bucket})
	if err != nil {
		t.Error(err)
		return
	}
	for _, u := range list.Uploads {
		if _, err := admin.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &sandbox.Bucket, Key: u.Key, UploadId: u.UploadId}); err != nil {
			t.Error(err)
		}
	}
}

// The region that S3 names is gone to, once.
func TestWrongRegionIsMended(t *testing.T) {
	t.Parallel()
	sandbox := sandboxtest.Start(t)
	c := newTrial(t, sandbox, 0, "--region", "eu-west-1", "--concurrency", "1")
	var wrong atomic.Int64
	c.proxy.meddle(func(_ http.ResponseWriter, r *http.Request) bool {
		if !isSTS(r) && strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/") {
			wrong.Add(1)
		}
		return false
	})
	c.ends(t, 0, "big.iso\t")
	if n := wrong.Load(); n != 1 {
		t.Errorf("%d requests were signed for the wrong region", n)
	}
}
