package trail_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealift/sealift/trail"
)

// start is the time of the first record that a maker makes.
var start = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// A maker makes records such as S3 and STS have CloudTrail write, with ids that
// no compressor can guess.
type maker struct {
	*rand.Rand
	n int
}

func newMaker(seed uint64) *maker { return &maker{Rand: rand.New(rand.NewPCG(seed, 1))} }

func (m *maker) hex(n int) string {
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "%x", m.IntN(16))
	}
	return b.String()
}

func (m *maker) uuid() string {
	return m.hex(8) + "-" + m.hex(4) + "-4" + m.hex(3) + "-a" + m.hex(3) + "-" + m.hex(12)
}

// record is one record's JSON.
func (m *maker) record() string {
	m.n++
	at := start.Add(time.Duration(m.n) * 7 * time.Second).Format(time.RFC3339)
	if m.n%10 == 0 {
		return fmt.Sprintf(assumeRole, at, m.IntN(256), m.hex(16), m.hex(200), m.IntN(100), m.uuid(), m.uuid())
	}
	name := []string{"PutObject", "UploadPart", "GetObject", "HeadObject", "ListParts"}[m.IntN(5)]
	return fmt.Sprintf(object, m.IntN(4), m.hex(16), at, name, m.IntN(256), m.IntN(3), m.IntN(1000), m.hex(16), m.IntN(1<<20), m.hex(76), m.hex(16), m.uuid(), m.IntN(3), m.IntN(1000), m.IntN(3))
}

const assumeRole = `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLEUSER","arn":"arn:aws:iam::123456789012:user/uploader","accountId":"123456789012","accessKeyId":"AKIAEXAMPLEUSER","userName":"uploader"},` +
	`"eventTime":"%s","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.%d","userAgent":"sealift/0.1.0",` +
	`"requestParameters":{"roleArn":"arn:aws:iam::123456789012:role/s3-uploader-role","roleSessionName":"sealift-01K0","policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:PutObject\",\"Resource\":\"*\"}]}","durationSeconds":3600},` +
	`"responseElements":{"credentials":{"accessKeyId":"ASIA%s","sessionToken":"%s","expiration":"Nov 25, 2026, 1:00:00 AM"},"assumedRoleUser":{"assumedRoleId":"AROAEXAMPLE:sealift-01K0","arn":"arn:aws:sts::123456789012:assumed-role/s3-uploader-role/sealift-01K0"},"packedPolicySize":%d},` +
	`"requestID":"%s","eventID":"%s","readOnly":true,"resources":[{"accountId":"123456789012","type":"AWS::IAM::Role","ARN":"arn:aws:iam::123456789012:role/s3-uploader-role"}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"sts.eu-west-1.amazonaws.com"}}`

const object = `{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:sealift-01K0","arn":"arn:aws:sts::123456789012:assumed-role/role-%d/sealift-01K0","accountId":"123456789012","accessKeyId":"ASIA%s","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::123456789012:role/s3-uploader-role","accountId":"123456789012","userName":"s3-uploader-role"},"attributes":{"creationDate":"2026-11-25T00:00:00Z","mfaAuthenticated":"false"},"sourceIdentity":"someone"}},` +
	`"eventTime":"%s","eventSource":"s3.amazonaws.com","eventName":"%s","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.%d","userAgent":"[sealift/0.1.0]",` +
	`"requestParameters":{"bucketName":"bucket-%d","Host":"s3.eu-west-1.amazonaws.com","key":"in/%d/file.iso","uploadId":"%s","partNumber":"7"},"responseElements":null,` +
	`"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":%d.0,"SSEApplied":"Default_SSE_S3","AuthenticationMethod":"AuthHeader","x-amz-id-2":"%s","bytesTransferredOut":0},` +
	`"requestID":"%s","eventID":"%s","readOnly":false,"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::bucket-%d/in/%d/file.iso"},{"accountId":"123456789012","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::bucket-%d"}],"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"123456789012","eventCategory":"Data","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"s3.eu-west-1.amazonaws.com"}}`

// file is a log file of n records, as CloudTrail writes it.
func (m *maker) file(n int) string {
	records := make([]string, n)
	for i := range records {
		records[i] = m.record()
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Flush() // so that a reader learns of the end by itself
	w.Close()
	return b.String()
}

// read is all that one file comes to.
func read(text string, o trail.Options) (events []trail.Event, faults []*trail.Error) {
	return gather(trail.Read("log", strings.NewReader(text), o))
}

func gather(all iter.Seq2[trail.Event, error]) (events []trail.Event, faults []*trail.Error) {
	for e, err := range all {
		if err != nil {
			faults = append(faults, err.(*trail.Error))
			continue
		}
		events = append(events, e)
	}
	return events, faults
}

func names(events []trail.Event) string {
	var all []string
	for _, e := range events {
		all = append(all, e.Name)
	}
	return strings.Join(all, " ")
}

// real is the folder of one set of real records, which are not part of the
// repository.
func real(t *testing.T, set string) string {
	t.Helper()
	root := os.Getenv("SEALIFT_TRAIL_DATA")
	if root == "" {
		fmt.Fprintf(os.Stderr, "passed over %s: SEALIFT_TRAIL_DATA names no folder of real trails\n", t.Name())
		t.Skip("SEALIFT_TRAIL_DATA is not set")
	}
	dir := filepath.Join(root, set)
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func folder(ctx context.Context, dir string, o trail.Options) iter.Seq2[trail.Event, error] {
	return trail.ReadAll(ctx, trail.Folder(dir, o.Filter), o)
}

// byStandard decodes text as encoding/json does.
func byStandard(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(cmp.Or(text, "null")), into); err != nil {
		t.Fatal(err)
	}
}
