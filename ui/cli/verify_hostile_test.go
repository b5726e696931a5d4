package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/ui/explain"
)

// rawTag makes a tag object by hand, as an attacker who may push does.
func (p *releasedProject) rawTag(name, body string) {
	p.t.Helper()
	head := p.git("-C", p.dir, "rev-parse", "HEAD")
	raw := fmt.Sprintf("object %s\ntype commit\ntag %s\ntagger Eve <eve@example.org> 1700000000 +0000\n\n%s", head, name, body)
	cmd := exec.Command("git", "-C", p.dir, "hash-object", "-t", "tag", "-w", "--stdin", "--literally")
	cmd.Stdin = strings.NewReader(raw)
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatal(err)
	}
	p.git("-C", p.dir, "update-ref", "refs/tags/"+name, strings.TrimSpace(string(out)))
}

// statuses runs bulla verify --json and returns the worst status of each target.
func (p *releasedProject) statuses(args ...string) (map[string]keys.Status, int) {
	p.t.Helper()
	code, out, errs := p.verify(append([]string{"--json"}, args...)...)
	got := map[string]keys.Status{}
	for d := json.NewDecoder(strings.NewReader(out)); d.More(); {
		var v struct {
			Target string
			Status keys.Status
		}
		if err := d.Decode(&v); err != nil {
			p.t.Fatalf("%v\n%.2000s%s", err, out, errs)
		}
		if name := filepath.Base(v.Target); got[name] == "" || got[name] == keys.StatusGood {
			got[name] = v.Status
		}
	}
	return got, code
}

// armored wraps packets as a signature.
func armored(packets []byte) string {
	return "-----BEGIN PGP SIGNATURE-----\n\n" + base64Lines(packets) + "-----END PGP SIGNATURE-----\n"
}

// base64Lines is the body of an armor block.
func base64Lines(data []byte) string {
	var b strings.Builder
	for chunk := range slices.Chunk(data, 48) {
		b.WriteString(base64.StdEncoding.EncodeToString(chunk) + "\n")
	}
	return b.String()
}

// What an attacker puts into tags ends as a verdict that is not good, in bounded time, and the
// sound tag beside them is judged all the same.
func TestHostileTags(t *testing.T) {
	p := newProject(t)
	sound := p.git("-C", p.dir, "cat-file", "tag", "v1.0.0")
	signature := sound[strings.Index(sound, "-----BEGIN PGP SIGNATURE-----"):] + "\n"
	fake := "gpg: Signature made Mon 01 Jan 2024\ngpg: Good signature from \"Pat Practice <pat@example.org>\" [ultimate]\n[GNUPG:] GOODSIG 0123456789ABCDEF Pat\n[GNUPG:] VALIDSIG 0123\n"
	bomb := armored(bytes.Repeat([]byte{0xc2, 0x01, 0x04}, 20_000))
	deep := strings.Repeat("-----BEGIN PGP SIGNATURE-----\n\n", 20_000)
	var tags []string
	add := func(name, body string) {
		p.rawTag(name, body)
		tags = append(tags, name)
	}
	add("fake", fake)
	add("fake-signed", "x\n"+fake+signature)
	add("escapes", "\x1b[2J\x1b[Hgood tag v1.0.0\r\n\u202e"+signature)
	add("bomb", "x\n"+bomb)
	add("deep", "x\n"+deep)
	add("many", "x\n"+strings.Repeat(signature, 2000))
	add("stolen", sound[strings.Index(sound, "\n\n")+2:])
	add("huge", strings.Repeat("Good signature\n", 7<<20)+signature)
	p.git("-C", p.dir, "update-ref", "refs/tags/renamed", p.git("-C", p.dir, "rev-parse", "v1.0.0"))
	tags = append(tags, "renamed")

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	got, code := p.statuses(append(tags, "v1.0.0")...)
	runtime.ReadMemStats(&after)
	if code != explain.CodeFailed || got["v1.0.0"] != keys.StatusGood {
		t.Errorf("exit %d, v1.0.0 is %q", code, got["v1.0.0"])
	}
	for _, tag := range tags {
		if s, ok := got[tag]; !ok || (s == keys.StatusGood && tag != "renamed") {
			t.Errorf("%s is %q", tag, s)
		}
	}
	for tag, want := range map[string]keys.Status{"fake": keys.StatusUnsigned, "fake-signed": keys.StatusBad, "stolen": keys.StatusBad, "huge": keys.StatusNotChecked, "bomb": keys.StatusNotChecked, "many": keys.StatusBad} {
		if got[tag] != want {
			t.Errorf("%s is %q, want %q", tag, got[tag], want)
		}
	}
	if total := after.TotalAlloc - before.TotalAlloc; total > 1<<30 {
		t.Errorf("%d MiB were allocated", total>>20)
	}
	if code, out, _ := p.verify("renamed"); code != explain.CodeFailed || !strings.Contains(out, "not trusted") {
		t.Errorf("a tag under another name: exit %d\n%s", code, out)
	}
	for _, tag := range tags {
		_, out, errs := p.verify(tag)
		if strings.ContainsAny(out+errs, "\x1b\r\u202e") || strings.Contains(out+errs, "Good signature from") {
			t.Errorf("%s reaches the terminal: %.300q", tag, out+errs)
		}
	}
}

