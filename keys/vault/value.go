package vault

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"

	"bulla/keys"
)

// MaxKeychainValue is the longest value, in bytes and as encoded, that every keychain takes:
// Windows stops at 2560 bytes, macOS at about 3000 with our names.
const MaxKeychainValue = 2000

// valuePrefix marks a value that is not stored as it is. KeePassXC silently corrupts what is
// not UTF-8, and a NUL ends a string in more than one place on the way.
const valuePrefix = "bulla-b64:"

// errNotBase64 stands for the decoder's error, which tells too much of the value.
var errNotBase64 = errors.New("vault: the keychain's value is not valid base64")

// encodeValue makes the text that goes into a keychain: the passphrase itself where that is
// plain UTF-8, so that other tools can read it, base64 otherwise.
func encodeValue(s keys.Secret) (v string, err error) {
	err = s.Use(func(b []byte) error {
		if len(b) > MaxKeychainValue {
			return ErrTooBig
		}
		if v = string(b); !plain(v) {
			v = valuePrefix + base64.StdEncoding.EncodeToString(b)
		}
		if len(v) > MaxKeychainValue {
			v = ""
			return ErrTooBig
		}
		return nil
	})
	return v, err
}

// plain reports whether a value survives every keychain as it is: no control characters, and no
// white space at the ends, which macOS's tool and many editors drop.
func plain(v string) bool {
	return utf8.ValidString(v) && !strings.HasPrefix(v, valuePrefix) && v == strings.TrimSpace(v) &&
		v != "" && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// decodeValue reads what encodeValue wrote, or what another tool stored.
func decodeValue(v string) (keys.Secret, error) {
	enc, ok := strings.CutPrefix(v, valuePrefix)
	if !ok {
		return keys.NewSecret([]byte(v)), nil
	}
	b, err := base64.StdEncoding.DecodeString(enc)
	if err != nil {
		return keys.Secret{}, errNotBase64
	}
	return keys.NewSecret(b), nil
}
