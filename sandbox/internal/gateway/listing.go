package gateway

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3response"
)

// ListMultipartUploads also tells who opened each upload and when: the engine
// takes the time of the last part for that. It cuts pages itself, because the
// engine refuses the markers it gave.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
// (recalled, not read again for this code). It orders the uploads of a key by
// time and compares markers with ids as text; here a page goes on behind the
// marker's upload, and if that is gone with all uploads of its key: none is
// skipped.
func (s *Store) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (s3response.ListMultipartUploadsResult, error) {
	all, err := s.openUploads(ctx, in)
	if err != nil {
		return all, err
	}
	uploads := all.Uploads
	for i := range uploads {
		s.remember(*in.Bucket, &uploads[i])
	}
	slices.SortStableFunc(uploads, func(a, b s3response.Upload) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), a.Initiated.Compare(b.Initiated))
	})
	page := s3response.ListMultipartUploadsResult{
		Bucket: *in.Bucket, Prefix: aws.ToString(in.Prefix), Delimiter: aws.ToString(in.Delimiter),
		KeyMarker: aws.ToString(in.KeyMarker), UploadIDMarker: aws.ToString(in.UploadIdMarker),
		MaxUploads: int(aws.ToInt32(in.MaxUploads)),
	}
	fill(&page, behind(uploads, page.KeyMarker, page.UploadIDMarker))
	return page, nil
}

// looks is how often the engine is asked for a list. It fails when an upload
// ends between the reading of a folder and the look at what is in it.
const looks = 50

// openUploads are all that the engine knows below the prefix.
func (s *Store) openUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (all s3response.ListMultipartUploadsResult, err error) {
	for range looks {
		all, err = s.Posix.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{
			Bucket: in.Bucket, Prefix: in.Prefix, MaxUploads: aws.Int32(math.MaxInt32),
		})
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return all, err
}

// remember adds what the engine forgets of an open upload.
func (s *Store) remember(bucket string, entry *s3response.Upload) {
	entry.Owner = s.owner()
	u, ok := s.uploads.Find(bucket, entry.Key, entry.UploadID)
	if !ok {
		return
	}
	entry.Initiator, entry.Initiated = initiator(u), u.Started
	if u.StorageClass != "" {
		entry.StorageClass = types.StorageClass(u.StorageClass)
	}
}

// behind gives the uploads that come after the markers. An id without a key
// means nothing.
func behind(uploads []s3response.Upload, key, id string) []s3response.Upload {
	if key == "" {
		return uploads
	}
	for i, u := range uploads {
		if u.Key == key && u.UploadID == id {
			return uploads[i+1:]
		}
	}
	for i, u := range uploads {
		if u.Key > key || u.Key == key && id != "" {
			return uploads[i:]
		}
	}
	return nil
}

// fill puts uploads on the page until it is full. Keys with the delimiter
// behind the prefix count once together, and a marker may name such a group.
func fill(page *s3response.ListMultipartUploadsResult, uploads []s3response.Upload) {
	last, lastID := "", ""
	for _, u := range uploads {
		group := ""
		if rest := u.Key[len(page.Prefix):]; page.Delimiter != "" {
			if before, _, found := strings.Cut(rest, page.Delimiter); found {
				group = page.Prefix + before + page.Delimiter
			}
		}
		if group != "" && (group == last || group == page.KeyMarker) {
			continue
		}
		if len(page.Uploads)+len(page.CommonPrefixes) >= page.MaxUploads {
			page.IsTruncated = page.MaxUploads > 0
			break
		}
		if group != "" {
			page.CommonPrefixes = append(page.CommonPrefixes, s3response.CommonPrefix{Prefix: group})
			last, lastID = group, ""
		} else {
			page.Uploads = append(page.Uploads, u)
			last, lastID = u.Key, u.UploadID
		}
	}
	if page.IsTruncated {
		page.NextKeyMarker, page.NextUploadIDMarker = last, lastID
	}
}
