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
