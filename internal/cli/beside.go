package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sealift/sealift"
)

// isAddress tells whether --receipt names a place in S3.
func isAddress(named string) bool { return strings.HasPrefix(named, "s3://") }

// local is --receipt as far as it is a place on this machine.
func (u *Upload) local() string {
	if isAddress(u.Receipt) {
		return ""
	}
	return u.Receipt
}

// receiptKey is the key under which the receipts of a run are stored beside its
// objects, "" for none: one object a run, known before it begins, so that the
// session can be narrowed to it.
func (r *run) receiptKey(to destination, several bool) (string, error) {
	named := r.upload.Receipt
	if !isAddress(named) {
		return "", nil
	}
	place, err := parseDestination(named)
	if err != nil {
		return "", fmt.Errorf("--receipt: %w", err)
	}
	if place.bucket != to.bucket {
		return "", &usageError{fmt.Sprintf("--receipt %s is another bucket than the objects'", named), "name a prefix of " + address(to.bucket, "") + ", or a file"}
	}
	if !place.folder() {
		return "", &usageError{fmt.Sprintf("--receipt %s does not end in /", named), "end it in /: every run stores its receipts under a key of its own"}
	}
	key := place.key + r.id + ".json"
	if several {
		key += "l"
	}
	if err := (sealift.Object{Bucket: place.bucket, Key: key}).Check(); err != nil {
		return "", &usageError{fmt.Sprintf("--receipt: %v", err), "name another prefix"}
	}
	return key, nil
}

// besideTime is how long storing receipts may take where the run was
// interrupted.
const besideTime = time.Minute

// storeReceipts stores the receipts beside the objects, where --receipt says so:
// also those of a run that failed or was interrupted.
func (r *run) storeReceipts(ctx context.Context, who *signedIn, bucket string) error {
	if r.beside == "" || len(r.kept) == 0 {
		return nil
	}
	err := r.storeBeside(ctx, who, bucket)
	if err != nil {
		return &advised{fmt.Errorf("%w: store receipts in %s: %w", errReceipt, address(bucket, r.beside), err),
			"the objects are stored, and their receipts are in " + strings.Join(r.kept, ", ") + ": keep those"}
	}
	r.kept = append(r.kept, address(bucket, r.beside))
	r.note("receipts in %s", address(bucket, r.beside))
	return nil
}

func (r *run) storeBeside(ctx context.Context, who *signedIn, bucket string) error {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), besideTime)
		defer cancel()
	}
	f, err := r.gathered()
	if err != nil {
		return err
	}
	defer f.Close()
	c := r.config(who, nil)
	c.Journal = nil // the file is gone when this returns
	up, err := sealift.New(c)
	if err != nil {
		return err
	}
	object := r.upload.object(bucket, r.beside)
	object.IfExists = "fail"
	if r.again() { // what it had is stored there already
		object.IfExists = "overwrite"
	}
	object.SourceHash, object.PartSize, object.StorageClass = "none", 0, ""
	object.Metadata, object.ContentType = nil, "application/json"
	if strings.HasSuffix(r.beside, "l") {
		object.ContentType = "application/jsonl"
	}
	_, err = up.Upload(ctx, sealift.File(f), object)
	if closed := up.Close(); err == nil {
		err = closed
	}
	return err
}

// gathered are the receipts that were kept, in one file.
func (r *run) gathered() (*os.File, error) {
	if len(r.kept) == 1 {
		return os.Open(r.kept[0])
	}
	f, err := os.CreateTemp("", "sealift-receipts-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name()) // it is open
	for _, path := range r.kept {
		text, err := os.ReadFile(path)
		if err == nil {
			_, err = f.Write(text)
		}
		if err != nil {
			_ = f.Close()
			return nil, err
		}
	}
	return f, nil
}
