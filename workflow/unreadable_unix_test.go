//go:build unix

package workflow

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bulla/keys"
)

// TestWhatCannotBeRead: it is told whether a file cannot be read, or its signature.
func TestWhatCannotBeRead(t *testing.T) {
	b := newBench(t)
	for name, tt := range map[string]struct {
		make func(path string) error
		want string
	}{
		"a signature that leads nowhere": {func(p string) error { return os.Symlink("nowhere", p+".asc") }, "Its signature cannot be read: no such file or directory."},
		"a pipe for a signature":         {func(p string) error { return syscall.Mkfifo(p+".asc", 0o600) }, "Its signature cannot be read: "},
		"a folder for a signature":       {func(p string) error { return os.Mkdir(p+".asc", 0o700) }, "Its signature cannot be read: "},
		"a pipe":                         {func(p string) error { _ = os.Remove(p); return syscall.Mkfifo(p, 0o600) }, "The file cannot be read: "},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := tt.make(path); err != nil {
			t.Fatal(err)
		}
		v, err := b.verifier(nil)
		if err != nil {
			t.Fatal(err)
		}
		vs, err := v.Verify(context.Background(), []string{"file:" + path})
		if err != nil || len(vs) != 1 || vs[0].Status != keys.StatusNotChecked || !strings.HasPrefix(vs[0].Reason, tt.want) || !strings.HasSuffix(vs[0].Reason, ".") {
			t.Errorf("%s: %+v, %v", name, vs, err)
		}
	}
}
