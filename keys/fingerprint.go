package keys

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Fingerprint names a key or subkey: upper-case hexadecimal without spaces, 40 digits for a
// v4 key, 64 for a v6 key (RFC 9580, section 5.5.4). The empty Fingerprint is no key.
type Fingerprint string

// FingerprintOf makes a Fingerprint of its bytes.
func FingerprintOf(b []byte) Fingerprint {
	return Fingerprint(strings.ToUpper(hex.EncodeToString(b)))
}

// ParseFingerprint accepts the ways people write a full fingerprint: any case, with spaces or
// colons, with or without 0x.
func ParseFingerprint(s string) (Fingerprint, error) {
	c := strings.NewReplacer(" ", "", "\u00a0", "", ":", "").Replace(strings.TrimSpace(s))
	c = strings.ToUpper(c)
	c = strings.TrimPrefix(c, "0X")
	if _, err := hex.DecodeString(c); err != nil || (len(c) != 40 && len(c) != 64) {
		return "", fmt.Errorf("%q is not a fingerprint (40 or 64 hexadecimal digits)", s)
	}
	return Fingerprint(c), nil
}

// KeyID is the 16-digit key id: the last eight octets of a v4 fingerprint, the first eight of
// a v6 one.
func (f Fingerprint) KeyID() string {
	switch len(f) {
	case 40:
		return string(f[24:])
	case 64:
		return string(f[:16])
	}
	return ""
}

// Grouped writes the fingerprint in groups of four with a double space in the middle, the way
// people compare it by eye.
func (f Fingerprint) Grouped() string {
	var b strings.Builder
	for i := 0; i < len(f); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
			if i == len(f)/2 {
				b.WriteByte(' ')
			}
		}
		b.WriteString(string(f[i:min(i+4, len(f))]))
	}
	return b.String()
}

// Short is "3E9C … EE87": for lists where trust is not decided.
func (f Fingerprint) Short() string {
	if len(f) < 12 {
		return string(f)
	}
	return string(f[:4]) + " … " + string(f[len(f)-4:])
}
