package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/verify"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/receipt"
	"github.com/sealift/sealift/session"
)

// A sight is where receipts' objects are looked at by one session: a bucket,
// and the KMS key that its objects are encrypted with.
type sight struct{ bucket, key string }

// Bounds of what is remembered of receipts before they are looked at.
const (
	mostSights = 64
	mostKeys   = 40 // no more fit in a session policy
)

func sightOf(r *receipt.Receipt) sight {
	at := sight{bucket: r.Object.Bucket}
	if id := r.Object.KMSKeyID; id != nil && kmsARN.MatchString(*id) {
		at.key = *id
	}
	return at
}

// prepare looks through the receipts, signs in for them, and opens --source.
func (c *checking) prepare(ctx context.Context, all *receiptFilesGiven) error {
	if !c.s3() && c.Source == "" {
		return nil
	}
	wants, several := map[sight]*policy.Want{}, 0
	for one := range all.receipts {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		several++
		if several > 1 && !c.s3() {
			break
		}
		if !c.s3() {
			continue
		}
		if one.parse(); one.receipt == nil {
			continue
		}
		at := sightOf(one.receipt)
		w, known := wants[at]
		if !known && len(wants) == mostSights {
			return &usageError{fmt.Sprintf("the receipts name more than %d buckets and KMS keys", mostSights), "verify fewer at once"}
		}
		if !known {
			key := one.receipt.Object.Key
			w = &policy.Want{Bucket: at.bucket, KMSKey: at.key, Read: true, Prefix: key[:strings.LastIndex(key, "/")+1]}
			wants[at] = w
		}
		widen(w, one.receipt.Object.Key)
	}
	if err := c.openSource(several); err != nil {
		return err
	}
	if !c.s3() {
		return nil
	}
	c.buffers = make(chan []byte, 12)
	if c.Download {
		for range cap(c.buffers) {
			c.buffers <- make([]byte, verify.Range)
		}
	}
	for at, w := range wants {
		c.readers[at], c.refused[at] = c.signInFor(ctx, *w)
		if c.refused[at] != nil && len(wants) == 1 {
			return c.refused[at]
		}
	}
	return nil
}

// widen adds a key to what is wanted: exactly while keys may fit, and to the
// folder that all share.
func widen(w *policy.Want, key string) {
	if len(w.Keys) <= mostKeys && !slices.Contains(w.Keys, key) {
		w.Keys = append(w.Keys, key)
	}
	for !strings.HasPrefix(key, w.Prefix) {
		w.Prefix = w.Prefix[:strings.LastIndex(strings.TrimSuffix(w.Prefix, "/"), "/")+1]
	}
}

// openSource opens the folder that --source names.
func (c *checking) openSource(receipts int) error {
	if c.Source == "" {
		return nil
	}
	info, err := os.Stat(c.Source)
	switch {
	case err != nil:
		return fmt.Errorf("--source: %w", err)
	case info.IsDir():
		c.root, err = os.OpenRoot(c.Source)
		return err
	case c.Strip > 0:
		return &usageError{fmt.Sprintf("--source %s is no folder, and --strip-components goes with one", c.Source), "leave out --strip-components"}
	case receipts > 1:
		return &usageError{fmt.Sprintf("--source %s is one file, and there are several receipts", c.Source), "name the folder under which the sources lie now"}
	}
	return nil
}

// keepTrying is how long S3 may be out of reach.
const keepTrying = 10 * time.Minute

