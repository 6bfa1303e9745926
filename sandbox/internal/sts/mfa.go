package sts

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/awserr"
)

// checkMFA says whether the call carries a valid code, and tells ctx so. A
// code is TOTP of the device's seed, now or one step aside, or the fixed code
// of Service.MFACode.
func (s *Service) checkMFA(p params, user *account.User, ctx map[string][]string) (bool, *awserr.Error) {
	if p.serial == "" && p.code == "" {
		return false, nil
	}
	var device account.Device
	known := false
	if user != nil {
		device, known = user.Device(p.serial)
	}
	if !known {
		return false, awserr.Denied("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
	}
	if !s.validCode(device, p.code) {
		return false, awserr.Denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	ctx["aws:MultiFactorAuthPresent"] = []string{"true"}
	ctx["aws:MultiFactorAuthAge"] = []string{"0"}
	return true, nil
}

func (s *Service) validCode(d account.Device, code string) bool {
	if s.MFACode != "" && code == s.MFACode {
		return true
	}
	now := s.Now()
	for step := -1; step <= 1; step++ {
		want, err := TOTP(d.Seed, now.Add(time.Duration(step)*totpStep))
		if err == nil && hmac.Equal([]byte(want), []byte(code)) {
			return true
		}
	}
	return false
}

const totpStep = 30 * time.Second

// TOTP is the six-digit code of RFC 6238 for a base32 seed at a time.
func TOTP(seed string, at time.Time) (string, error) {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(seed)
	if err != nil {
		return "", fmt.Errorf("decode MFA seed: %w", err)
	}
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at.Unix()/int64(totpStep.Seconds())))
	h := hmac.New(sha1.New, key)
	h.Write(counter[:])
	sum := h.Sum(nil)
	at4 := sum[len(sum)-1] & 0x0f
	number := binary.BigEndian.Uint32(sum[at4:]) & 0x7fffffff
	return fmt.Sprintf("%06d", number%1_000_000), nil
}
