package workflow

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"bulla/keys"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// Whatever a folder is filled with, a check that found nothing to check does not pass.
func TestFoldersThatVouchForNothing(t *testing.T) {
	b := newBench(t)
	res := b.release(b.choices())
	public, err := b.world.ExportPublic(context.Background(), keys.ParseSelector(string(b.key.Fingerprint)))
	if err != nil {
		t.Fatal(err)
	}
	for name, fill := range map[string]func(put func(name string, data []byte), dir string){
		"empty":                      func(func(string, []byte), string) {},
		"a key with a bad signature": func(put func(string, []byte), _ string) { put("KEYS", public); put("KEYS.asc", []byte("garbage")) },
		"a signature beside a folder": func(put func(string, []byte), dir string) {
			mkdir(t, filepath.Join(dir, "widget"))
			put("widget.asc", []byte("x"))
		},
		"a payload in a key file": func(put func(string, []byte), _ string) {
			k := b.world.Store
			ring, err := k.PublicKeyring(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			put("install.gpg", append(ring, "\x7fELF payload"...))
			sig, err := os.ReadFile(res.Files[0].SignaturePath)
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(res.Files[0].Path)
			if err != nil {
				t.Fatal(err)
			}
			put("widget-1.0.0.tar.gz", data)
			put("widget-1.0.0.tar.gz.asc", sig)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill(func(name string, data []byte) {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}, dir)
			v, err := NewVerifier(context.Background(), b.world, verify.Options{Dir: b.repo})
			if err != nil {
				t.Fatal(err)
			}
			vs, err := v.Verify(context.Background(), []string{dir})
			if err != nil {
				t.Fatal(err)
			}
			if len(vs) == 0 || len(verify.Failing(vs, false)) == 0 {
				t.Errorf("passes: %+v", vs)
			}
		})
	}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// A record too large to read whole is not called good for its signature alone.
func TestOversizedRecordIsNotGood(t *testing.T) {
	b := newBench(t)
	path := b.write("dist/"+record.Name, string(make([]byte, record.MaxSize+1)))
	if _, err := SignFiles(context.Background(), b.world, b.repo, []string{path}, keys.ParseSelector(""), answer, SignFilesOptions{}); err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(context.Background(), b.world, verify.Options{Dir: b.repo})
	if err != nil {
		t.Fatal(err)
	}
	vs, err := v.Verify(context.Background(), []string{path})
	if err != nil || len(verify.Failing(vs, false)) == 0 {
		t.Errorf("%+v, %v", vs, err)
	}
}
