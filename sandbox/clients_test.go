package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// environment is what sourcing the env file leaves: nothing of the machine's
// own AWS settings, and no cache shared with other tests.
func (b *box) environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			env = append(env, v)
		}
	}
	env = append(env, "HOME="+b.t.TempDir(), "AWS_CONFIG_FILE="+b.ConfigFile, "AWS_SHARED_CREDENTIALS_FILE="+b.CredentialsFile,
		"AWS_PROFILE="+b.Profile, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=")
	if b.CAFile != "" {
		env = append(env, "AWS_CA_BUNDLE="+b.CAFile)
	}
	return env
}

// client runs another program against the sandbox and gives its output.
func (b *box) client(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(b.t.Context(), name, args...)
	cmd.Env = b.environment()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Trap 12: the AWS CLI, as it is, by its profiles alone. Each run of it takes
// a second of processor, so only what differs is tried over TLS too.
func TestTrap12AWSCommandLine(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the aws command is not installed: it cannot be tried")
	}
	dir := t.TempDir()
	big := filepath.Join(dir, "big file")
	if err := os.WriteFile(big, noise(9<<20), 0o600); err != nil { // more than the CLI's multipart threshold
		t.Fatal(err)
	}
	type step struct {
		args, says string
		fails      bool
	}
	for name, c := range map[string]struct {
		flags []string
		steps []step
	}{
		"plain": {nil, []step{
			{args: "sts get-caller-identity", says: "assumed-role/s3-uploader-role/sandbox-"},
			{args: "s3 cp --no-progress BIG s3://BUCKET/in/big", says: "upload:"},
			{args: "--profile reader-profile s3api head-object --bucket BUCKET --key in/big --checksum-mode ENABLED", says: `"ContentLength": 9437184`},
			{args: "--profile reader-profile s3 cp --no-progress s3://BUCKET/in/big BIG.back", says: "download:"},
			{args: "--profile sandbox-admin s3api get-bucket-policy --bucket BUCKET", says: "DenyOtherEncryption"},
			{args: "s3 ls s3://BUCKET/", says: "AccessDenied", fails: true},
		}},
		"tls": {[]string{"--tls"}, []step{
			{args: "s3 cp --no-progress BIG s3://BUCKET/in/big", says: "upload:"},
			{args: "--profile reader-profile s3 ls s3://BUCKET/in/", says: "9437184 big"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, c.flags...)
			for _, step := range c.steps {
				fields := strings.Fields(step.args)
				for i, f := range fields {
					fields[i] = strings.NewReplacer("BIG", big, "BUCKET", b.Bucket).Replace(f)
				}
				out, err := b.client("aws", fields...)
				if (err != nil) != step.fails || !strings.Contains(out, step.says) {
					t.Errorf("aws %s: got %v\n%s", step.args, err, out)
				}
			}
		})
	}
	sent, back := must[[]byte](t)(os.ReadFile(big)), must[[]byte](t)(os.ReadFile(big+".back"))
	if string(sent) != string(back) {
		t.Error("another file came back")
	}
}

const boto3Script = `
import boto3, io, os, sys
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
bucket = sys.argv[1]
who = boto3.client("sts").get_caller_identity()["Arn"]
assert "assumed-role/s3-uploader-role/sandbox-" in who, who
s3 = boto3.client("s3")
body = os.urandom(9 << 20)
print("put", s3.put_object(Bucket=bucket, Key="py/small", Body=b"hello", Metadata={"a": "b"})["ServerSideEncryption"])
s3.upload_fileobj(io.BytesIO(body), bucket, "py/big", Config=TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=5 << 20))
up = s3.create_multipart_upload(Bucket=bucket, Key="py/open", ChecksumAlgorithm="SHA256")
part = s3.upload_part(Bucket=bucket, Key="py/open", UploadId=up["UploadId"], PartNumber=1, Body=b"x" * 10, ChecksumAlgorithm="SHA256")
assert part["ChecksumSHA256"], part
parts = s3.list_parts(Bucket=bucket, Key="py/open", UploadId=up["UploadId"])["Parts"]
assert parts[0]["ChecksumSHA256"] == part["ChecksumSHA256"], parts
uploads = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
assert [u["Initiator"]["ID"] for u in uploads] == [who], uploads
s3.abort_multipart_upload(Bucket=bucket, Key="py/open", UploadId=up["UploadId"])
reader = boto3.Session(profile_name="reader-profile").client("s3")
head = reader.head_object(Bucket=bucket, Key="py/small")
assert head["Metadata"] == {"a": "b"}, head
assert reader.get_object(Bucket=bucket, Key="py/big")["Body"].read() == body
print("list", [o["Key"] for o in reader.list_objects_v2(Bucket=bucket)["Contents"]])
base = boto3.Session(profile_name="uploader-base").client("sts")
c = base.assume_role(RoleArn="arn:aws:iam::123456789012:role/s3-uploader-role", RoleSessionName="narrow",
	Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::%s/py/one"}]}' % bucket)["Credentials"]
narrow = boto3.client("s3", aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])
narrow.put_object(Bucket=bucket, Key="py/one", Body=b"1")
try:
	narrow.put_object(Bucket=bucket, Key="py/two", Body=b"2")
	print("not refused")
except ClientError as e:
	print("refused", e.response["Error"]["Code"])
`

// Trap 12: boto3, as it is, by its profiles alone.
func TestTrap12Boto3(t *testing.T) {
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		t.Skip("python3 with boto3 is not installed: it cannot be tried")
	}
	b := start(t, "--tls")
	out, err := b.client("python3", "-c", boto3Script, b.Bucket)
	want := "put AES256\nlist ['py/big', 'py/small']\nrefused AccessDenied\n"
	if err != nil || out != want {
		t.Errorf("got %v\n%s", err, out)
	}
}
