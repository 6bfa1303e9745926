package trail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sealift/sealift/trail"
)

// Who wrote to a bucket, by the log files that were copied from it.
func ExampleReadAll() {
	dir, err := os.MkdirTemp("", "trail")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	log := `{"Records":[{"eventTime":"2026-11-25T01:02:03Z","eventName":"PutObject","userIdentity":{"arn":"arn:aws:sts::123456789012:assumed-role/s3-uploader-role/sealift-01K0"},` +
		`"requestParameters":{"bucketName":"my-bucket","key":"in/big.iso"}},{"eventTime":"2026-11-25T01:02:04Z","eventName":`
	if err := os.WriteFile(filepath.Join(dir, "1.json"), []byte(log), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	o := trail.Options{Filter: trail.Filter{Bucket: "my-bucket", Names: []string{"PutObject", "CompleteMultipartUpload"}}}
	for event, err := range trail.ReadAll(context.Background(), trail.Folder(dir, o.Filter), o) {
		if err != nil {
			at := event.Position
			fmt.Printf("record %d of %s cannot be read\n", at.Record, filepath.Base(at.File))
			continue
		}
		fmt.Println(event.Time.Format("15:04:05"), event.Name, event.Key, event.Identity.ARN)
	}
	// Output:
	// 01:02:03 PutObject in/big.iso arn:aws:sts::123456789012:assumed-role/s3-uploader-role/sealift-01K0
	// record 2 of 1.json cannot be read
}
