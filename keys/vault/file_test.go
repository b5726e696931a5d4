package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/atomicfile"

	"filippo.io/age"
	"github.com/gofrs/flock"
)

const master = "MaStEr-of all keys"

// newVault makes an unlocked vault with a cheap master passphrase.
func newVault(t testing.TB) *File {
	t.Helper()
	v := NewFile(FileOptions{Dir: filepath.Join(t.TempDir(), "vault"), WorkFactor: 4})
	if _, err := v.Create(context.Background(), secret(master)); err != nil {
		t.Fatal(err)
	}
	return v
}

// reopen gives another handle on the same files, locked.
func reopen(v *File) *File { return NewFile(FileOptions{Dir: v.dir, WorkFactor: v.workFactor}) }

// second is the error of a call that returns something else too.
func second[T any](_ T, err error) error { return err }

func TestFileLife(t *testing.T) {
	ctx := context.Background()
	v := NewFile(FileOptions{Dir: filepath.Join(t.TempDir(), "a", "vault"), WorkFactor: 4})
	if st := v.Describe(ctx); st.State != NeedsSetup || !strings.Contains(st.Sentence, v.dir) {
		t.Fatalf("%+v", st)
	}
	if _, err := os.Stat(v.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("looking made the folder")
	}
	_, err := v.Get(ctx, keyA)
	wantErr(t, err, ErrNeedsSetup)
	wantErr(t, v.Unlock(ctx, secret(master)), ErrNeedsSetup)
	wantErr(t, second(v.Create(ctx, secret(""))), keys.ErrNoSecret)
	wantErr(t, second(v.Create(ctx, secret(strings.Repeat("x", MaxPassphrase+1)))), ErrTooBig)
	if _, err := v.Create(ctx, secret(master)); err != nil {
		t.Fatal(err)
	}
	if st := v.Describe(ctx); st.State != Ready || !st.Persistent {
		t.Fatalf("%+v", st)
	}
	for _, s := range []string{canary, "", "p\xffw\x00\n", strings.Repeat("x", MaxPassphrase)} {
		if err := v.Set(ctx, keyA, secret(s)); err != nil {
			t.Fatal(err)
		}
		mustGet(t, v, keyA, s)
	}
	if err := v.Set(ctx, keyB, secret(canary)); err != nil {
		t.Fatal(err)
	}
	wantErr(t, v.Set(ctx, keyA, secret(strings.Repeat("x", MaxPassphrase+1))), ErrTooBig)
	wantErr(t, v.Set(ctx, "bad", secret("x")), ErrBadKey)
	wantErr(t, v.Set(ctx, keyA, keys.Secret{}), keys.ErrNoSecret)

	w := reopen(v)
	if st := w.Describe(ctx); st.State != Locked {
		t.Fatalf("%+v", st)
	}
	_, err = w.Get(ctx, keyA)
	wantErr(t, err, ErrLocked)
	wantErr(t, w.Set(ctx, keyA, secret(canary)), ErrLocked)
	_, err = w.List(ctx)
	wantErr(t, err, ErrLocked)
	wantErr(t, w.Unlock(ctx, secret("wrong")), keys.ErrWrongPassphrase)
	wantErr(t, w.Unlock(ctx, secret("")), keys.ErrWrongPassphrase)
	wantErr(t, w.Unlock(ctx, keys.Secret{}), keys.ErrNoSecret)
	if err := w.Unlock(ctx, secret(master)); err != nil {
		t.Fatal(err)
	}
	mustGet(t, w, keyB, canary)
	if err := w.Delete(ctx, keyA); err != nil {
		t.Fatal(err)
	}
	wantErr(t, v.Delete(ctx, keyA), ErrNotFound)
	if names, err := v.List(ctx); err != nil || !slices.Equal(names, []Key{keyB}) {
		t.Fatal(names, err)
	}
	w.Lock()
	_, err = w.Get(ctx, keyB)
	wantErr(t, err, ErrLocked)
	noCanaryInFiles(t, filepath.Dir(v.dir))
}

func TestFileNeverReplaces(t *testing.T) {
	ctx, v := context.Background(), newVault(t)
	if err := v.Set(ctx, keyA, secret(canary)); err != nil {
		t.Fatal(err)
	}
	wantErr(t, second(reopen(v).Create(ctx, secret("another"))), fs.ErrExist)
	mustGet(t, v, keyA, canary)

	// Entries whose identity is missing may still be opened by a backup of it: they lie aside.
	if err := os.Rename(v.path(identityFile), v.path("backup")); err != nil {
		t.Fatal(err)
	}
	aside, err := reopen(v).Create(ctx, secret("another"))
	if err != nil || filepath.Dir(aside) != v.dir {
		t.Fatal(aside, err)
	}
	for to, from := range map[string]string{v.path(identityFile): v.path("backup"), v.path(entriesFile): aside} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	w := reopen(v)
	if err := w.Unlock(ctx, secret(master)); err != nil {
		t.Fatal(err)
	}
	mustGet(t, w, keyA, canary)
}

func TestFileModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits on Windows")
	}
	ctx, v := context.Background(), NewFile(FileOptions{Dir: t.TempDir(), WorkFactor: 4})
	if err := os.Chmod(v.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Create(ctx, secret(master)); err != nil {
		t.Fatal(err)
	}
	if err := v.Set(ctx, keyA, secret(canary)); err != nil {
		t.Fatal(err)
	}
	seen := 0
	_ = filepath.WalkDir(v.dir, func(p string, d fs.DirEntry, _ error) error {
		fi, err := d.Info()
		if err != nil || fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", p, fi.Mode(), err)
		}
		seen++
		return nil
	})
	if seen != 4 { // the folder, the identity, the entries, the lock
		t.Errorf("%d files", seen)
	}
}

// TestFileNoRecipient: whoever knows the recipient could forge entries.
func TestFileNoRecipient(t *testing.T) {
	v := newVault(t)
	recipient := []byte(v.id.Recipient().String())
	for _, name := range []string{identityFile, entriesFile} {
		data, err := os.ReadFile(v.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, recipient) || bytes.Contains(data, []byte("age1")) {
			t.Errorf("%s names the recipient", name)
		}
	}
}

func TestFileChangeMaster(t *testing.T) {
	ctx, v := context.Background(), newVault(t)
	if err := v.Set(ctx, keyA, secret(canary)); err != nil {
		t.Fatal(err)
	}
	wantErr(t, reopen(v).ChangeMaster(ctx, secret("new")), ErrLocked)
	wantErr(t, v.ChangeMaster(ctx, secret("")), keys.ErrNoSecret)
	if err := v.ChangeMaster(ctx, secret("new")); err != nil {
		t.Fatal(err)
	}
	w := reopen(v)
	wantErr(t, w.Unlock(ctx, secret(master)), keys.ErrWrongPassphrase)
	if err := w.Unlock(ctx, secret("new")); err != nil {
		t.Fatal(err)
	}
	mustGet(t, w, keyA, canary)
}

