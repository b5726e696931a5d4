package source

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"bulla/gitops"
	"bulla/keys/keystest"
)

// bed is a repository with the tag v1 and a folder for archives.
type bed struct {
	t    testing.TB
	repo string
	dir  string
}

func newBed(t testing.TB) *bed {
	t.Helper()
	keystest.Peer(t, "git")
	dir := t.TempDir()
	t.Setenv("HOME", filepath.Join(dir, "nobody"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "nobody"))
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	b := &bed{t: t, repo: filepath.Join(dir, "widget"), dir: dir}
	b.git("init", "-q", "-b", "main", b.repo)
	for name, content := range map[string]string{
		"README": "widget\n", "src/main.c": "int main(void)\n{\n\treturn 0;\n}\n", "run.sh": "#!/bin/sh\n",
		".gitattributes": "/ci/ export-ignore\n*.swp export-ignore\nversion.h export-subst\n*.bat eol=crlf\n",
		"ci/job.yml":     "on: push\n", "sub/x.swp": "", "version.h": "#define ID \"$Format:%H$\"\n#define REFS \"$Format:%d$\"\n",
		"win.bat": "echo\nend\n", "large.bin": strings.Repeat("0123456789", 200_000),
	} {
		b.write(name, content)
	}
	b.chmod("run.sh")
	if err := os.Symlink("src/main.c", filepath.Join(b.repo, "link")); err != nil {
		t.Fatal(err)
	}
	b.in("add", ".")
	b.in("commit", "-qm", "Begin")
	b.in("tag", "-am", "one", "v1")
	return b
}

