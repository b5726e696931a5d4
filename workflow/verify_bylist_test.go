package workflow

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"bulla/keys"
	"bulla/workflow/verify"
)

// TestFileBySignedList: a file without a signature of its own counts by the signed list beside it that names
// it, as it does where its folder is judged; nothing else in the folder vouches for it, and no other file
// of the list is asked after.
func TestFileBySignedList(t *testing.T) {
	const good, bad, unsigned, unknown = keys.StatusGood, keys.StatusBad, keys.StatusUnsigned, keys.StatusUnknownKey
	for name, tt := range map[string]struct {
		prepare func(dir string) error
		options verify.Options
		want    map[string]keys.Status
	}{
		"listed": {nil, verify.Options{}, map[string]keys.Status{"a.tar.gz": good, "SHA256SUMS": good}},
		"the other is not there": {
			func(dir string) error { return os.Remove(filepath.Join(dir, "b.deb")) },
			verify.Options{}, map[string]keys.Status{"a.tar.gz": good, "SHA256SUMS": good},
		},
		"changed": {
			func(dir string) error { return os.WriteFile(filepath.Join(dir, "a.tar.gz"), []byte("other"), 0o644) },
			verify.Options{}, map[string]keys.Status{"a.tar.gz": bad, "SHA256SUMS": good},
		},
		"the list was changed": {
			func(dir string) error {
				f, err := os.OpenFile(filepath.Join(dir, "SHA256SUMS"), os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					return err
				}
				defer f.Close()
				_, err = f.WriteString("# more\n")
				return err
			}, verify.Options{}, map[string]keys.Status{"a.tar.gz": bad, "SHA256SUMS": bad},
		},
		"the list is not signed": {
			func(dir string) error { return os.Remove(filepath.Join(dir, "SHA256SUMS.asc")) },
			verify.Options{}, map[string]keys.Status{"a.tar.gz": unsigned},
		},
		"not in the list": {
			func(dir string) error { return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), nil, 0o644) },
			verify.Options{}, map[string]keys.Status{"a.tar.gz": unsigned},
		},
		"unknown key": {nil, verify.Options{OnlyKeys: true}, map[string]keys.Status{"a.tar.gz": unknown, "SHA256SUMS": unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			b, dir := published(t)
			if err := os.Remove(filepath.Join(dir, "a.tar.gz.asc")); err != nil {
				t.Fatal(err)
			}
			if tt.prepare != nil {
				if err := tt.prepare(dir); err != nil {
					t.Fatal(err)
				}
			}
			tt.options.Dir = b.dir
			if got := b.verdicts(tt.options, "file:"+filepath.Join(dir, "a.tar.gz")); !maps.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
