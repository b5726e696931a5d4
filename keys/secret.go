package keys

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// ErrNoSecret is returned by [Secret.Use] when the Secret is empty or was destroyed.
var ErrNoSecret = errors.New("keys: the secret is empty or was destroyed")

// Secret holds a passphrase or another short secret. It shows itself as "[secret]" in every
// format, in JSON and in logs, and can be wiped.
//
// The bytes sit behind a func value, not in a field: encoders and dumpers walk fields by
// reflection, even unexported ones where fmt ignores a String method, but none of them calls
// a function.
type Secret struct{ get func() *[]byte }

// NewSecret takes ownership of b: the caller must not use b afterwards.
func NewSecret(b []byte) Secret {
	p := &b
	return Secret{get: func() *[]byte { return p }}
}

// Use lends the bytes to f, which must not keep or change them. It returns f's error, or
// ErrNoSecret.
func (s Secret) Use(f func([]byte) error) error {
	if s.get == nil || *s.get() == nil {
		return ErrNoSecret
	}
	return f(*s.get())
}

// Clone copies the secret, so that each holder can destroy its own.
func (s Secret) Clone() Secret {
	var c []byte
	if s.Use(func(b []byte) error { c = append(make([]byte, 0, len(b)), b...); return nil }) != nil {
		return Secret{}
	}
	return NewSecret(c)
}

// IsZero reports whether there is no secret: never set, or destroyed. An empty passphrase
// (zero bytes long, but set) is not zero.
func (s Secret) IsZero() bool { return s.get == nil || *s.get() == nil }

// Len is the length in bytes; 0 for no secret.
func (s Secret) Len() (n int) {
	_ = s.Use(func(b []byte) error { n = len(b); return nil })
	return n
}

// Destroy overwrites the bytes. Every copy of this Secret value sees it; a Clone does not.
func (s Secret) Destroy() {
	if s.get == nil {
		return
	}
	p := s.get()
	clear((*p)[:cap(*p)])
	*p = nil
}

// Equal compares in constant time.
func (s Secret) Equal(t Secret) (equal bool) {
	_ = s.Use(func(a []byte) error {
		return t.Use(func(b []byte) error { equal = subtle.ConstantTimeCompare(a, b) == 1; return nil })
	})
	return equal
}

// String returns a fixed word, never the secret.
func (Secret) String() string { return redacted }

// GoString returns a fixed word, never the secret.
func (Secret) GoString() string { return redacted }

// Format writes a fixed word for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns a fixed word, never the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns a fixed word, never the secret.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalBinary refuses: a secret is never serialised.
func (Secret) MarshalBinary() ([]byte, error) {
	return nil, errors.New("keys: a secret is not encodable")
}

// GobEncode refuses: a secret is never serialised.
func (Secret) GobEncode() ([]byte, error) { return nil, errors.New("keys: a secret is not encodable") }

// LogValue returns a fixed word, never the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
