package workflow

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// TestRecordBinds changes one thing that a record binds at a time, signs everything anew as its maker
// could, and wants the verdict on that thing to be bad.
func TestRecordBinds(t *testing.T) {
	b := newBench(t)
	res := b.release(b.choices())
	dist := filepath.Dir(res.Record)
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dist, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	sign := func(name string, data []byte) {
		path := b.write("dist/"+name, string(data))
		_ = os.Remove(path + ".asc")
		if _, err := SignFiles(context.Background(), b.world, b.repo, []string{path}, keys.ParseSelector(string(b.key.Fingerprint)), answer, SignFilesOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	rec, list := read(record.Name), string(read("SHA256SUMS"))
	other := b.anotherKey("other@example.org")
	zero := strings.Repeat("0", 64)
	first, _, _ := strings.Cut(list, "\n")
	for name, tt := range map[string]struct {
		record func(*record.Statement)
		list   string
		bad    keys.Kind
	}{
		"nothing":                 {},
		"the tag's object":        {record: func(r *record.Statement) { r.Predicate.Tag.Object = zero[:40] }, bad: keys.KindTag},
		"the tag's commit":        {record: func(r *record.Statement) { r.Predicate.Tag.Commit = zero[:40] }, bad: keys.KindTag},
		"the signer":              {record: func(r *record.Statement) { r.Predicate.Signer.Fingerprint = other }, bad: keys.KindRecord},
		"a file's digest":         {record: func(r *record.Statement) { r.Subject[2].Digest = map[string]string{"sha256": zero} }, bad: keys.KindArtifact},
		"a file without a digest": {record: func(r *record.Statement) { r.Subject[2].Name = "another" }, bad: keys.KindArtifact},
		"a digest in the list":    {list: zero + first[64:] + list[len(first):], bad: keys.KindChecksum},
		"a line more":             {list: list + zero + "  more\n", bad: keys.KindChecksum},
		"a line less":             {list: list[len(first)+1:], bad: keys.KindChecksum},
	} {
		t.Run(name, func(t *testing.T) {
			data, sums := rec, list
			if tt.record != nil {
				r, err := record.Parse(rec)
				if err != nil {
					t.Fatal(err)
				}
				tt.record(&r)
				if data, err = json.Marshal(r); err != nil {
					t.Fatal(err)
				}
			}
			if tt.list != "" {
				sums = tt.list
			}
			sign(record.Name, data)
			sign("SHA256SUMS", []byte(sums))
			v, err := b.verifier(nil)
			if err != nil {
				t.Fatal(err)
			}
			vs, err := v.Verify(context.Background(), []string{"file:" + filepath.Join(dist, record.Name)})
			if err != nil {
				t.Fatal(err)
			}
			found := map[keys.Kind]bool{}
			for _, f := range verify.Failing(vs, false) {
				// The list has the digests of the files, too.
				if found[f.Kind] = true; f.Status != keys.StatusBad || f.Kind != tt.bad && f.Kind != keys.KindChecksum {
					t.Errorf("%s %s: %s (%s), want a bad %s", f.Kind, f.Target, f.Status, f.Reason, tt.bad)
				}
			}
			if tt.bad == "" && len(found) > 0 || tt.bad != "" && !found[tt.bad] {
				t.Errorf("%v fail, want %q", found, tt.bad)
			}
		})
	}
}
