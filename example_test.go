package sealift_test

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/oklog/ulid/v2"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/receipt"
	"github.com/sealift/sealift/session"
)

// store uploads a file with a session that can write its key and nothing else.
func store(ctx context.Context, path, bucket, key, role string) (*receipt.Receipt, error) {
	base, err := config.LoadDefaultConfig(ctx) // whoever may assume the role
	if err != nil {
		return nil, err
	}
	narrowed, err := policy.Narrow(policy.Want{Bucket: bucket, Keys: []string{key}})
	if err != nil {
		return nil, err
	}
	run := ulid.Make().String()
	s, err := session.New(session.Config{STS: sts.NewFromConfig(base)},
		session.Grant{RoleARN: role, Name: "sealift-" + run, Policy: &narrowed})
	if err != nil {
		return nil, err
	}
	up, err := sealift.New(sealift.Config{Credentials: s, Region: base.Region, Run: run})
	if err != nil {
		return nil, err
	}
	defer up.Close()
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return up.Upload(ctx, sealift.File(f), sealift.Object{Bucket: bucket, Key: key})
}

// A file is stored under one key, by a session that was narrowed to it. (The
// function is README's, word for word.)
func Example() {
	r, err := store(context.Background(), "big.iso", "my-bucket", "in/big.iso", "arn:aws:iam::123456789012:role/s3-uploader-role")
	if err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString(r.Object.Checksum.Value + "\n")
}
