package wkd

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestLocate(t *testing.T) {
	// The example of the draft.
	p, err := Locate("Joe.Doe@Example.ORG", Advanced)
	if err != nil || p.URL != "https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe" {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = Locate("Joe.Doe@Example.ORG", Direct)
	if err != nil || p.URL != "https://example.org/.well-known/openpgpkey/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe" || p.Policy != "/.well-known/openpgpkey/policy" {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{"", "ada", "@example.org", "ada@", "ada@../..", "ada@a/b", "ada@127.0.0.1:80", "a da@example.org"} {
		if p, err := Locate(bad, Advanced); err == nil {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

func FuzzLocate(f *testing.F) {
	f.Add("Joe.Doe@Example.ORG")
	f.Add("ä@bücher.example")
	f.Fuzz(func(t *testing.T, address string) {
		for _, m := range Methods {
			p, err := Locate(address, m)
			if err != nil {
				continue
			}
			u, err := url.Parse(p.URL)
			if err != nil || u.Host != p.Host || u.Path != p.Path || path.Clean(p.Path) != p.Path || !strings.HasPrefix(p.Path, "/.well-known/openpgpkey/") {
				t.Fatalf("%q: %+v, %v", address, p, err)
			}
		}
	})
}
