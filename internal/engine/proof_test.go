package engine

import (
	"strings"
	"testing"

	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sum"
)

// What S3 says is proof only if it is the whole's own sum, of the kind and the
// type that were asked for.
func TestWhatAnAnswerIsWorth(t *testing.T) {
	whole := sum.Sums{CRC: 7, Other: "b3RoZXI="}
	md5 := strings.Repeat("ab", 16)
	for _, c := range []struct {
		name  string
		kind  sum.Kind
		parts int
		s     s3wire.Stored
		want  belief
	}{
		{"its CRC", "", 2, s3wire.Stored{Kind: sum.CRC64NVME, Checksum: whole.CRC.String(), ChecksumType: "FULL_OBJECT"}, proven},
		{"its CRC, no type", sum.CRC64NVME, 2, s3wire.Stored{Kind: sum.CRC64NVME, Checksum: whole.CRC.String()}, proven},
		{"another CRC", "", 2, s3wire.Stored{Kind: sum.CRC64NVME, Checksum: "x"}, contradicted},
		{"nothing", "", 2, s3wire.Stored{Kind: sum.CRC64NVME, ETag: whole.ETag()}, silent},
		{"its sum of parts for a CRC", sum.CRC32, 2, s3wire.Stored{Kind: sum.CRC32, Checksum: whole.Other, ChecksumType: "COMPOSITE"}, contradicted},
		{"its sum by another name", sum.CRC32, 2, s3wire.Stored{Kind: sum.CRC32C, Checksum: whole.Other, ChecksumType: "FULL_OBJECT"}, silent},
		{"its SHA of parts", sum.SHA256, 2, s3wire.Stored{Kind: sum.SHA256, Checksum: whole.Other, ChecksumType: "COMPOSITE"}, proven},
		{"its SHA of parts as of the whole", sum.SHA256, 2, s3wire.Stored{Kind: sum.SHA256, Checksum: whole.Other, ChecksumType: "FULL_OBJECT"}, contradicted},
		{"its SHA", sum.SHA256, 1, s3wire.Stored{Kind: sum.SHA256, Checksum: whole.Other, ChecksumType: "FULL_OBJECT"}, proven},
		{"its SHA as of parts", sum.SHA256, 1, s3wire.Stored{Kind: sum.SHA256, Checksum: whole.Other, ChecksumType: "COMPOSITE"}, contradicted},
		{"none, and its CRC", sum.None, 2, s3wire.Stored{Kind: sum.CRC64NVME, Checksum: whole.CRC.String(), ETag: `"` + md5 + `-2"`}, proven},
		{"none, and another CRC", sum.None, 2, s3wire.Stored{Kind: sum.CRC64NVME, Checksum: "x", ETag: `"` + md5 + `-2"`}, contradicted},
		{"none, and its MD5", sum.None, 2, s3wire.Stored{Kind: sum.CRC64NVME, ETag: `"` + md5 + `-2"`}, proven},
		{"none, and another MD5", sum.None, 2, s3wire.Stored{Kind: sum.CRC64NVME, ETag: `"` + strings.Repeat("cd", 16) + `-2"`}, contradicted},
		{"none, and another MD5 by KMS", sum.None, 2, s3wire.Stored{Kind: sum.CRC64NVME, ETag: strings.Repeat("cd", 16) + "-2", Encryption: "aws:kms"}, silent},
		{"none, and of more parts", sum.None, 2, s3wire.Stored{Kind: sum.CRC64NVME, ETag: md5 + "-3"}, silent},
		{"none, and of no parts", sum.None, 2, s3wire.Stored{Kind: sum.CRC64NVME, ETag: md5}, silent},
		{"none, and no ETag", sum.None, 2, s3wire.Stored{Kind: sum.CRC64NVME}, silent},
	} {
		w := whole
		if c.kind == sum.None {
			w.Other = md5 + "-2"
		}
		tr := &Transfer{Object: s3wire.Object{Kind: c.kind}, plan: plan.Plan{Size: 10, PartSize: 5, Parts: c.parts}}
		if got := tr.judge(c.s, w); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
