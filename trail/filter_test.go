package trail_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sealift/sealift/trail"
)

// Filters of every kind, some that keep much, some nothing.
func filters() []trail.Filter {
	return []trail.Filter{
		{},
		{Names: []string{"PutObject"}},
		{Names: []string{"UploadPart", "AssumeRole", "a\"b"}},
		{From: start.Add(time.Minute)},
		{From: start.Add(time.Minute), To: start.Add(3 * time.Minute)},
		{Principal: "arn:aws:sts::123456789012:assumed-role/role-1/sealift-01K0"},
		{Principal: "AKIAEXAMPLEUSER"},
		{Principal: "uploader"},
		{Role: "s3-uploader-role"},
		{Role: "role-2"},
		{Role: "arn:aws:iam::123456789012:role/s3-uploader-role"},
		{Role: "arn:aws:iam::210987654321:role/s3-uploader-role"},
		{Bucket: "bucket-1"},
		{Prefix: "in/7"},
		{Bucket: "bucket-2", Prefix: "in/"},
		{Bucket: "bucket-2", Prefix: "in/", Names: []string{"PutObject"}, Role: "s3-uploader-role", To: start.Add(time.Hour)},
	}
}

// What is passed over undecoded is what would not be kept, however strings are
// escaped and wherever white space stands.
func TestThePrefilterDropsNothingThatIsWanted(t *testing.T) {
	m := newMaker(6)
	kept := 0
	for range 40 {
		text := disguised(m.Rand, m.file(20))
		for _, f := range filters() {
			kept += agree(t, text, f)
		}
	}
	if kept == 0 {
		t.Error("no filter kept anything")
	}
}

// agree reads with the filter and without, and tells how much was kept.
func agree(t *testing.T, text string, f trail.Filter) int {
	t.Helper()
	all, _ := read(text, trail.Options{})
	got, _ := read(text, trail.Options{Filter: f})
	var want, have []int64
	for _, e := range all {
		if f.Keep(e) {
			want = append(want, e.Position.Offset)
		}
	}
	for _, e := range got {
		have = append(have, e.Position.Offset)
	}
	if fmt.Sprint(want) != fmt.Sprint(have) {
		t.Fatalf("%+v: kept those at %v, want %v, of\n%s", f, have, want, text)
	}
	return len(have)
}

// disguised writes some letters as escapes, and some white space between.
func disguised(r *rand.Rand, text string) string {
	var b strings.Builder
	quoted := false
	odds := []int{10, 200, 1 << 30}[r.IntN(3)]
	slashes := r.IntN(2) == 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\':
			b.WriteString(text[i : i+2])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted && c == '/' && (slashes || r.IntN(odds) == 0):
			b.WriteByte('\\')
		case quoted && r.IntN(odds) == 0:
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		case !quoted && r.IntN(odds) == 0:
			b.WriteString(" \n\t")
		}
		b.WriteByte(c)
	}
	return b.String()
}

func FuzzThePrefilterDropsNothingThatIsWanted(f *testing.F) {
	m := newMaker(7)
	for i := range filters() {
		f.Add(m.file(3), "PutObject", "", i)
	}
	f.Add(`[{"@timestamp":"2026-11-25T00:00:10Z","eventName":"a/b","requestParameters":{"eventTime":"2020-01-01T00:00:00Z"}}]`, `a/b`, "", 3)
	f.Add(`{"Records":[{},`+one+`,]}`, "One", "in/", 4)
	f.Fuzz(func(t *testing.T, text, name, prefix string, which int) {
		all := filters()
		filter := all[uint(which)%uint(len(all))]
		if name != "" {
			filter.Names = append(filter.Names, name)
		}
		if prefix != "" {
			filter.Prefix = prefix
		}
		agree(t, text, filter)
	})
}

// The table says which events each filter is about.
func TestFiltersKeepWhatTheySay(t *testing.T) {
	put := `{"eventTime":"2026-11-25T01:02:03Z","eventName":"PutObject","requestParameters":{"bucketName":"b","key":"in/a"},"resources":[{"ARN":"arn:aws:s3:::b/in/a"},{"ARN":"arn:aws:s3:::b"}],` +
		`"userIdentity":{"arn":"arn:aws:sts::1:assumed-role/r/s","accessKeyId":"ASIA1","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::1:role/team/r","userName":"r"}}}}`
	get := `{"eventTime":"2026-11-25T01:02:04Z","eventName":"GetObject","requestParameters":null,"resources":{"ARN":"arn:aws-cn:s3:::c/out/a"}}`
	denied := `{"eventTime":"2026-11-25T01:02:05Z","eventName":"AssumeRole","errorCode":"AccessDenied","requestParameters":null,` +
		`"errorMessage":"User: arn:aws:iam::1:user/u is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/team/r"}`
	assumed := `{"eventTime":"2026-11-25T01:02:06Z","eventName":"AssumeRole","requestParameters":{"roleArn":"arn:aws:iam::1:role/team/r"}}`
	odd := `{"eventTime":"2026-11-25T01:02:02Z","eventName":"O\"d","userIdentity":{"userName":"a\\b"},"requestParameters":{"bucketName":"d","key":"in/\"q\"\n"}}`
	text := `{"Records":[` + strings.Join([]string{put, get, denied, assumed, odd}, ",") + `]}`
	at := time.Date(2026, 11, 25, 1, 2, 4, 0, time.UTC)
	for _, c := range []struct {
		filter trail.Filter
		want   string
	}{
		{trail.Filter{}, "PutObject GetObject AssumeRole AssumeRole O\"d"},
		{trail.Filter{Names: []string{`O"d`}}, `O"d`},
		{trail.Filter{Prefix: `in/"q"`}, `O"d`},
		{trail.Filter{Principal: `a\b`}, `O"d`},
		{trail.Filter{Bucket: "d", Prefix: "in/\"q\"\n"}, `O"d`},
		{trail.Filter{Role: "r"}, "PutObject AssumeRole AssumeRole"},
		{trail.Filter{Role: "arn:aws:iam::1:role/team/r"}, "PutObject AssumeRole AssumeRole"},
		{trail.Filter{Role: "arn:aws:iam::1:role/other/r"}, "PutObject"},
		{trail.Filter{Role: "arn:aws:iam::2:role/team/r"}, ""},
		{trail.Filter{Role: "team"}, ""},
		{trail.Filter{Principal: "ASIA1"}, "PutObject"},
		{trail.Filter{Bucket: "b"}, "PutObject"},
		{trail.Filter{Bucket: "c"}, "GetObject"},
		{trail.Filter{Prefix: "out/"}, "GetObject"},
		{trail.Filter{Bucket: "b", Prefix: "out/"}, ""},
		{trail.Filter{From: at}, "GetObject AssumeRole AssumeRole"},
		{trail.Filter{To: at}, "PutObject O\"d"},
		{trail.Filter{From: at, To: at.Add(time.Second)}, "GetObject"},
		{trail.Filter{Names: []string{"GetObject", "HeadObject"}}, "GetObject"},
	} {
		got, faults := read(text, trail.Options{Filter: c.filter})
		if names(got) != c.want || len(faults) > 0 {
			t.Errorf("%+v keeps %q, want %q; %v", c.filter, names(got), c.want, faults)
		}
	}
}
