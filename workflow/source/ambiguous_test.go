package source

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bulla/keys/keystest"
)

// names are those of an archive's entries, as they are met here.
func names(t *testing.T, path string) (list []string) {
	t.Helper()
	a, err := open(path, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer a.file.Close()
	if _, err := a.walk(context.Background(), func(e *entry) error {
		list = append(list, e.name)
		return nil
	}); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return list
}

// listedBy are the names that another program finds.
func listedBy(t *testing.T, program string, args ...string) []string {
	t.Helper()
	cmd := exec.Command(keystest.Peer(t, program), args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "QUOTING_STYLE=literal")
	out, err := cmd.Output()
	if err != nil {
		t.Logf("%s %q: %v", program, args, err) // it may complain of what is hostile
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

func gnuTar(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("tar", "--version").Output(); err != nil || !bytes.Contains(out, []byte("GNU tar")) {
		keystest.Missing(t, "peer not installed: GNU tar")
	}
}

func byTar(t *testing.T, path string) []string {
	return listedBy(t, "tar", "--quoting-style=literal", "-tf", path)
}

const pythonList = "import sys, zipfile\nfor n in zipfile.ZipFile(sys.argv[1]).namelist(): print(n)"

func byPython(t *testing.T, path string) []string {
	return listedBy(t, "python3", "-c", pythonList, path)
}

// tarParts puts a tar archive together by hand, block by block.
type tarParts struct {
	t testing.TB
	bytes.Buffer
}

func (p *tarParts) block(data []byte) {
	p.Write(data)
	p.Write(make([]byte, -len(data)&(tarBlock-1)))
}

// header writes a bare header of the POSIX format and content after it.
func (p *tarParts) header(flag byte, name, content string) *tarParts {
	p.t.Helper()
	h := make([]byte, tarBlock)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:], octal(len(content)))
	copy(h[136:], octal(0))
	copy(h[148:], "        ")
	h[156] = flag
	if flag == tar.TypeSymlink {
		copy(h[157:], "src/main.c")
	}
	copy(h[257:], "ustar\x0000")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], octal(sum)[5:])
	h[155] = ' '
	p.block(h)
	p.block([]byte(content))
	return p
}

func octal(n int) string {
	out := make([]byte, 12)
	for i := 10; i >= 0; i, n = i-1, n/8 {
		out[i] = byte('0' + n%8)
	}
	return string(out)
}

// records are pax records, "key value" each.
func records(pairs ...string) string {
	var out strings.Builder
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, " ")
		body := " " + key + "=" + value + "\n"
		n := len(body) + 1
		for len(strconv.Itoa(n))+len(body) != n {
			n++
		}
		out.WriteString(strconv.Itoa(n) + body)
	}
	return out.String()
}

func (p *tarParts) tree(more ...file) []byte {
	for _, f := range append(tree(), more...) {
		p.file(f)
	}
	p.Write(make([]byte, 2*tarBlock))
	return p.Bytes()
}

func (p *tarParts) file(f file) {
	flag := byte(tar.TypeReg)
	if f.name == "w/link" {
		flag = tar.TypeSymlink
	}
	p.header(flag, f.name, f.content)
}

