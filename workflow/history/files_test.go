package history

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/workflow/record"
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

// told are verdicts on files as "path kind status", sorted, paths in dir without it.
func told(dir string, vs []keys.Verdict) (out []string) {
	for _, v := range vs {
		path := cmp.Or(v.Path, v.Target)
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			path = filepath.ToSlash(rel)
		}
		if v.Kind != keys.KindTag {
			out = append(out, path+" "+string(v.Kind)+" "+string(v.Status))
		}
	}
	slices.Sort(out)
	return out
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// shelves is a repository with three releases and folders for their files.
type shelves struct {
	*repo
	signer *signer
}

func (s shelves) signed(name, content string) {
	s.write(name, content)
	s.write(name+".asc", s.signer.sign(s.t, content, epoch))
}

// list writes a signed list of "name content" in a folder.
func (s shelves) list(name string, files ...string) {
	text := ""
	for _, f := range files {
		name, content, _ := strings.Cut(f, " ")
		text += digest(content) + "  " + name + "\n"
	}
	s.signed(name, text)
}

// record writes a signed record of files, "name content" each, in a folder.
func (s shelves) record(dir, tag string, files ...string) {
	s.t.Helper()
	fp := keys.FingerprintOf(s.signer.entity.PrimaryKey.Fingerprint)
	object, commit := s.git(nil, "rev-parse", tag), s.git(nil, "rev-parse", tag+"^{commit}")
	rec := record.Statement{Type: record.StatementType, PredicateType: record.PredicateType, Predicate: record.Predicate{
		Project: "widget", Version: "1", CreatedOn: epoch, Signer: record.Signer{Fingerprint: fp, Primary: fp},
		Tag: record.Tag{Name: tag, Object: object, Commit: commit}, Files: []string{}, Checksums: []string{}, Images: []record.ImageSeal{},
	}}
	rec.Subject = []record.Subject{
		{Name: "refs/tags/" + tag, Digest: map[string]string{"gitTag": object}},
		{Name: "commit " + commit, Digest: map[string]string{"gitCommit": commit}},
	}
	for _, f := range files {
		name, content, _ := strings.Cut(f, " ")
		rec.Subject = append(rec.Subject, record.Subject{Name: name, Digest: map[string]string{"sha256": digest(content)}})
		rec.Predicate.Files = append(rec.Predicate.Files, name)
	}
	data, err := json.Marshal(rec)
	if err != nil {
		s.t.Fatal(err)
	}
	s.signed(filepath.Join(dir, record.Name), string(data))
}

