package history

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"bulla/keys"
)

// TestPastFiles finds files of past releases in the folders that bulla.toml names, and judges them.
func TestPastFiles(t *testing.T) {
	r := newRepo(t)
	s := newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0)
	r.build(3, s)
	r.write("bulla.toml", "[history]\nfolders = [\"archive\", \"by-version/{version}\", \"by-tag/{tag}\", \"not/there\"]\n")
	signed := func(name, content string) {
		r.write(name, content)
		r.write(name+".asc", s.sign(t, content, epoch))
	}
	signed("archive/widget-1.0.0.tar.gz", "one")
	r.write("archive/widget-1.0.0.zip", "no signature")
	signed("archive/widget_1.1.0_amd64.deb", "deb")
	r.write("archive/widget_1.1.0_amd64.deb", "changed afterwards")
	signed("archive/widget-11.0.0.tar.gz", "of no release")
	r.write("archive/README", "of no release")
	signed("by-version/1.2.0/anything.bin", "bin")
	signed("by-tag/v1.2.0/SHA256SUMS", sum+"  listed.bin\n")
	r.write("by-tag/v1.2.0/listed.bin", "listed\n")
	r.write("by-tag/v1.2.0/unlisted.bin", "nobody vouches for it")

	rows := judged(t, open(t, verifier(t, r.dir, time.Time{}, keyFile(t, s)), ""))
	for tag, want := range map[string]map[string]keys.Status{
		"v1.0.0": {"widget-1.0.0.tar.gz": keys.StatusGood, "widget-1.0.0.zip": keys.StatusUnsigned},
		"v1.1.0": {"widget_1.1.0_amd64.deb": keys.StatusBad},
		"v1.2.0": {"anything.bin": keys.StatusGood, "SHA256SUMS": keys.StatusGood, "listed.bin": keys.StatusGood, "unlisted.bin": keys.StatusUnsigned},
	} {
		got := map[string]keys.Status{}
		for _, v := range find(t, rows, tag).Files {
			got[filepath.Base(v.Target)] = v.Status
		}
		for name, status := range want {
			if got[name] != status {
				t.Errorf("%s: %s is %q, want %s", tag, name, got[name], status)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", tag, got, want)
		}
	}
}

// sum is the SHA-256 of "listed\n".
const sum = "54702707c489b189b752e4b9ed247b9209f5b77ae195ef596c07b333a6cf2df6"

// TestVersionsInNames: a file belongs to the longest version that stands in its name as a word.
func TestVersionsInNames(t *testing.T) {
	versions := map[string]int{}
	for i, v := range []string{"1.4", "1.4.0", "1.4.0-rc1", "4.0", "8.0.1", "2"} {
		versions[normal(v)] = i
	}
	for name, want := range map[string]int{
		"widget-1.4.tar.gz": 0, "widget-1.4.0.tar.gz": 1, "widget-1.4.0-rc1.tar.gz": 2, "widget-1.4.0-linux-amd64": 1,
		"widget_1.4.0_amd64.deb": 1, "widget_1.4.0-rc1_amd64.deb": 2, "curl-8_0_1.tar.xz": 4, "v1.4.0": 1, "1.4.0": 1,
		"widget-1.4.0.1.tar.gz": -1, "widget-11.4.0.tar.gz": -1, "widget-1.40.tar.gz": -1, "README": -1, "widget-3.4.0.zip": -1,
		"widget-2.tar.bz2": 5,
	} {
		got, ok := releaseOf(name, versions)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	for tag, want := range map[string]string{"v1.4.0": "1.4.0", "curl-8_0_1": "8_0_1", "gnupg-2.4.0": "2.4.0", "latest": "", "release1.2": ""} {
		if got := versionIn(tag); got != want {
			t.Errorf("%s: %q, want %q", tag, got, want)
		}
	}
}

// TestFolder: signatures and hidden files are no files of a release, and no folder has none.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b.asc", ".hidden", "c.sig", "d"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := listFolder(dir); len(got) != 2 || filepath.Base(got[1]) != "d" {
		t.Errorf("%q", got)
	}
	if got := listFolder(filepath.Join(dir, "none")); got != nil {
		t.Errorf("%q", got)
	}
}