// What lets other programs unpack other files than those that are compared here is a difference,
// whatever the files are.
func TestTarThatProgramsReadDifferently(t *testing.T) {
	gnuTar(t)
	b := newBed(t)
	// A file of the repository that is a tar archive behind its first block, as a test may need.
	evil := (&tarParts{t: t}).header(tar.TypeReg, "w/configure", "#!/bin/sh\n").Bytes()
	fixture := strings.Repeat("t", tarBlock) + string(evil)
	b.write("fixture.bin", fixture)
	b.in("add", ".")
	b.in("commit", "-qm", "Add a fixture")
	b.in("tag", "-fam", "one", "v1")
	commit := b.in("rev-parse", "HEAD")
	bin := file{"w/fixture.bin", fixture, nil}
	begin := func() *tarParts { return &tarParts{t: t} }
	for _, c := range []struct {
		name string
		data []byte
		want []string
		// other says that GNU tar finds other names: that the attack is one.
		other bool
	}{
		{"sound", begin().tree(bin), nil, false},
		{"commit", begin().header('g', "g", records("comment "+commit)).tree(bin), nil, false},
		{"global size", func() []byte {
			p := begin()
			for _, f := range tree() {
				p.file(f)
			}
			p.header('g', "g", records("size 20"))
			p.file(bin)
			p.Write(make([]byte, 2*tarBlock))
			return p.Bytes()
		}(), []string{"ambiguous"}, true},
		{"global path", begin().header('g', "g", records("path w/configure")).tree(bin), []string{"ambiguous"}, true},
		{"global linkpath", begin().header('g', "g", records("linkpath /etc/passwd")).tree(bin), []string{"ambiguous"}, false},
		{"commit and more", begin().header('g', "g", records("comment "+commit, "path w/x")).tree(bin), []string{"ambiguous"}, true},
		{"another remark", begin().header('g', "g", records("comment hello")).tree(bin), []string{"ambiguous"}, false},
		{"header before the global one", begin().header('x', "x", records("path w/configure")).header('g', "g", records("comment "+commit)).tree(bin), []string{"ambiguous"}, true},
		{"two long names", begin().header('L', "././@LongLink", "w/README\x00").header('x', "x", records("path w/configure")).tree(bin), []string{"ambiguous"}, true},
		{"name of a sparse file", begin().header('x', "x", records("GNU.sparse.name w/configure")).tree(bin), []string{"ambiguous"}, true},
		{"unknown sparse file", begin().header('x', "x", records("GNU.sparse.major 9", "GNU.sparse.minor 0", "GNU.sparse.name w/configure")).tree(bin), []string{"ambiguous"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bed{t: t, repo: b.repo, dir: t.TempDir()}
			path := b.save("a.tar", c.data)
			r := b.compare(path, Options{Allow: []string{"**"}})
			got := slices.DeleteFunc(told(r), func(s string) bool { return strings.HasPrefix(s, "*") })
			if !slices.Equal(got, c.want) || r.OK() != (c.want == nil) {
				t.Errorf("found %q, want %q\n%+v", got, c.want, r.Findings)
			}
			if ours, theirs := names(t, path), byTar(t, path); slices.Equal(ours, theirs) == c.other {
				t.Errorf("GNU tar finds\n%q, here are\n%q", theirs, ours)
			}
		})
	}
}

// zipParts puts a zip archive together by hand.
type zipParts struct {
	bytes.Buffer
	central bytes.Buffer
	entries int
}

// zipFile is one file of it; what is "" is as it should be.
type zipFile struct {
	name, content string
	localName     string
	packed        []byte // nil to compress the content
	flags         uint16
	extra         []byte // in both places
	shift         int    // what the central directory adds to the place of the local header
}

func (z *zipParts) add(f zipFile) *zipParts {
	if f.packed == nil {
		f.packed = deflated(f.content)
	}
	if f.localName == "" {
		f.localName = f.name
	}
	at := z.Len()
	z.Write(zipHeader("PK\x03\x04\x14\x00", f, f.localName, ""))
	z.Write(f.packed)
	le := binary.LittleEndian
	tail := make([]byte, 14) // no comment, disk 0, no attributes
	if f.name == "w/link" {
		le.PutUint32(tail[6:], 0o120777<<16)
	}
	le.PutUint32(tail[10:], uint32(at+f.shift))
	z.central.Write(zipHeader("PK\x01\x02\x14\x03\x14\x00", f, f.name, string(tail)))
	z.entries++
	return z
}

// zipHeader is what the two headers of a file have in common, between head and the name.
func zipHeader(head string, f zipFile, name, tail string) []byte {
	le := binary.LittleEndian
	h := le.AppendUint16([]byte(head), f.flags)
	h = le.AppendUint16(h, zip.Deflate)
	h = le.AppendUint32(h, 0)
	h = le.AppendUint32(h, crc32.ChecksumIEEE([]byte(f.content)))
	h = le.AppendUint32(h, uint32(len(f.packed)))
	h = le.AppendUint32(h, uint32(len(f.content)))
	h = le.AppendUint16(h, uint16(len(name)))
	h = le.AppendUint16(h, uint16(len(f.extra)))
	return slices.Concat(h, []byte(tail), []byte(name), f.extra)
}

