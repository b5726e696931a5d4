package workflow

import (
	"os"
	"path/filepath"
	"testing"

	"bulla/keys"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// TestSignatureNamed: who names a signature has it judged, whatever lies beside it, and a list or record
// is judged with all that it names.
func TestSignatureNamed(t *testing.T) {
	b := newBench(t)
	res := b.release(b.choices())
	dist := filepath.Dir(res.Record)
	in := func(name string) string { return filepath.Join(dist, name) }
	move := func(from, to string) string {
		if err := os.Rename(in(from), in(to)); err != nil {
			t.Fatal(err)
		}
		return in(to)
	}
	file := filepath.Base(res.Files[0].Path)
	list := move("SHA256SUMS.asc", "SHA256SUMS.gpg")
	rec := move(record.Name+".asc", "record.sign")
	if err := os.WriteFile(in(file)+".sig", []byte("junk"), 0o644); err != nil {
		t.Fatal(err)
	}
	check := func(name string, o verify.Options, target string, want map[string]keys.Status) {
		t.Helper()
		o.Dir, o.Offline = b.repo, true
		got := b.verdicts(o, "file:"+target)
		for k, s := range want {
			if got[k] != s {
				t.Errorf("%s: %s is %q, want %s: %v", name, k, got[k], s, got)
			}
		}
	}
	check("the other signature", verify.Options{}, in(file)+".sig", map[string]keys.Status{file: keys.StatusMalformed})
	check("the first signature", verify.Options{}, in(file)+".asc", map[string]keys.Status{file: keys.StatusGood})
	check("list", verify.Options{Signature: list}, in("SHA256SUMS"), map[string]keys.Status{"SHA256SUMS": keys.StatusGood, file: keys.StatusGood})
	move("SHA256SUMS.gpg", "SHA256SUMS.asc") // where the record looks for it
	check("record", verify.Options{Signature: rec}, res.Record, map[string]keys.Status{record.Name: keys.StatusGood, file: keys.StatusGood, "v1.0.0": keys.StatusGood})
	if err := os.WriteFile(in(file), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	check("changed, by the list", verify.Options{Signature: in("SHA256SUMS.asc")}, in("SHA256SUMS"), map[string]keys.Status{file: keys.StatusBad})
	check("changed, by the record", verify.Options{Signature: rec}, res.Record, map[string]keys.Status{file: keys.StatusBad})
}
