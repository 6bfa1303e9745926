package sealift

import (
	"context"

	"github.com/sealift/sealift/receipt"
)

// An Uploader sends sources to S3. It is safe for concurrent use.
type Uploader struct{}

// New returns an Uploader. It opens no connection and asks for no credentials.
func New(c Config) (*Uploader, error) { return nil, nil }

// Upload stores source as object and returns its receipt.
func (u *Uploader) Upload(ctx context.Context, source Source, object Object) (*receipt.Receipt, error) {
	return nil, nil
}

// Run returns the ULID of the run, given or made.
func (u *Uploader) Run() string { return "" }

// Close waits for events to be delivered and closes idle connections.
func (u *Uploader) Close() error { return nil }
