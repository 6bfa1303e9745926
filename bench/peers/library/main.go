// Command library uploads a file, or the files of a folder, through Sealift as
// a Go library, 32 at a time.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/sealift/sealift"
	"golang.org/x/sync/errgroup"
)

func main() {
	endpoint := flag.String("endpoint", "", "URL of the server")
	ca := flag.String("ca", "", "file of its certificate")
	flag.Parse()
	if err := run(context.Background(), *endpoint, *ca, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "library:", err)
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
	up, err := sealift.New(sealift.Config{Credentials: base.Credentials, Region: base.Region, Endpoint: endpoint, RootCAs: roots})
	if err != nil {
		return err
	}
	defer up.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(32)
	err = filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		group.Go(func() error { return one(ctx, up, path) })
		return ctx.Err()
	})
	return errors.Join(group.Wait(), err)
}

func one(ctx context.Context, up *sealift.Uploader, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = up.Upload(ctx, sealift.File(f), sealift.Object{Bucket: "bucket", Key: "library/" + filepath.Base(path)})
	return err
}
