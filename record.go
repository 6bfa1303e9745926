package sealift

import (
	"cmp"
	"maps"
	"time"

	"github.com/sealift/sealift/internal/engine"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/receipt"
	"github.com/sealift/sealift/session"
)

// receipt is the record of an object that S3 has answered for.
func (u *Uploader) receipt(t *engine.Transfer, r engine.Result, o Object, started time.Time) *receipt.Receipt {
	out := &receipt.Receipt{
		Version: receipt.Version, Run: u.config.Run, Transfer: t.ID,
		Tool: receipt.Tool{Name: "sealift", Version: Version},
		Source: receipt.Source{Path: t.Source.Name(), Size: r.Plan.Size, Modified: r.Modified,
			SHA256: known(r.SHA256), CRC64NVME: r.Sum.String()},
		Object: receipt.Object{
			Bucket: o.Bucket, Key: o.Key, VersionID: known(r.Stored.VersionID), ETag: r.Stored.ETag, Size: r.Plan.Size,
			Checksum:   checksum(r.Stored, r.UploadID != ""),
			Encryption: known(r.Stored.Encryption), KMSKeyID: known(r.Stored.KMSKeyID),
			StorageClass: cmp.Or(r.Stored.StorageClass, o.StorageClass, "STANDARD"), Tags: tags(o.Tags),
		},
		Session: u.session(r.Signer),
		Started: started, Finished: time.Now().UTC(), BytesSent: r.Sent, Retries: r.Retries,
	}
	for _, s := range r.Spans {
		out.Sessions = append(out.Sessions, receipt.Span{KeyID: s.KeyID, Name: u.session(s.KeyID).Name, From: s.From, To: s.To})
	}
	if r.UploadID != "" {
		out.Multipart = &receipt.Multipart{UploadID: r.UploadID, PartSize: r.Plan.PartSize, Parts: r.Plan.Parts}
	}
	for _, a := range r.Requests {
		out.Requests = append(out.Requests, receipt.Request{Operation: string(a.Operation), RequestID: a.RequestID, ID2: a.ID2, Time: a.Time})
	}
	return out
}

// checksum is the one that S3 keeps; empty where it keeps none.
func checksum(s s3wire.Stored, ofParts bool) receipt.Checksum {
	if s.Checksum == "" {
		return receipt.Checksum{}
	}
	assumed := "FULL_OBJECT"
	if ofParts {
		assumed = s3wire.ChecksumType(s.Kind)
	}
	return receipt.Checksum{Algorithm: string(s.Kind), Type: cmp.Or(s.ChecksumType, assumed), Value: s.Checksum}
}

// session is what is known of the session with that key. Credentials that are
// no session.Session are known by their key alone.
func (u *Uploader) session(keyID string) receipt.Session {
	s := receipt.Session{KeyID: keyID, Narrowing: "off"}
	teller, ok := u.config.Credentials.(interface {
		Identity(accessKeyID string) (session.Identity, bool)
	})
	if !ok {
		return s
	}
	id, ok := teller.Identity(keyID)
	if !ok {
		return s
	}
	s.RoleARN, s.AssumedRoleARN, s.Name = known(id.RoleARN), known(id.AssumedRoleARN), id.Name
	s.SourceIdentity, s.PolicySHA256 = known(id.SourceIdentity), known(id.PolicySHA256)
	s.Narrowing = cmp.Or(string(id.Narrowing), "off")
	if !id.Expires.IsZero() {
		expires := id.Expires.UTC()
		s.Expires = &expires
	}
	return s
}

func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func tags(of map[string]string) map[string]string {
	if of == nil {
		return map[string]string{}
	}
	return maps.Clone(of)
}