// TestOneJudge: whatever lies in the folder of a release, the timeline says of each file what a check
// of the folder says.
func TestOneJudge(t *testing.T) {
	for name, c := range map[string]struct {
		fill func(s shelves, dir string)
		want []string
	}{
		"the file of another release, with its signature": {func(s shelves, dir string) {
			s.signed(dir+"widget.tgz", "old")
			s.list(dir+"SHA256SUMS", "widget.tgz new")
		}, []string{"SHA256SUMS checksum good", "widget.tgz artifact bad", "widget.tgz artifact good"}},
		"one base name twice": {func(s shelves, dir string) {
			s.write(dir+"app", "tampered")
			s.write(dir+"linux/app", "linux")
			s.list(dir+"SHA256SUMS", "app app", "linux/app linux")
		}, []string{"SHA256SUMS checksum good", "app artifact bad", "linux/app artifact good"}},
		"one base name twice, in the other order": {func(s shelves, dir string) {
			s.write(dir+"app", "app")
			s.write(dir+"linux/app", "tampered")
			s.list(dir+"SHA256SUMS", "linux/app linux", "app app")
		}, []string{"SHA256SUMS checksum good", "app artifact good", "linux/app artifact bad"}},
		"a list by another name": {func(s shelves, dir string) {
			s.write(dir+"widget.tgz", "new")
			s.list(dir+"checksums.txt", "widget.tgz new")
		}, []string{"checksums.txt checksum good", "widget.tgz artifact good"}},
		"a list that is not signed contradicts": {func(s shelves, dir string) {
			s.signed(dir+"widget.tgz", "new")
			s.write(dir+"SHA512SUMS", strings.Repeat("0", 128)+"  widget.tgz\n")
		}, []string{"SHA512SUMS checksum unsigned", "widget.tgz artifact bad", "widget.tgz artifact good"}},
		"a record": {func(s shelves, dir string) {
			s.signed(dir+"widget.tgz", "new")
			s.write(dir+"extra", "x")
			s.record(dir, "v1.2.0", "widget.tgz new")
		}, []string{"bulla-release.json record good", "extra artifact unsigned", "widget.tgz artifact good"}},
		"a record that is contradicted": {func(s shelves, dir string) {
			s.signed(dir+"widget.tgz", "old")
			s.record(dir, "v1.2.0", "widget.tgz new")
		}, []string{"bulla-release.json record good", "widget.tgz artifact bad"}},
		"the record of another release": {func(s shelves, dir string) {
			s.signed(dir+"widget.tgz", "old")
			s.write(dir+"new.tgz", "new")
			s.record(dir, "v1.0.0", "widget.tgz old")
		}, []string{"bulla-release.json record good", "new.tgz artifact unsigned", "widget.tgz artifact good"}},
		"a record and a list": {func(s shelves, dir string) {
			s.signed(dir+"widget.tgz", "new")
			s.record(dir, "v1.2.0", "widget.tgz new")
			s.list(dir+"SHA256SUMS", "widget.tgz other", "more m")
			s.write(dir+"more", "m")
		}, []string{"SHA256SUMS checksum good", "bulla-release.json record good", "more artifact good", "widget.tgz artifact bad", "widget.tgz artifact good"}},
		"a signature alone": {func(s shelves, dir string) { s.write(dir+"gone.tgz.asc", "x") },
			[]string{"gone.tgz.asc artifact not-checked"}},
		"public keys": {func(s shelves, dir string) {
			s.write(dir+"release.pgp", string(s.signer.public(s.t)))
			s.signed(dir+"widget.tgz", "new")
		}, []string{"widget.tgz artifact good"}},
		"nothing signed": {func(s shelves, dir string) { s.write(dir+"a", ""); s.write(dir+"b", "") }, []string{". artifact unsigned"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			s := shelves{r, newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0)}
			r.build(3, s.signer)
			r.write("bulla.toml", "[history]\nfolders = [\"by-tag/{tag}\"]\n")
			c.fill(s, "by-tag/v1.2.0/")
			v := verifier(t, r.dir, time.Time{}, keyFile(t, s.signer))
			dir := filepath.Join(r.dir, "by-tag", "v1.2.0")
			row := find(t, judged(t, open(t, v, "")), "v1.2.0")
			log := told(dir, slices.Concat(row.Files, row.Record))
			vs, err := v.Verify(context.Background(), []string{"file:" + dir})
			if err != nil {
				t.Fatal(err)
			}
			if check := told(dir, vs); !slices.Equal(log, c.want) || !slices.Equal(check, c.want) {
				t.Errorf("the timeline says %q\na check of the folder  %q\nwant %q", log, check, c.want)
			}
		})
	}
}

