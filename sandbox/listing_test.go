package sandbox_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Pages of any size, put together, are the whole list, in order.
func TestOpenUploadsPageByPage(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	var want []string // in order: by key, then by time
	for _, key := range []string{"a/1", "a/2", "a/2", "a/2", "b", "c/x/1", "c/y", "d e+f", "é"} {
		want = append(want, key+" "+open(t, c, b.Bucket, key).id)
	}
	for _, list := range []struct {
		prefix, delimiter string
		want              []string
	}{
		{"", "", want},
		{"a/", "", want[:4]},
		{"", "/", append(append([]string{"a/", want[4], "c/"}, want[7]), want[8])},
		{"c/", "/", []string{"c/x/", want[6]}},
		{"none", "/", nil},
	} {
		for _, size := range []int32{1, 2, 3, 1000} {
			got, pages := uploadsOf(t, c, &s3.ListMultipartUploadsInput{Bucket: &b.Bucket, Prefix: &list.prefix, Delimiter: &list.delimiter, MaxUploads: &size})
			if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(list.want))) {
				t.Errorf("prefix %q, delimiter %q, %d a page: got %q, want %q", list.prefix, list.delimiter, size, got, list.want)
			}
			if most := max(1, (len(list.want)+int(size)-1)/int(size)); pages != most {
				t.Errorf("prefix %q, delimiter %q, %d a page: %d pages, want %d", list.prefix, list.delimiter, size, pages, most)
			}
		}
	}
	list := must[*s3.ListMultipartUploadsOutput](t)(c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &b.Bucket}))
	for i, u := range list.Uploads {
		if got := *u.Key + " " + *u.UploadId; got != want[i] {
			t.Errorf("place %d: got %s, want %s", i, got, want[i])
		}
	}
}

// uploadsOf reads all pages: KEY ID of each upload, and common prefixes.
func uploadsOf(t *testing.T, c *s3.Client, in *s3.ListMultipartUploadsInput) (all []string, pages int) {
	t.Helper()
	for pages = 1; pages < 100; pages++ {
		page := must[*s3.ListMultipartUploadsOutput](t)(c.ListMultipartUploads(t.Context(), in))
		for _, u := range page.Uploads {
			all = append(all, *u.Key+" "+*u.UploadId)
		}
		for _, p := range page.CommonPrefixes {
			all = append(all, *p.Prefix)
		}
		if !aws.ToBool(page.IsTruncated) {
			return all, pages
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
	t.Fatal("the list has no end")
	return nil, 0
}

// Housekeeping aborts what it lists. The next page must skip nothing, though
// the upload that the marker names is gone.
func TestPagesSurviveAborts(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	for range 3 {
		open(t, c, b.Bucket, "a")
		open(t, c, b.Bucket, "b")
	}
	in := &s3.ListMultipartUploadsInput{Bucket: &b.Bucket, MaxUploads: aws.Int32(1)}
	for range 6 {
		page := must[*s3.ListMultipartUploadsOutput](t)(c.ListMultipartUploads(t.Context(), in))
		for _, u := range page.Uploads {
			must[*s3.AbortMultipartUploadOutput](t)(c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &b.Bucket, Key: u.Key, UploadId: u.UploadId}))
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
	if left, _ := uploadsOf(t, c, &s3.ListMultipartUploadsInput{Bucket: &b.Bucket}); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// Initiated is when an upload was created, however late its parts come: its
// age is what housekeeping goes by.
func TestInitiatedIsWhenItBegan(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	u := open(t, c, b.Bucket, "k")
	before := time.Now()
	time.Sleep(1100 * time.Millisecond) // times are whole seconds
	u.send(t, []byte(strings.Repeat("x", 100)))
	list := must[*s3.ListMultipartUploadsOutput](t)(c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &b.Bucket}))
	if got := *list.Uploads[0].Initiated; got.After(before) {
		t.Errorf("got %v, it began before %v", got, before)
	}
}

// A list that is read while uploads come and go is whole all the same.
func TestListingWhileUploadsEnd(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	stays := open(t, c, b.Bucket, "stays").id
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for ctx.Err() == nil {
				key := aws.String("goes/" + strconv.Itoa(i))
				out, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b.Bucket, Key: key})
				if err == nil {
					_, err = c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &b.Bucket, Key: key, UploadId: out.UploadId})
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 300 {
		list, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &b.Bucket})
		if err != nil {
			t.Error(err)
			break
		}
		if n := len(list.Uploads); n == 0 || *list.Uploads[n-1].UploadId != stays {
			t.Errorf("got %d uploads, without the one that stays", n)
		}
	}
	stop()
	group.Wait()
}