// Signatures beside files, checksums and records made to hurt.
func TestHostileFiles(t *testing.T) {
	p := newProject(t)
	tar := p.path(p.artifact())
	good, err := os.ReadFile(tar + ".asc")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var targets []string
	add := func(name string, content, sig []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		targets = append(targets, path)
		if sig == nil {
			return
		}
		if err := os.WriteFile(path+".asc", sig, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(tar)
	if err != nil {
		t.Fatal(err)
	}
	nested := []byte{0xc2, 0xff, 0xff, 0xff, 0xff, 0xff} // a signature packet of 4 GiB, in six octets
	add("large-signature", content, bytes.Repeat(good, 20_000))
	add("bomb", content, []byte(armored(bytes.Repeat([]byte{0xc2, 0x01, 0x04}, 50_000))))
	add("long-packet", content, []byte(armored(nested)))
	add("noise", content, bytes.Repeat([]byte{0xff, 0x00, 0xc2}, 10_000))
	add("empty", content, []byte{})
	add("text", content, []byte("gpg: Good signature from \"Pat\"\n"))
	add("lantern-1.0.0\u2024tar.gz", []byte("evil"), good)        // ONE DOT LEADER for a full stop
	add("lantern-1.0.0.t\u0430r.gz", []byte("evil"), good)        // a Cyrillic letter
	add("v1.0.0\x1b[2J\u202e good", []byte("evil"), good)         // an escape, and a turn
	add("x_SHA256SUMS", bytes.Repeat([]byte("0\n"), 3<<20), good) // over the limit
	add("y_SHA256SUMS", []byte(strings.Repeat("0", 64)+"  ../../etc/passwd\n"+strings.Repeat("0", 64)+"  /etc/passwd\n"), good)
	add("bulla-release.json", []byte(strings.Repeat(`{"subject":[`, 100_000)), good)
	got, code := p.statuses(append(targets, tar)...)
	if code != explain.CodeFailed || got[filepath.Base(tar)] != keys.StatusGood {
		t.Errorf("exit %d, the sound one is %q", code, got[filepath.Base(tar)])
	}
	for _, path := range targets {
		if s, ok := got[filepath.Base(path)]; !ok || s == keys.StatusGood {
			t.Errorf("%q is %q", filepath.Base(path), s)
		}
	}
	code, out, errs := p.verify(append([]string{dir}, tar)...)
	if code != explain.CodeFailed || strings.ContainsAny(out+errs, "\x1b\u202e") {
		t.Errorf("the folder: exit %d\n%.2000q", code, out+errs)
	}
}

// A key with a user id of megabytes, and one with thousands of them, neither stops the others nor
// fills the screen.
func TestHostileKeys(t *testing.T) {
	p := newProject(t)
	home := filepath.Join(t.TempDir(), "KEYS")
	real, err := os.ReadFile(p.keys)
	if err != nil {
		t.Fatal(err)
	}
	long := append([]byte{0xcd, 0xff, 0x00, 0x20, 0x00, 0x00}, bytes.Repeat([]byte("A\x1b"), 1<<20)...)
	var many bytes.Buffer
	for i := range 50_000 {
		id := fmt.Sprintf("Pat Practice <pat%d@example.org>", i)
		many.Write([]byte{0xcd, byte(len(id))})
		many.WriteString(id)
	}
	block := func(packets []byte) string {
		return "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + base64Lines(packets) + "-----END PGP PUBLIC KEY BLOCK-----\n"
	}
	if err := os.WriteFile(home, []byte(block(long)+block(many.Bytes())+string(real)), 0o644); err != nil {
		t.Fatal(err)
	}
	p.keys = home
	code, out, errs := p.verify("v1.0.0")
	if code != explain.CodeOK || len(out)+len(errs) > 4000 || strings.Contains(out+errs, "\x1b") {
		t.Errorf("exit %d, %d octets\n%.1000q", code, len(out)+len(errs), out+errs)
	}
}
