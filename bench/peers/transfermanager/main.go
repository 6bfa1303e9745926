// Command transfermanager uploads a file, or the files of a folder, through
// the AWS SDK's transfer manager; small files, as its users do, by PutObject,
// 32 at a time.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"
)

func main() {
	endpoint := flag.String("endpoint", "", "URL of the server")
	ca := flag.String("ca", "", "file of its certificate")
	flag.Parse()
	if err := run(context.Background(), *endpoint, *ca, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "transfermanager:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, endpoint, ca, source string) error {
	base, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return errors.New("no certificate in " + ca)
	}
	client := s3.NewFromConfig(base, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle = &endpoint, true
		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
			t.MaxIdleConnsPerHost = 64
		})
	})
	manager := transfermanager.New(client, func(o *transfermanager.Options) { o.PartSizeBytes, o.Concurrency = 8<<20, 8 })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(32)
	err = filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		group.Go(func() error { return one(ctx, client, manager, path) })
		return ctx.Err()
	})
	return errors.Join(group.Wait(), err)
}

func one(ctx context.Context, client *s3.Client, manager *transfermanager.Client, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	bucket, key := aws.String("bucket"), aws.String("transfermanager/"+filepath.Base(path))
	if info.Size() <= 8<<20 {
		_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: f})
		return err
	}
	_, err = manager.UploadObject(ctx, &transfermanager.UploadObjectInput{Bucket: bucket, Key: key, Body: f})
	return err
}
