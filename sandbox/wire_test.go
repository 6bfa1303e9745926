package sandbox_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptrace"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// onlyIn is a session policy that lets the keys below in/ be written.
const onlyIn = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/in/*"}]}`

const onePipeScript = `
import boto3, collections, sys
from botocore.config import Config
from botocore.exceptions import ClientError
bucket = sys.argv[1]
c = boto3.Session(profile_name="uploader-base").client("sts").assume_role(
	RoleArn="arn:aws:iam::123456789012:role/s3-uploader-role", RoleSessionName="pipe", Policy=sys.argv[2])["Credentials"]
s3 = boto3.client("s3", aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"],
	config=Config(retries={"total_max_attempts": 1}, max_pool_connections=1))
seen = collections.Counter()
for i in range(200):
	key = ("out/" if i % 10 == 3 else "in/") + str(i)
	try:
		s3.put_object(Bucket=bucket, Key=key, Body=bytes([i]) * (i * 1000))
		seen["stored"] += 1
	except ClientError as e:
		seen[e.response["Error"]["Code"]] += 1
pools = s3._endpoint.http_session._manager.pools
print(dict(seen), [pools[k].num_connections for k in pools.keys()])
`

// Over TLS boto3 and the AWS CLI send aws-chunked bodies in HTTP's chunks.
// Whatever becomes of a put, the next one finds the connection in order.
func TestTrap03ManyPutsOnOneConnection(t *testing.T) {
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		t.Skip("python3 with boto3 is not installed: it cannot be tried")
	}
	for name, flags := range map[string][]string{"plain": nil, "tls": {"--tls"}} {
		t.Run(name, func(t *testing.T) {
			b := start(t, flags...)
			out, err := b.client("python3", "-c", onePipeScript, b.Bucket, onlyIn)
			if want := "{'stored': 180, 'AccessDenied': 20} [1]\n"; err != nil || out != want {
				t.Errorf("got %v\n%s\nwant %s", err, out, want)
			}
		})
	}
}

// The same without Python, and with what comes in one piece or several.
func TestTrap03BodiesInChunks(t *testing.T) {
	b := start(t)
	session := b.assume(withPolicy(onlyIn))
	connections := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if !c.Reused {
			connections++
		}
	}})
	for i, size := range []int{0, 1, 4000, 100_000, 70_000, 300_000, 5, 1 << 20, 0, 2 << 20, 3} {
		for folder, want := range map[string]int{"in": http.StatusOK, "out": http.StatusForbidden} {
			body := noise(size)
			url := fmt.Sprintf("%s/%s/%s/%d", b.Endpoint, b.Bucket, folder, i)
			r := must[*http.Request](t)(http.NewRequestWithContext(ctx, http.MethodPut, url, io.MultiReader(inAWSChunks(body)...)))
			r.ContentLength = -1
			r.Header.Set("Content-Encoding", "aws-chunked")
			r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
			r.Header.Set("X-Amz-Decoded-Content-Length", strconv.Itoa(size))
			const hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
			r.Header.Set("X-Amz-Content-Sha256", hash)
			if err := v4.NewSigner().SignHTTP(ctx, session, r, hash, "s3", b.Region, time.Now()); err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", folder, size, err)
			}
			text := must[[]byte](t)(io.ReadAll(answer.Body))
			answer.Body.Close()
			if answer.StatusCode != want {
				t.Errorf("%s, %d bytes: got %s\n%s", folder, size, answer.Status, text)
			}
		}
		head := must[*s3.HeadObjectOutput](t)(b.s3(b.reader()).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: aws.String("in/" + strconv.Itoa(i))}))
		if *head.ContentLength != int64(size) {
			t.Errorf("got %d bytes, want %d", *head.ContentLength, size)
		}
	}
	if connections != 1 {
		t.Errorf("took %d connections", connections)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// inAWSChunks frames a body as aws-chunked with a sum behind it, cut where
// HTTP's chunks are to be cut.
func inAWSChunks(body []byte) []io.Reader {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body))
	var pieces []io.Reader
	add := func(s string) { pieces = append(pieces, strings.NewReader(s)) }
	for rest := body; len(rest) > 0; {
		n := min(len(rest), 64<<10)
		add(strconv.FormatInt(int64(n), 16) + "\r\n")
		add(string(rest[:n]) + "\r\n")
		rest = rest[n:]
	}
	add("0\r\n")
	add("x-amz-checksum-crc32:" + base64.StdEncoding.EncodeToString(sum) + "\r\n\r\n")
	return pieces
}
