// Package sealift moves files into Amazon S3 and comes back with a receipt of
// what was stored.
//
// An [Uploader] sends a [Source] to an [Object]: a source of at most one part
// by PutObject, a larger one by a multipart upload whose parts are all
// committed or all aborted. Every part carries its CRC64NVME, the whole object
// carries the combined one, and the object is reported stored only when S3 has
// answered with that very sum.
//
//	up, err := sealift.New(sealift.Config{Credentials: creds, Region: "eu-west-1"})
//	if err != nil {
//		return err
//	}
//	defer up.Close()
//	r, err := up.Upload(ctx, sealift.File(f), sealift.Object{Bucket: "b", Key: "in/a.iso"})
//
// The package reads no environment, no profile and no signal, keeps no process
// state, and logs nothing unless given a logger. Overwriting an object is
// refused unless asked for; so is an endpoint in plain http that is not on
// loopback. Package session gives credentials that can do nothing but this
// upload; any other [aws.CredentialsProvider] works too.
//
// [aws.CredentialsProvider]: https://pkg.go.dev/github.com/aws/aws-sdk-go-v2/aws#CredentialsProvider
package sealift

// Version is this release's, as receipts and the User-Agent name it.
const Version = "0.1.0"
