package docker

import (
	"errors"
	"strings"
	"testing"
)

const someDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParseReference(t *testing.T) {
	for _, c := range []struct {
		in, full, registry, repository, tag, digest string
		plain                                       bool
	}{
		{"ghcr.io/acme/app:1.4.0", "ghcr.io/acme/app:1.4.0", "ghcr.io", "ghcr.io/acme/app", "1.4.0", "", false},
		{"acme/app:v1", "docker.io/acme/app:v1", "index.docker.io", "docker.io/acme/app", "v1", "", false},
		{"docker.io/acme/app:v1", "docker.io/acme/app:v1", "index.docker.io", "docker.io/acme/app", "v1", "", false},
		{"alpine:3.20", "docker.io/library/alpine:3.20", "index.docker.io", "docker.io/library/alpine", "3.20", "", false},
		{"localhost:5000/a/b/c:x", "localhost:5000/a/b/c:x", "localhost:5000", "localhost:5000/a/b/c", "x", "", true},
		{"127.0.0.1:5000/a:x", "127.0.0.1:5000/a:x", "127.0.0.1:5000", "127.0.0.1:5000/a", "x", "", true},
		{"192.168.1.9/a:x", "192.168.1.9/a:x", "192.168.1.9", "192.168.1.9/a", "x", "", true},
		{"r.example/a@" + someDigest, "r.example/a@" + someDigest, "r.example", "r.example/a", "", someDigest, false},
		{"r.example:443/a:t@" + someDigest, "r.example:443/a:t@" + someDigest, "r.example:443", "r.example:443/a", "t", someDigest, false},
		{"r.example/a__b/c-.d:x", "", "", "", "", "", false},
	} {
		r, err := ParseReference(c.in)
		if c.full == "" {
			if err == nil {
				t.Errorf("%s: accepted as %s", c.in, r)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if r.String() != c.full || r.Registry() != c.registry || r.Repository().String() != c.repository || r.Tag() != c.tag || r.Digest() != c.digest || r.PlainHTTP() != c.plain {
			t.Errorf("%s: got %s, %s, %s, %q, %q, %v", c.in, r, r.Registry(), r.Repository(), r.Tag(), r.Digest(), r.PlainHTTP())
		}
		again, err := ParseReference(r.String())
		if err != nil || again.String() != r.String() {
			t.Errorf("%s does not survive being written and read: %v, %v", r, again, err)
		}
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	for in, reason := range map[string]string{
		"":                           "empty",
		"ghcr.io/acme/app":           ":latest by accident",
		"localhost:5000/app":         ":latest by accident",
		"https://ghcr.io/acme/app:1": "scheme",
		"ghcr.io/acme/app:":          "a tag is",
		"ghcr.io/acme/app:.x":        "a tag is",
		"ghcr.io/acme/app:a b":       "a space",
		"BAD REF":                    "a space",
		"BAD":                        "lower-case",
		"ghcr.io/Acme/app":           "lower-case",
		"ghcr.io/Acme/app:1":         "lower-case",
		"ghcr.io/acme/../app:1":      "lower-case",
		"ghcr.io/acme//app:1":        "lower-case",
		"ghcr.io/acme/app\x1b[31m:1": "lower-case",
		"ghcr.io/acme/app@sha256:12": "a digest is",
		"ghcr.io/acme/app@" + strings.Replace(someDigest, "sha256", "sha512", 1): "a digest is",
		"ghcr.io/acme/app@" + strings.ToUpper(someDigest):                        "a digest is",
		"ghcr.io/a@" + someDigest + "@" + someDigest:                             "a digest is",
		strings.Repeat("a", 2000) + ":1":                                         "longer than",
	} {
		_, err := ParseReference(in)
		var re *ReferenceError
		if !errors.As(err, &re) || !strings.Contains(re.Reason, reason) {
			t.Errorf("%.40q: got %v, want a reason with %q", in, err, reason)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"ghcr.io/acme/app:1", "a:b", "a@" + someDigest, "localhost:5000/x:y@" + someDigest, "[::1]:5000/x:y", "a/b:c/d", ":::", "@", "x:y@z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseReference(s)
		if err != nil {
			return
		}
		if r.Tag() == "" && r.Digest() == "" {
			t.Fatalf("%q names nothing", s)
		}
		if strings.Contains(r.repo.RepositoryStr(), "..") || strings.ContainsAny(r.String(), " \x00\x1b%?#\\") {
			t.Fatalf("%q became %q", s, r)
		}
		again, err := ParseReference(r.String())
		if err != nil || again.String() != r.String() {
			t.Fatalf("%q: %q does not survive: %q, %v", s, r, again, err)
		}
	})
}
