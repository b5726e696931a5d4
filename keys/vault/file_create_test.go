package vault

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/keys/atomicfile"
)

var errFault = errors.New("the disk is full")

// TestCreateInterrupted stops the making of a vault before and after each of its files, by an error
// and as if the process were killed. What is left is a whole vault, or the next try makes one.
func TestCreateInterrupted(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		name   string
		file   string // at which to stop
		after  bool   // after it is in its place
		killed bool
		whole  bool // the vault is there
		aside  bool // the next try moves entries aside
	}{
		{"error before the entries", entriesFile, false, false, false, false},
		{"error after the entries", entriesFile, true, false, false, false},
		{"error before the identity", identityFile, false, false, false, false},
		{"error after the identity", identityFile, true, false, true, false},
		{"killed before the entries", entriesFile, false, true, false, false},
		{"killed after the entries", entriesFile, true, true, false, true},
		{"killed before the identity", identityFile, false, true, false, true},
		{"killed after the identity", identityFile, true, true, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := NewFile(FileOptions{Dir: filepath.Join(t.TempDir(), "vault"), WorkFactor: 4})
			v.write = func(path string, data []byte, perm fs.FileMode) error {
				if filepath.Base(path) == tt.file && !tt.after {
					// What atomicfile leaves if it is killed itself.
					if err := os.WriteFile(filepath.Join(v.dir, atomicfile.TempPrefix+tt.file+"-1"), data, perm); err != nil {
						t.Error(err)
					}
				} else if err := atomicfile.Create(path, data, perm); err != nil {
					t.Error(err)
				}
				switch {
				case filepath.Base(path) != tt.file:
					return nil
				case tt.killed:
					panic(errFault)
				}
				return errFault
			}
			if err := interrupted(func() error { return second(v.Create(ctx, secret(master))) }); !errors.Is(err, errFault) {
				t.Fatal(err)
			}
			w := reopen(v)
			if st := w.Describe(ctx).State; (st == Locked) != tt.whole {
				t.Fatalf("it is %v", st)
			}
			if !tt.whole {
				aside, err := w.Create(ctx, secret(master))
				if err != nil || (aside != "") != tt.aside {
					t.Fatal(aside, err)
				}
				w = reopen(w)
			}
			if err := w.Unlock(ctx, secret(master)); err != nil {
				t.Fatal(err)
			}
			if err := w.Set(ctx, keyA, secret(canary)); err != nil {
				t.Fatal(err)
			}
			mustGet(t, w, keyA, canary)
			entries, err := os.ReadDir(w.dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), atomicfile.TempPrefix) {
					t.Errorf("%s is left", e.Name())
				}
			}
		})
	}
}

// interrupted runs f, which may die.
func interrupted(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err, _ = p.(error)
		}
	}()
	return f()
}

// TestSetUpOverOrphan finds entries that nothing opens, twice, loses none of them, and says so.
func TestSetUpOverOrphan(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	v := NewFile(FileOptions{Dir: filepath.Join(dir, "vault"), WorkFactor: 4})
	if err := os.Mkdir(v.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"first", "second"} {
		if err := os.WriteFile(v.path(entriesFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(v.path(identityFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		m := NewManager(ManagerOptions{Dir: dir, Keychain: NewKeychain(KeychainOptions{Env: func(string) string { return "" }}), File: reopen(v)})
		defer m.Close()
		if err := m.SetUp(ctx, func(context.Context, keys.PassphraseRequest) (keys.Secret, error) { return secret(master), nil }); err != nil {
			t.Fatal(err)
		}
		notices := strings.Join(m.Notices(), " ")
		at := strings.Index(notices, v.dir)
		if at < 0 {
			t.Fatalf("not said: %q", notices)
		}
		path, _, _ := strings.Cut(notices[at:], ",")
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%s holds %q, %v", path, got, err)
		}
		if strings.Contains(notices, master) {
			t.Error("the master passphrase is told")
		}
	}
}