func deflated(content string) []byte {
	var buf bytes.Buffer
	w, _ := flate.NewWriter(&buf, flate.BestSpeed) // the level is a sound one
	io.WriteString(w, content)
	w.Close()
	return buf.Bytes()
}

// end adds the central directory and the end, which says that the directory is shift bytes later.
func (z *zipParts) end(shift int, comment string) []byte {
	le := binary.LittleEndian
	at := z.Len()
	z.Write(z.central.Bytes())
	e := le.AppendUint32([]byte("PK\x05\x06"), 0)
	e = le.AppendUint16(le.AppendUint16(e, uint16(z.entries)), uint16(z.entries))
	e = le.AppendUint32(le.AppendUint32(e, uint32(z.central.Len())), uint32(at+shift))
	e = le.AppendUint16(e, uint16(len(comment)))
	z.Write(e)
	z.WriteString(comment)
	return z.Bytes()
}

func (z *zipParts) tree(shift int) *zipParts {
	for _, f := range tree() {
		if f.name == "w/link" {
			f.content = "src/main.c"
		}
		z.add(zipFile{name: f.name, content: f.content, shift: shift})
	}
	return z
}

func TestZipThatProgramsReadDifferently(t *testing.T) {
	b := newBed(t)
	hidden := (&zipParts{}).add(zipFile{name: "w/configure", content: "#!/bin/sh\n"}).Bytes()
	begin := func(prefix ...byte) *zipParts {
		z := &zipParts{}
		z.Write(prefix)
		return z
	}
	readme := zipFile{name: "w/README", content: "widget\n"}
	with := func(change func(*zipFile)) zipFile {
		f := readme
		change(&f)
		return f
	}
	// but is the tree with another file for README.
	but := func(f zipFile) *zipParts {
		z := begin()
		for _, x := range tree() {
			switch x.name {
			case "w/README":
				z.add(f)
				continue
			case "w/link":
				x.content = "src/main.c"
			}
			z.add(zipFile{name: x.name, content: x.content})
		}
		return z
	}
	sound := begin().tree(0).end(0, "")
	unicode := append([]byte("\x75\x70\x10\x00\x01"), binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte("w/README")))...)
	for _, c := range []struct {
		name  string
		data  []byte
		fault string
	}{
		{"sound", sound, ""},
		{"sound, other", but(readme).end(0, "remark"), ""},
		{"before the first file", begin(hidden...).tree(0).end(0, ""), zipFaultHidden},
		{"before the first file, not counted", append(bytes.Clone(hidden), sound...), zipFaultHidden},
		{"text before the first file", append([]byte("#!/bin/sh\nexit\n"), sound...), ""}, // not recognised at all
		{"between files", func() []byte {
			z := begin()
			z.add(zipFile{name: "w/configure", content: "#!/bin/sh\n"})
			z.central.Reset()
			z.entries = 0
			return z.tree(0).end(0, "")
		}(), zipFaultHidden},
		{"after the last file", func() []byte {
			z := begin().tree(0)
			z.Write(hidden)
			return z.end(0, "")
		}(), zipFaultHidden},
		{"within compressed data", but(with(func(f *zipFile) { f.packed = append(deflated(f.content), hidden...) })).end(0, ""), "damaged"},
		{"two names", but(with(func(f *zipFile) { f.localName = "w/Makefi" })).end(0, ""), zipFaultNames},
		{"two names, of other lengths", but(with(func(f *zipFile) { f.localName = "w/configure" })).end(0, ""), zipFaultNames},
		{"a name in an extra field", but(with(func(f *zipFile) { f.extra = append(unicode, "w/configure"...) })).end(0, ""), zipFaultNames},
		{"encrypted", but(with(func(f *zipFile) { f.flags = zipEncrypted })).end(0, ""), zipFaultEncrypted},
		{"over each other", func() []byte {
			z := begin().tree(0)
			again := append([]byte{}, z.central.Bytes()...)
			z.central.Write(again)
			z.entries *= 2
			return z.end(0, "")
		}(), zipFaultTwice},
		{"after the end", append(bytes.Clone(sound), "evil"...), zipFaultEnd},
		{"a second archive after the end", append(bytes.Clone(sound), sound...), zipFaultEnd},
		{"an end within the remark", begin().tree(0).end(0, "PK\x05\x06"), zipFaultEnd},
		{"the directory is elsewhere", begin().tree(0).end(-1, ""), "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bed{t: t, repo: b.repo, dir: t.TempDir()}
			path := b.save("a.zip", c.data)
			if _, err := open(path, DefaultLimits); err != nil {
				if c.name != "text before the first file" {
					t.Fatal(err)
				}
				return
			}
			r := b.compare(path, Options{Allow: []string{"**"}})
			i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Kind == Ambiguous || f.Kind == Damaged })
			switch {
			case c.fault == "":
				if i >= 0 || !r.OK() {
					t.Errorf("%+v", r.Findings)
				}
			case i < 0 || r.OK():
				t.Errorf("nothing was found: %+v", r.Findings)
			case c.fault == "damaged" && r.Findings[i].Kind == Damaged:
			case r.Findings[i].Detail != c.fault:
				t.Errorf("found %q, want %q", r.Findings[i].Detail, c.fault)
			}
		})
	}
}

