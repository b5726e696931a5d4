package record

import (
	"path/filepath"
	"testing"
)

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"urn:bulla:release:v1","subject":[],"predicate":{"tag":{"name":"v1"},"files":["a"]}}`))
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"urn:bulla:release:v1","predicate":{"tag":{"name":"v1"},"files":["../a"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := Parse(data)
		if err != nil {
			return
		}
		for _, n := range rec.Predicate.Files {
			if !filepath.IsLocal(filepath.FromSlash(n)) {
				t.Errorf("accepted %q", n)
			}
		}
	})
}

// TestParseRefuses: what readers could take for two different records is none.
func TestParseRefuses(t *testing.T) {
	const (
		head = `{"_type":"https://in-toto.io/Statement/v1","predicateType":"urn:bulla:release:v1",`
		a    = `{"name":"a","digest":{"sha256":"00"}}`
		b    = `{"name":"a","digest":{"sha256":"01"}}`
	)
	for text, good := range map[string]bool{
		head + `"subject":[` + a + `],"predicate":{"tag":{"name":"v1"},"files":["a"],"checksums":["b"]}}` + "\n": true,
		head + `"subject":[` + a + `,` + a + `],"predicate":{"tag":{"name":"v1"},"files":["a"]}}`:                true,
		head + `"subject":[` + a + `,` + b + `],"predicate":{"tag":{"name":"v1"},"files":["a"]}}`:                false,
		head + `"subject":[` + a + `],"predicate":{"tag":{"name":"v1"},"files":["a","a"]}}`:                      false,
		head + `"subject":[` + a + `],"predicate":{"tag":{"name":"v1"},"files":["a"],"checksums":["a"]}}`:        false,
		head + `"subject":[` + a + `],"predicate":{"tag":{"name":"v1"},"files":["a"]}}{"subject":[]}`:            false,
		head + `"subject":[` + a + `],"predicate":{"tag":{"name":"v1"},"files":["../a"]}}`:                       false,
		head + `"subject":[` + a + `],"predicate":{"tag":{"name":"a..b"},"files":["a"]}}`:                        false,
	} {
		if _, err := Parse([]byte(text)); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}