// signInFor signs in as the reader, narrowed to what is wanted.
func (c *checking) signInFor(ctx context.Context, want policy.Want) (*verify.Reader, error) {
	as := c.Identity
	if as.ReaderProfile != "" {
		as.Profile = as.ReaderProfile
	}
	as.RoleARN = as.ReaderRoleARN
	as.ReaderProfile, as.ReaderRoleARN = "", ""
	if len(want.Keys) > mostKeys {
		want.Keys = nil // only the prefix is left
		if want.Prefix == "" && as.Narrow != "off" {
			return nil, &advised{fmt.Errorf("%s: %w", address(want.Bucket, ""), policy.ErrTooWide), shareNothing}
		}
	}
	who, err := as.signIn(ctx, c.teller, want)
	if err != nil {
		return nil, fmt.Errorf("sign in the reader: %w", &advised{err, c.readingHint(err)})
	}
	transport := s3wire.NewTransport(who.roots, http.ProxyFromEnvironment)
	c.transports = append(c.transports, transport)
	client := s3wire.New(s3wire.Config{Credentials: who.session, Region: who.region, Endpoint: who.endpoint,
		Addressing: s3wire.Addressing(who.s3), Transport: transport,
		UserAgent: fmt.Sprintf("sealift/%s (%s; %s) run/%s", sealift.Version, runtime.GOOS, runtime.GOARCH, c.run)})
	return &verify.Reader{S3: client, Newer: c.Newer, Download: c.Download, Buffers: c.buffers, Owner: string(c.Owner), Keep: keepTrying, Waiting: func(err error) {
		c.waits.Do(func() { c.note("S3 is out of reach or busy, trying for %v: %v", keepTrying, err) })
	}}, nil
}

// readingHint is the remedy for a reader that cannot sign in for receipts.
func (c *checking) readingHint(err error) string {
	switch {
	case errors.Is(err, policy.ErrTooWide), errors.Is(err, session.ErrPolicyTooLarge), errors.Is(err, errNoPrefix):
		return shareNothing
	case errors.Is(err, errUnnarrowed):
		return "name the role to assume with --reader-role-arn, or give --narrow off to go on without"
	}
	return c.readerHint(err)
}

const shareNothing = "the keys of the receipts fit in no session policy and share no folder: verify fewer at once, or give --narrow off, and the session may read what its role may"

// withObject holds a receipt against its object.
func (c *checking) withObject(ctx context.Context, one *looked, moved func(int)) error {
	at := sightOf(one.receipt)
	reader := c.readers[at]
	if reader == nil {
		if err := c.refused[at]; err != nil {
			return err
		}
		return fmt.Errorf("%s: the receipts changed while they were read", one.place())
	}
	err := one.found.Object(ctx, one.receipt, reader, moved)
	return readingError(one.receipt, err)
}

// readingError is what an answer to a reader means, and its remedy.
func readingError(r *receipt.Receipt, err error) error {
	answer, ok := asAnswer(err)
	if !ok || errors.Is(err, verify.ErrUnclear) {
		return err
	}
	e := &sealift.Error{ID: r.Transfer, Op: string(answer.Operation), Code: answer.Code, RequestID: answer.RequestID, Err: err}
	encrypted := r.Object.Encryption != nil && strings.HasPrefix(*r.Object.Encryption, "aws:kms")
	switch class := s3wire.Classify(err); {
	case class == s3wire.Denied && encrypted:
		e.Err = fmt.Errorf("%w: %w", sealift.ErrDenied, err)
		key := "the KMS key"
		if r.Object.KMSKeyID != nil {
			key = *r.Object.KMSKeyID
		}
		return &advised{e, "the object is encrypted: the reader's policy and the key's must allow kms:Decrypt on " + key + ", beside s3:GetObject and s3:GetObjectVersion on the object"}
	case class == s3wire.Denied:
		e.Err = fmt.Errorf("%w: %w", sealift.ErrDenied, err)
		return &advised{e, "the reader's policy must allow s3:GetObject and s3:GetObjectVersion on the object, and s3:ListBucket to tell what is gone; sealift policy reader has it"}
	case class == s3wire.NoCredentials, class == s3wire.Expired:
		e.Err = fmt.Errorf("%w: %w", sealift.ErrDenied, err)
	case answer.Code == "InvalidObjectState":
		return &advised{e, "the object is archived: restore it first (aws s3api restore-object), or leave out --download"}
	}
	return e
}