// Where nothing is found to be ambiguous, other programs list the very same names.
func TestNamesAsOtherProgramsListThem(t *testing.T) {
	gnuTar(t)
	b := newBed(t)
	long := "deep/" + strings.Repeat("n", 120) + "/" + strings.Repeat("m", 120) + "é"
	b.write(long, "long\n")
	b.in("add", ".")
	b.in("commit", "-qm", "Add a long name")
	b.in("tag", "-fam", "one", "v1")
	check := func(path string, list func(*testing.T, string) []string) {
		t.Helper()
		r := b.compare(path, Options{Allow: []string{"**"}})
		if slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Understood }) {
			t.Errorf("%s: %q", filepath.Base(path), told(r))
		}
		if ours, theirs := names(t, path), list(t, path); len(ours) < 10 || !slices.Equal(ours, theirs) {
			t.Errorf("%s: here are\n%q, the other program lists\n%q", filepath.Base(path), ours, theirs)
		}
	}
	git := filepath.Join(b.dir, "git.tar")
	b.in("archive", "--prefix=w/", "-o", git, "v1")
	check(git, byTar)
	zipped := filepath.Join(b.dir, "git.zip")
	b.in("archive", "--prefix=w/", "-o", zipped, "v1")
	check(zipped, byPython)
	for _, format := range []string{"gnu", "posix", "oldgnu"} {
		path := filepath.Join(b.dir, format+".tar")
		if out, err := exec.Command("tar", "--format="+format, "--sort=name", "--exclude=.git", "--sparse", "-C", b.dir, "-cf", path, "widget").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		check(path, byTar)
	}
	for _, how := range []string{"deflated", "stored", "stream", "large"} {
		path := filepath.Join(b.dir, how+".zip")
		if out, err := exec.Command(keystest.Peer(t, "python3"), "-c", pythonZip, how, path, b.repo).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		check(path, byPython)
	}
}

// pythonZip makes a zip archive of a repository in one of several ways.
const pythonZip = `
import os, sys, zipfile
how, path, repo = sys.argv[1:]
class Stream:
    "a file that cannot seek: sizes follow the content"
    def __init__(self, f): self.f = f
    def write(self, b): return self.f.write(b)
    def flush(self): self.f.flush()
with open(path, "wb") as f:
    method = zipfile.ZIP_STORED if how == "stored" else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(Stream(f) if how == "stream" else f, "w", method) as z:
        for dir, dirs, files in os.walk(repo):
            dirs[:] = sorted(d for d in dirs if d != ".git")
            for name in sorted(files):
                full = os.path.join(dir, name)
                info = zipfile.ZipInfo("w/" + os.path.relpath(full, repo))
                info.compress_type = method
                link = os.path.islink(full)
                info.external_attr = (0o120777 if link else os.stat(full).st_mode) << 16
                data = os.readlink(full).encode() if link else open(full, "rb").read()
                with z.open(info, "w", force_zip64=how == "large") as out:
                    out.write(data)
`