// TestFileMadeAnew: the files were replaced by another vault while one was open.
func TestFileMadeAnew(t *testing.T) {
	ctx, v := context.Background(), newVault(t)
	if err := os.RemoveAll(v.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(v).Create(ctx, secret("another")); err != nil {
		t.Fatal(err)
	}
	wantErr(t, v.Set(ctx, keyA, secret(canary)), ErrLocked)
	wantErr(t, v.Unlock(ctx, secret(master)), keys.ErrWrongPassphrase)
	if err := v.Unlock(ctx, secret("another")); err != nil {
		t.Fatal(err)
	}
}

func TestFileDamaged(t *testing.T) {
	ctx := context.Background()
	rewrite := func(name string, f func([]byte) []byte) func(*testing.T, *File) {
		return func(t *testing.T, v *File) {
			data, err := os.ReadFile(v.path(name))
			if err == nil {
				err = os.WriteFile(v.path(name), f(data), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	put := func(name string, plain []byte, to func(*File) age.Recipient) func(*testing.T, *File) {
		return func(t *testing.T, v *File) {
			sealed, err := seal(plain, to(v))
			if err == nil {
				err = os.WriteFile(v.path(name), sealed, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	byIdentity := func(v *File) age.Recipient { return v.id.Recipient() }
	byMaster := func(*File) age.Recipient {
		r, err := age.NewScryptRecipient(master)
		if err != nil {
			t.Fatal(err)
		}
		r.SetWorkFactor(4)
		return r
	}
	factor := regexp.MustCompile(`(?m)^(-> scrypt \S+) 4$`)
	for name, c := range map[string]struct {
		do     func(*testing.T, *File)
		unlock error // nil: unlocking works and Get fails
	}{
		"identity empty":     {rewrite(identityFile, func([]byte) []byte { return nil }), ErrDamaged},
		"identity not age":   {rewrite(identityFile, func([]byte) []byte { return []byte("AGE-SECRET-KEY-1\n") }), ErrDamaged},
		"identity cut":       {rewrite(identityFile, func(b []byte) []byte { return b[:len(b)-1] }), ErrDamaged},
		"identity too large": {rewrite(identityFile, func(b []byte) []byte { return append(b, make([]byte, maxIdentity)...) }), ErrDamaged},
		// 2^21 would take 2 GiB: it must be refused before it is tried.
		"identity costly":   {rewrite(identityFile, func(b []byte) []byte { return factor.ReplaceAll(b, []byte("$1 21")) }), ErrDamaged},
		"identity no key":   {put(identityFile, []byte(canary), byMaster), ErrDamaged},
		"entries empty":     {rewrite(entriesFile, func([]byte) []byte { return nil }), nil},
		"entries cut":       {rewrite(entriesFile, func(b []byte) []byte { return b[:len(b)-1] }), nil},
		"entries too large": {rewrite(entriesFile, func(b []byte) []byte { return append(b, make([]byte, maxEntries)...) }), nil},
		"entries version":   {put(entriesFile, []byte("bulla-vault v2\n"), byIdentity), nil},
		"entries other":     {put(entriesFile, []byte(entriesHeader+canary+"\n"), byIdentity), nil},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault(t)
			c.do(t, v)
			before, _ := os.ReadFile(v.path(entriesFile))
			w := reopen(v)
			err := w.Unlock(ctx, secret(master))
			if c.unlock != nil {
				wantErr(t, err, c.unlock)
				if w.Describe(ctx).State != Locked {
					t.Error("unlocked all the same")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Get(ctx, keyA)
			wantErr(t, err, ErrDamaged)
			wantErr(t, w.Set(ctx, keyA, secret(canary)), ErrDamaged)
			if after, _ := os.ReadFile(w.path(entriesFile)); !bytes.Equal(before, after) {
				t.Error("a damaged file was overwritten")
			}
		})
	}
	t.Run("entries missing", func(t *testing.T) {
		v := newVault(t)
		if err := os.Remove(v.path(entriesFile)); err != nil {
			t.Fatal(err)
		}
		_, err := v.Get(ctx, keyA)
		wantErr(t, err, fs.ErrNotExist)
		wantErr(t, v.Set(ctx, keyA, secret(canary)), fs.ErrNotExist)
	})
}

// TestFileConcurrent: two handles stand for two processes, since each locks its own open file.
func TestFileConcurrent(t *testing.T) {
	ctx, a := context.Background(), newVault(t)
	b := reopen(a)
	if err := b.Unlock(ctx, secret(master)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			v := []*File{a, b}[i%2]
			k := Key(fmt.Sprintf("openpgp/%d", i))
			if err := v.Set(ctx, k, secret(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
			if i%10 == 0 { // readers in between see a whole file
				if _, err := v.List(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if names, err := a.List(ctx); err != nil || len(names) != 100 {
		t.Fatal(len(names), err)
	}
	for i := range 100 {
		mustGet(t, b, Key(fmt.Sprintf("openpgp/%d", i)), fmt.Sprint(i))
	}
}

func TestFileBusy(t *testing.T) {
	v := newVault(t)
	l := flock.New(v.path(lockFile))
	if err := l.Lock(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	wantErr(t, v.Set(ctx, keyA, secret(canary)), context.DeadlineExceeded)
}

// TestFileReadOnly: a home that can't be written still answers.
func TestFileReadOnly(t *testing.T) {
	ctx, v := context.Background(), newVault(t)
	if err := v.Set(ctx, keyA, secret(canary)); err != nil {
		t.Fatal(err)
	}
	// A folder in the lock's place can't be opened as a file, which also stops root.
	if err := os.Remove(v.path(lockFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(v.path(lockFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		mustGet(t, v, keyA, canary)
	}
}

// TestFileLeftovers: a killed process leaves at most a temporary file with ciphertext in it.
func TestFileLeftovers(t *testing.T) {
	ctx, v := context.Background(), newVault(t)
	left := v.path(atomicfile.TempPrefix + "vault.age-123")
	if err := os.WriteFile(left, []byte("age-encryption.org/v1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.Set(ctx, keyA, secret(canary)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the leftover is still there")
	}
}

func TestReadLimited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := readLimited(path, 10); err != nil || len(b) != 10 {
		t.Error(len(b), err)
	}
	_, err := readLimited(path, 9)
	wantErr(t, err, ErrDamaged)
	_, err = readLimited(filepath.Dir(path), 9)
	if err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}

// TestFileDefaultCost reads the cost from the file, as stock age would.
func TestFileDefaultCost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second and 256 MiB")
	}
	v := NewFile(FileOptions{Dir: t.TempDir()})
	if _, err := v.Create(context.Background(), secret(master)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(v.path(identityFile))
	if err != nil || !regexp.MustCompile(`(?m)^-> scrypt \S+ 18$`).Match(data) {
		t.Fatal("not 18:", err)
	}
}

func FuzzParseEntries(f *testing.F) {
	f.Add([]byte(entriesHeader))
	f.Add([]byte(entriesHeader + "cosign/AB cGFzcw==\nopenpgp/0123 \n"))
	f.Add([]byte(entriesHeader + "openpgp/0123 cGFzcw==\ncosign/AB eA==\n"))
	f.Add([]byte(entriesHeader + "openpgp/0123 cGFzcx==\n"))
	f.Add([]byte(entriesHeader + "openpgp/0123 cGFz\rcw==\n"))
	f.Add([]byte(entriesHeader + "openpgp/0123 cGFzcw=="))
	f.Add([]byte("bulla-vault v2\n"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		e, err := parseEntries(plain)
		if err == nil && !bytes.Equal(formatEntries(e), plain) {
			t.Errorf("%q is written again as %q", plain, formatEntries(e))
		}
	})
}

func BenchmarkFileUnlock(b *testing.B) {
	v := NewFile(FileOptions{Dir: b.TempDir()})
	if _, err := v.Create(context.Background(), secret(master)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := v.Unlock(context.Background(), secret(master)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFileSet(b *testing.B) {
	v := newVault(b)
	for b.Loop() {
		if err := v.Set(context.Background(), keyA, secret(canary)); err != nil {
			b.Fatal(err)
		}
	}
}
