package agent

import (
	"bytes"
	"strconv"
	"strings"

	"bulla/keys"
)

// listed is a public key as gpg --with-colons lists it.
type listed struct {
	fingerprint keys.Fingerprint
	userIDs     []string
	grips       map[keys.Fingerprint]string // of the primary key and its subkeys
}

// Fields of a record, counted from 0 (GnuPG's doc/DETAILS).
const (
	fieldType  = 0
	fieldValue = 9
)

// parseListing reads gpg --with-colons --with-keygrip --list-keys. Records and fields that it
// does not know are ignored, as GnuPG asks of its readers.
func parseListing(out []byte) []listed {
	var ring []listed
	var current keys.Fingerprint
	for line := range bytes.Lines(out) {
		f := strings.Split(strings.TrimRight(string(line), "\r\n"), ":")
		if f[fieldType] == "pub" {
			ring = append(ring, listed{grips: map[keys.Fingerprint]string{}})
			current = ""
			continue
		}
		if len(ring) == 0 || len(f) <= fieldValue {
			continue
		}
		k := &ring[len(ring)-1]
		switch f[fieldType] {
		case "sub":
			current = ""
		case "fpr":
			fpr, err := keys.ParseFingerprint(f[fieldValue])
			if err != nil {
				continue
			}
			current = fpr
			if k.fingerprint == "" {
				k.fingerprint = fpr
			}
		case "grp":
			if current != "" && validGrip(f[fieldValue]) {
				k.grips[current] = f[fieldValue]
			}
		case "uid":
			k.userIDs = append(k.userIDs, unescapeC(f[fieldValue]))
		}
	}
	return withFingerprint(ring)
}

// withFingerprint drops what can't be named, such as keys of versions 2 and 3.
func withFingerprint(ring []listed) []listed {
	kept := ring[:0]
	for _, k := range ring {
		if k.fingerprint != "" {
			kept = append(kept, k)
		}
	}
	return kept
}

// validGrip reports whether s is a keygrip: it goes into commands to the agent.
func validGrip(s string) bool {
	if len(s) != 40 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// unescapeC resolves the \xHH escapes of user ids.
func unescapeC(s string) string {
	if !strings.Contains(s, `\x`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], `\x`) && i+4 <= len(s) {
			if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