// TestOneJudgeOfSharedFolders: in a folder with the files of several releases each file has the
// verdict that a check of the folder gives it.
func TestOneJudgeOfSharedFolders(t *testing.T) {
	r := newRepo(t)
	s := shelves{r, newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0)}
	r.build(4, s.signer)
	r.write("bulla.toml", "[history]\nfolders = [\"archive\"]\n")
	s.signed("archive/widget-1.0.0.tgz", "old") // below another name it is in the list, too
	s.signed("archive/widget-1.1.0.tgz", "old")
	s.write("archive/widget-1.2.0.tgz", "two")
	s.write("archive/widget-1.2.0.zip", "tampered")
	s.write("archive/widget-1.3.0.tgz", "nobody vouches for it")
	s.write("archive/gone-1.3.0.tgz.sig", "x")
	s.list("archive/SHA256SUMS", "widget-1.0.0.tgz old", "widget-1.1.0.tgz one", "./widget-1.2.0.tgz two")
	s.list("archive/widget_1.2.0_checksums.txt", "widget-1.2.0.zip zip", "gone-1.2.0.zip x")
	v := verifier(t, r.dir, time.Time{}, keyFile(t, s.signer))
	dir := filepath.Join(r.dir, "archive")
	vs, err := v.Verify(context.Background(), []string{"file:" + dir})
	if err != nil {
		t.Fatal(err)
	}
	check := told(dir, vs)
	rows := judged(t, open(t, v, ""))
	all := map[string]bool{}
	for tag, want := range map[string][]string{
		"v1.0.0": {"SHA256SUMS checksum good", "widget-1.0.0.tgz artifact good", "widget-1.0.0.tgz artifact good"},
		"v1.1.0": {"SHA256SUMS checksum good", "widget-1.1.0.tgz artifact bad", "widget-1.1.0.tgz artifact good"},
		"v1.2.0": {"SHA256SUMS checksum good", "widget-1.2.0.tgz artifact good", "widget-1.2.0.zip artifact bad", "widget_1.2.0_checksums.txt checksum good"},
		"v1.3.0": {"gone-1.3.0.tgz.sig artifact not-checked", "widget-1.3.0.tgz artifact unsigned"},
	} {
		got := told(dir, find(t, rows, tag).Files)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q\nwant %q", tag, got, want)
		}
		for _, g := range got {
			all[g] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(all)), slices.Compact(check); !slices.Equal(got, want) {
		t.Errorf("the timeline says %q\na check of the folder  %q", got, want)
	}
}

// TestFilesBesideTheRecord: what a record binds in one folder says nothing of a file by the same name
// in another.
func TestFilesBesideTheRecord(t *testing.T) {
	r := newRepo(t)
	s := shelves{r, newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0)}
	r.build(3, s.signer)
	r.write("bulla.toml", "[release]\nartifacts = [\"dist/*\"]\n[history]\nfolders = [\"mirror/{tag}\", \"shared\"]\n")
	s.signed("dist/widget-1.2.0.tgz", "original")
	s.record("dist", "v1.2.0", "widget-1.2.0.tgz original")
	for _, dir := range []string{"mirror/v1.2.0/", "shared/"} {
		s.signed(dir+"widget-1.2.0.tgz", "original")
		s.write(dir+"widget-1.2.0.tgz", "tampered")
	}
	row := find(t, judged(t, open(t, verifier(t, r.dir, time.Time{}, keyFile(t, s.signer)), "")), "v1.2.0")
	want := []string{"dist/widget-1.2.0.tgz artifact good", "mirror/v1.2.0/widget-1.2.0.tgz artifact bad", "shared/widget-1.2.0.tgz artifact bad"}
	if got := told(r.dir, row.Files); !slices.Equal(got, want) || row.RecordPath != filepath.Join(r.dir, "dist", record.Name) {
		t.Errorf("%q, record %s; want %q", got, row.RecordPath, want)
	}
}

// TestNoFiles: a folder that is empty or not there is no folder of unsigned files.
func TestNoFiles(t *testing.T) {
	r := newRepo(t)
	s := newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0)
	r.build(2, s)
	r.write("bulla.toml", "[history]\nfolders = [\"by-tag/{tag}\", \"none\"]\n")
	r.write("by-tag/v1.0.0/.hidden", "x")
	for _, row := range judged(t, open(t, verifier(t, r.dir, time.Time{}, keyFile(t, s)), "")) {
		if len(row.Files) != 0 || !row.Judged(PartFiles) {
			t.Errorf("%s: %+v", row.Tag, row.Files)
		}
	}
}
