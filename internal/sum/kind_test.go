package sum

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"
)

// real is the sum of data by the standard library, as S3 writes it.
func real(k Kind, data []byte) string {
	var raw []byte
	switch k {
	case CRC64NVME:
		return Of(data).String()
	case CRC32:
		raw = binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(data))
	case CRC32C:
		raw = binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	case SHA1:
		s := sha1.Sum(data)
		raw = s[:]
	case SHA256:
		s := sha256.Sum256(data)
		raw = s[:]
	case None:
		s := md5.Sum(data)
		raw = s[:]
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// cut cuts data anywhere into as many parts, empty ones among them.
func cut(data []byte, parts int) [][]byte {
	ends := []int{len(data)}
	for range parts - 1 {
		ends = append(ends, rand.IntN(len(data)+1))
	}
	slices.Sort(ends)
	var all [][]byte
	from := 0
	for _, end := range ends {
		all = append(all, data[from:end])
		from = end
	}
	return all
}

// Cut anywhere, a CRC of the whole comes from those of the parts; of a hash,
// the hash of the parts' hashes, as S3 writes it.
func TestWholeIsMadeOfItsParts(t *testing.T) {
	data := make([]byte, 1<<14)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for _, k := range Kinds() {
		for range 200 {
			all := data[:rand.IntN(len(data)+1)]
			parts := cut(all, 1+rand.IntN(5))
			var pieces []Piece
			var hashes []byte
			for _, part := range parts {
				tally := NewTally(k)
				half := rand.IntN(len(part) + 1)
				tally.Write(part[:half])
				tally.Write(part[half:])
				if got := tally.Sums().Told(k); got != real(k, part) {
					t.Fatalf("%s of %d bytes is %s, want %s", k, len(part), got, real(k, part))
				}
				pieces = append(pieces, Piece{tally.Sums(), int64(len(part))})
				raw, _ := base64.StdEncoding.DecodeString(real(k, part))
				hashes = append(hashes, raw...)
			}
			got, err := k.Whole(pieces)
			if err != nil {
				t.Fatal(err)
			}
			want := real(k, all)
			switch {
			case k.Composite():
				want = fmt.Sprintf("%s-%d", real(k, hashes), len(parts))
			case k == None:
				sum := md5.Sum(hashes)
				want = fmt.Sprintf("%s-%d", hex.EncodeToString(sum[:]), len(parts))
			}
			if got.Told(k) != want || got.CRC != Of(all) {
				t.Fatalf("%s of %d parts is %s, want %s", k, len(parts), got.Told(k), want)
			}
		}
	}
}

// A part without its sum must not come out as one of other bytes.
func TestWholeRefusesPartsWithoutTheirSum(t *testing.T) {
	for _, k := range Kinds()[1:] {
		for _, other := range []string{"", "AAAA", "no base64", Of(nil).String()} {
			if got, err := k.Whole([]Piece{{Sums{Other: other}, 1}}); err == nil {
				t.Errorf("%s of %q is %+v", k, other, got)
			}
		}
	}
}

func TestETagOfAnMD5(t *testing.T) {
	tally := NewTally(None)
	tally.Write([]byte("a"))
	if got := tally.Sums().ETag(); got != "0cc175b9c0f1b6a831c399e269772661" {
		t.Errorf("ETag is %s", got)
	}
}

func TestKindsAreNamedInAnyCase(t *testing.T) {
	for name, want := range map[string]Kind{"": CRC64NVME, "crc32c": CRC32C, "SHA256": SHA256, "None": None} {
		if got, err := ParseKind(name); err != nil || got != want {
			t.Errorf("%q is %s, %v", name, got, err)
		}
	}
	if _, err := ParseKind("md5"); err == nil {
		t.Error("md5 is a kind")
	}
}