func (b *bed) git(args ...string) string {
	b.t.Helper()
	out, err := exec.Command("git", append([]string{"-c", "user.name=Ann", "-c", "user.email=ann@example.org"}, args...)...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (b *bed) in(args ...string) string { return b.git(append([]string{"-C", b.repo}, args...)...) }

func (b *bed) write(name, content string) {
	b.t.Helper()
	path := filepath.Join(b.repo, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) chmod(name string) {
	b.t.Helper()
	if err := os.Chmod(filepath.Join(b.repo, name), 0o755); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) compare(archive string, o Options) *Report {
	b.t.Helper()
	ctx := context.Background()
	repo, err := gitops.OpenWith(ctx, b.repo, gitops.Options{Environ: os.Environ()})
	if err != nil {
		b.t.Fatal(err)
	}
	tag, err := repo.Tag(ctx, "v1")
	if err != nil {
		b.t.Fatal(err)
	}
	r, err := Compare(ctx, repo, tag, archive, o)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// told lists findings as "kind path", a star before those that are understood.
func told(r *Report) []string {
	var out []string
	for _, f := range r.Findings {
		star := ""
		if f.Understood {
			star = "*"
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s%s %s", star, f.Kind, f.Path)))
	}
	slices.Sort(out)
	return out
}

func (b *bed) expect(r *Report, want ...string) {
	b.t.Helper()
	slices.Sort(want)
	if got := told(r); !slices.Equal(got, want) {
		b.t.Errorf("found %q\nwant  %q\n%+v", got, want, r.Findings)
	}
	failing := 0
	for _, w := range want {
		if w[0] != '*' {
			failing++
		}
	}
	if r.Differences != failing || r.OK() != (failing == 0) {
		b.t.Errorf("%d differences, want %d", r.Differences, failing)
	}
}

// What git archive makes is the tag's tree, in every format, with and without a prefix.
func TestGitArchiveIsTheTree(t *testing.T) {
	b := newBed(t)
	asked := []string{"*left-out ci/job.yml", "*left-out sub/x.swp", "*expanded version.h", "*line-endings win.bat"}
	for _, format := range []string{"tar", "tar.gz", "zip"} {
		for _, prefix := range []string{"", "widget-1/"} {
			path := filepath.Join(b.dir, "a."+format)
			b.in("archive", "--format="+format, "--prefix="+prefix, "-o", path, "v1")
			r := b.compare(path, Options{})
			b.expect(r, asked...)
			if r.Format != format || r.Prefix != prefix || r.Same != 6 || !strings.Contains(r.Summary(), "is the tree of v1") {
				t.Errorf("%s %q: %+v", format, prefix, r)
			}
		}
	}
	path := filepath.Join(b.dir, "a.tar")
	b.in("archive", "-o", path, "v1")
	for format, tool := range map[string]string{"tar.bz2": "bzip2", "tar.zst": "zstd", "tar.xz": "xz"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Logf("%s is not installed", tool)
			continue
		}
		out, err := exec.Command(tool, "-c", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+"x", out, 0o644); err != nil {
			t.Fatal(err)
		}
		r := b.compare(path+"x", Options{})
		b.expect(r, asked...)
		if r.Format != format {
			t.Errorf("recognised as %s, want %s", r.Format, format)
		}
	}
}

// An archive of another commit says so, and differs.
func TestArchiveOfAnotherCommit(t *testing.T) {
	b := newBed(t)
	b.write("README", "widget, improved\n")
	b.in("commit", "-qam", "Improve")
	for _, format := range []string{"tar.gz", "zip"} {
		path := filepath.Join(b.dir, "a."+format)
		b.in("archive", "--format="+format, "-o", path, "HEAD")
		b.expect(b.compare(path, Options{}), "other-commit", "changed README", "*left-out ci/job.yml", "*left-out sub/x.swp", "*expanded version.h", "*line-endings win.bat")
	}
}

// file is one entry of a handmade archive.
type file struct {
	name, content string
	header        func(*tar.Header)
}

// tree is what a careful maintainer would put into an archive by hand.
func tree() []file {
	exec := func(h *tar.Header) { h.Mode = 0o755 }
	return []file{
		{"w/README", "widget\n", nil}, {"w/src/main.c", "int main(void)\n{\n\treturn 0;\n}\n", nil}, {"w/run.sh", "#!/bin/sh\n", exec},
		{"w/.gitattributes", "/ci/ export-ignore\n*.swp export-ignore\nversion.h export-subst\n*.bat eol=crlf\n", nil},
		{"w/ci/job.yml", "on: push\n", nil}, {"w/sub/x.swp", "", nil},
		{"w/version.h", "#define ID \"$Format:%H$\"\n#define REFS \"$Format:%d$\"\n", nil},
		{"w/win.bat", "echo\nend\n", nil}, {"w/large.bin", strings.Repeat("0123456789", 200_000), nil},
		{"w/link", "", func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "src/main.c" }},
	}
}

func (b *bed) tar(files []file) string {
	b.t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Typeflag: tar.TypeReg}
		if f.header != nil {
			f.header(h)
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(f.content))
		}
		if err := w.WriteHeader(h); err != nil {
			b.t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(f.content)); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	return b.save("hand.tar", buf.Bytes())
}

func (b *bed) save(name string, data []byte) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func TestDifferences(t *testing.T) {
	b := newBed(t)
	with := func(more ...file) []file { return append(tree(), more...) }
	swap := func(name, content string, header func(*tar.Header)) []file {
		list := tree()
		for i := range list {
			if list[i].name == name {
				list[i].content = content
				if header != nil {
					list[i].header = header
				}
			}
		}
		return list
	}
	typed := func(flag byte, link string) func(*tar.Header) {
		return func(h *tar.Header) { h.Typeflag, h.Linkname = flag, link }
	}
	without := func(name string) []file {
		return slices.DeleteFunc(tree(), func(f file) bool { return f.name == name })
	}
	for _, c := range []struct {
		name  string
		files []file
		want  []string
	}{
		{"nothing", tree(), nil},
		{"dots before names", func() []file {
			l := tree()
			for i := range l {
				l[i].name = "./" + l[i].name
			}
			return l
		}(), nil},
		{"added", with(file{"w/build-to-host.m4", "evil", nil}), []string{"added build-to-host.m4"}},
		{"changed", swap("w/src/main.c", "int main(void)\n{\n\treturn 1;\n}\n", nil), []string{"changed src/main.c"}},
		{"changed, large", swap("w/large.bin", strings.Repeat("1123456789", 200_000), nil), []string{"changed large.bin"}},
		{"left out", without("w/README"), []string{"missing README"}},
		{"line ends", swap("w/README", "widget\r\n", nil), []string{"line-endings README"}},
		{"line ends as asked for", swap("w/win.bat", "echo\r\nend\r\n", nil), []string{"*line-endings win.bat"}},
		{"expanded", swap("w/version.h", "#define ID \"0123abcd\"\n#define REFS \" (HEAD -> main, tag: v1)\"\n", nil), []string{"*expanded version.h"}},
		{"expanded to code", swap("w/version.h", "#define ID \"\"; system(\"rm\"); \"\"\n#define REFS \"\"\n", nil), []string{"changed version.h"}},
		{"expanded and more", swap("w/version.h", "#define ID \"a\"\n#define REFS \"\"\n#define EVIL\n", nil), []string{"changed version.h"}},
		{"expanded elsewhere", swap("w/README", "wid\n", nil), []string{"changed README"}},
		{"executable", swap("w/README", "widget\n", func(h *tar.Header) { h.Mode = 0o755 }), []string{"mode README"}},
		{"set-user-id", swap("w/run.sh", "#!/bin/sh\n", func(h *tar.Header) { h.Mode = 0o4755 }), []string{"mode run.sh"}},
		{"a link led elsewhere", swap("w/link", "", typed(tar.TypeSymlink, "/etc/passwd")), []string{"link link"}},
		{"a link for a file", swap("w/README", "", typed(tar.TypeSymlink, "src/main.c")), []string{"type README"}},
		{"a file for a link", swap("w/link", "src/main.c", typed(tar.TypeReg, "")), []string{"type link"}},
		{"twice", with(file{"w/README", "evil\n", nil}), []string{"duplicate README", "changed README"}},
		{"twice by another name", with(file{"w/./README", "widget\n", nil}), []string{"duplicate README"}},
		{"hard link", swap("w/link", "", typed(tar.TypeLink, "w/README")), []string{"hard-link link", "type link"}},
		{"hard link out", with(file{"w/h", "", typed(tar.TypeLink, "/etc/passwd")}), []string{"hard-link h"}},
		{"device", with(file{"w/dev", "", typed(tar.TypeChar, "")}), []string{"special dev"}},
		{"absolute", with(file{"/etc/cron.d/x", "evil", nil}), []string{"bad-name /etc/cron.d/x"}},
		{"leading out", with(file{"w/../../x", "evil", nil}), []string{"bad-name w/../../x"}},
		{"drive", with(file{"C:/x", "evil", nil}), []string{"bad-name C:/x"}},
		{"backslash", with(file{`w\..\x`, "evil", nil}), []string{`bad-name w\..\x`}},
		{"escape", with(file{"w/\x1b[2Jx", "evil", nil}), []string{"bad-name w/\x1b[2Jx"}},
		{"turned around", with(file{"w/\u202Etxt.exe", "evil", nil}), []string{"bad-name w/\u202Etxt.exe"}},
		{"upper and lower", with(file{"w/readme", "evil", nil}), []string{"added readme", "name-collision readme"}},
		{"beside the folder", with(file{"other/x", "evil", nil}, file{"README", "widget\n", nil}), []string{"added other/x", "added README"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bed{t: t, repo: b.repo, dir: t.TempDir()}
			r := b.compare(b.tar(c.files), Options{})
			b.expect(r, c.want...)
			if c.want != nil && !r.OK() && !strings.Contains(r.Summary(), "is not the tree") {
				t.Error(r.Summary())
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	b := newBed(t)
	files := append(tree(), file{"w/configure", "generated", func(h *tar.Header) { h.Mode = 0o755 }}, file{"w/m4/a/b.m4", "", nil}, file{"w/evil", "", nil},
		file{"/w/configure", "evil", nil})
	b.expect(b.compare(b.tar(files), Options{Allow: []string{"configure", "m4/**", "**/configure"}}),
		"*generated configure", "*generated m4/a/b.m4", "added evil", "bad-name /w/configure")
	var bad *PatternError
	if _, err := Compare(context.Background(), nil, gitops.Tag{}, "x", Options{Allow: []string{"[a"}}); !errors.As(err, &bad) {
		t.Error(err)
	}
}

func TestSubmodule(t *testing.T) {
	b := newBed(t)
	b.in("update-index", "--add", "--cacheinfo", "160000,"+b.in("rev-parse", "HEAD")+",module")
	b.in("commit", "-qm", "Add a module")
	b.in("tag", "-f", "-am", "one", "v1")
	b.expect(b.compare(b.tar(tree()), Options{}))
	b.expect(b.compare(b.tar(append(tree(), file{"w/module/a", "x", nil}, file{"w/module/b", "x", nil})), Options{}), "submodule module")
	b.expect(b.compare(b.tar(append(tree(), file{"w/module/a", "x", nil})), Options{Allow: []string{"module"}}), "*generated module")
}

// What is damaged, endless or odd about the archive as a whole is a finding, in bounded time and
// memory.
func TestHostileArchives(t *testing.T) {
	b := newBed(t)
	good, err := os.ReadFile(b.tar(tree()))
	if err != nil {
		t.Fatal(err)
	}
	gz := func(data []byte) []byte {
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		w.Write(data)
		w.Close()
		return buf.Bytes()
	}
	kinds := func(name string, data []byte, o Options) []string {
		t.Helper()
		return told(b.compare(b.save(name, data), o))
	}
	has := func(list []string, k Kind) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(s, string(k)) })
	}
	for _, c := range []struct {
		name string
		data []byte
		want Kind
	}{
		{"cut.tar", good[:len(good)/2], Damaged},
		{"cut.tar.gz", gz(good)[:200], Damaged},
		{"tail.tar", append(slices.Clone(good), []byte("evil")...), Trailing},
		{"tail.tar.gz", append(gz(good), []byte("evil")...), Trailing},
		{"two.tar.gz", append(gz(good), gz(good)...), Trailing},
	} {
		if got := kinds(c.name, c.data, Options{}); !has(got, c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	// What was not read is not missing.
	if got := kinds("cut.tar", good[:len(good)/2], Options{}); has(got, Missing) {
		t.Errorf("cut: %q", got)
	}
	if got := kinds("many.tar", good, Options{Limits: Limits{Entries: 5, Bytes: 1 << 30, Names: 1 << 20}}); !slices.Equal(got, []string{"over-limit"}) {
		t.Errorf("entries: %q", got)
	}
	bomb := b.tar(append(tree(), file{"w/zeros", strings.Repeat("\x00", 8<<20), nil}))
	data, err := os.ReadFile(bomb)
	if err != nil {
		t.Fatal(err)
	}
	if got := kinds("bomb.tar.gz", gz(data), Options{Limits: Limits{Entries: 100, Bytes: 4 << 20, Names: 1 << 20}}); !has(got, OverLimit) {
		t.Errorf("bytes: %q", got)
	}
	var long []file
	for i := range 100 {
		long = append(long, file{fmt.Sprintf("w/%05d/%s", i, strings.Repeat(strings.Repeat("n", 200)+"/", 18)+"x"), "", nil})
	}
	if got := kinds("names.tar", mustRead(t, b.tar(long)), Options{Limits: Limits{Entries: 1000, Bytes: 1 << 30, Names: 1 << 16}}); !has(got, OverLimit) || len(got) > 25 {
		t.Errorf("names: %d findings", len(got))
	}
}

// A sparse file of 64 GiB takes a few kilobytes in a tar archive, and none of its zeros are read
// from anywhere.
func TestSparseBomb(t *testing.T) {
	if out, err := exec.Command("tar", "--version").Output(); err != nil || !bytes.Contains(out, []byte("GNU tar")) {
		keystest.Missing(t, "peer not installed: GNU tar")
	}
	b := newBed(t)
	f, err := os.Create(filepath.Join(b.dir, "zeros"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(64 << 30); err != nil {
		t.Skip("no room for a sparse file: ", err)
	}
	for _, format := range []string{"gnu", "posix"} {
		path := filepath.Join(b.dir, format+".tar")
		if out, err := exec.Command("tar", "--sparse", "--format="+format, "-C", b.dir, "-cf", path, "zeros").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		r := b.compare(path, Options{Limits: Limits{Entries: 100, Bytes: 4 << 20, Names: 1 << 16}})
		b.expect(r, "over-limit")
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestManyFindings(t *testing.T) {
	b := newBed(t)
	files := tree()
	for i := range MaxFindings + 10 {
		files = append(files, file{fmt.Sprintf("w/x/%d", i), "", nil})
	}
	r := b.compare(b.tar(files), Options{})
	if len(r.Findings) != MaxFindings || r.Differences != MaxFindings+10 || !strings.Contains(r.Summary(), "2010 differences in all") {
		t.Errorf("%d of %d: %s", len(r.Findings), r.Differences, r.Summary())
	}
}

// Zip archives that do not tell permissions are not blamed for them; links in them are links.
func TestZip(t *testing.T) {
	b := newBed(t)
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, f := range tree() {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		content := f.content
		if f.name == "w/link" {
			h.SetMode(fs.ModeSymlink | 0o777)
			content = "src/main.c"
		}
		e, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(e, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b.expect(b.compare(b.save("a.zip", buf.Bytes()), Options{}))
	cut := bytes.Replace(buf.Bytes(), []byte("PK\x01\x02"), []byte("PK\x01\x03"), 1)
	b.expect(b.compare(b.save("b.zip", cut), Options{}), "damaged")
}

func TestNoArchive(t *testing.T) {
	b := newBed(t)
	ctx := context.Background()
	repo, err := gitops.OpenWith(ctx, b.repo, gitops.Options{Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	tag, err := repo.Tag(ctx, "v1")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"LZIP\x01rest": "lzip", "hello": "", "": ""} {
		var f *FormatError
		if _, err := Compare(ctx, repo, tag, b.save("x", []byte(name)), Options{}); !errors.As(err, &f) || f.Format != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := Compare(ctx, repo, tag, filepath.Join(b.dir, "none"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Compare(ctx, repo, tag, b.dir, Options{}); err == nil {
		t.Error("a folder was compared")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Compare(ended, repo, tag, b.tar(tree()), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// git check-attr judges how .gitattributes is read.
func TestAttributesAsGit(t *testing.T) {
	b := newBed(t)
	b.write(".gitattributes", "*.c text\n/top export-ignore\ndocs/** export-ignore\ndocs/keep -export-ignore\nfolder/ export-ignore\n*.[ab] eol=lf\n# *.h eol=lf\n[attr]mine eol=lf\n")
	b.write("deep/.gitattributes", "*.c !text\nx/*.d eol=crlf\nx.d eol=lf\n")
	a := attributes{"": parseAttributes(mustRead(t, filepath.Join(b.repo, ".gitattributes"))), "deep/": parseAttributes(mustRead(t, filepath.Join(b.repo, "deep/.gitattributes")))}
	for _, path := range []string{"a.c", "top", "sub/top", "docs/a", "docs/b/c", "docs/keep", "deep/a.c", "deep/x/y.d", "deep/z/x.d", "deep/x/x/y.d", "q.a", "q.c", "q.h", "deep/top"} {
		for _, name := range []string{"text", "export-ignore", "eol"} {
			out := b.in("check-attr", name, "--", path)
			want := out[strings.LastIndex(out, ": ")+2:]
			if want == "unspecified" {
				want = ""
			}
			if got := a.value(path, name); got != want {
				t.Errorf("%s of %s is %q, git says %q", name, path, got, want)
			}
		}
	}
	if !a.ignored("folder/x/y") || a.ignored("folder") || !a.ignored("docs/b/c") {
		t.Error("folders are not ignored as they should be")
	}
}

// Nothing in an archive makes the reading fail otherwise than by an error, or go on for ever.
func FuzzWalk(f *testing.F) {
	dir := f.TempDir()
	b := &bed{t: f, dir: dir}
	plain := mustReadFile(f, b.tar([]file{{"w/a", "x", nil}, {"w/b", "", func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "a" }}}))
	f.Add(plain)
	var buf bytes.Buffer
	g := gzip.NewWriter(&buf)
	g.Write(plain)
	g.Close()
	f.Add(buf.Bytes())
	z, _ := zstd.NewWriter(nil)
	f.Add(z.EncodeAll(plain, nil))
	f.Add((&zipParts{}).tree(0).end(0, ""))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "a.tar")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		limits := Limits{Entries: 100, Bytes: 1 << 20, Names: 1 << 16}
		a, err := open(path, limits)
		if err != nil {
			return
		}
		defer a.file.Close()
		entries, read := 0, int64(0)
		_, _ = a.walk(context.Background(), func(e *entry) error {
			entries++
			if name, fault := cleanName(e.name); fault == "" && (strings.HasPrefix(name, "/") || strings.Contains("/"+name+"/", "/../")) {
				t.Errorf("%q became %q", e.name, name)
			}
			if e.content == nil {
				return nil
			}
			n, err := io.Copy(io.Discard, e.content)
			read += n
			return err
		})
		if entries > limits.Entries || read > limits.Bytes {
			t.Errorf("%d entries, %d bytes", entries, read)
		}
	})
}

func mustReadFile(f *testing.F, path string) []byte {
	f.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// An expansion never hides more than harmless text.
func FuzzIsExpanded(f *testing.F) {
	f.Add([]byte("a $Format:%H$ b"), []byte("a 0123 b"))
	f.Add([]byte("$Format:%d$$Format:%h$"), []byte(" (tag: v1)0123"))
	f.Fuzz(func(t *testing.T, want, got []byte) {
		if !isExpanded(want, got) {
			return
		}
		if !bytes.Contains(want, []byte("$Format:")) || len(got) > len(want)+maxExpansion*bytes.Count(want, []byte("$Format:")) {
			t.Errorf("%q passes for %q", got, want)
		}
	})
}
