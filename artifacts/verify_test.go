package artifacts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

// sha256Of is the digest of s.
func sha256Of(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// What gpg signs, our judge accepts, in every form, until a byte changes.
func TestVerifyWhatGPGMade(t *testing.T) {
	s, home := gpgSigner(t, "ed25519")
	judge := &keys.Judge{Keyring: s.keyring(t), Now: time.Now().Add(time.Minute)}
	for _, c := range []struct {
		name string
		args []string
		ext  string
	}{
		{"armored", []string{"--armor"}, ".asc"},
		{"binary", nil, ".sig"},
		{"text mode", []string{"--armor", "--textmode"}, ".asc"},
		{"sha512", []string{"--armor", "--digest-algo", "SHA512"}, ".asc"},
		{"binary called asc", nil, ".asc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			content := "one\ntwo\r\nthree"
			path := filepath.Join(t.TempDir(), "notes.txt")
			write(t, path, content)
			_, errOut, err := keystest.GPG(t, home, nil, append(c.args, "--output", path+c.ext, "--detach-sign", path)...)
			if err != nil {
				t.Fatalf("gpg: %v\n%s", err, errOut)
			}
			v, err := Verify(t.Context(), path, "", judge)
			if err != nil || len(v.Verdicts) != 1 || v.Verdicts[0].Status != keys.StatusGood || v.SHA256 != sha256Of(content) {
				t.Fatalf("got %+v, %v", v, err)
			}
			if got := v.Verdicts[0]; got.Target != path || got.Kind != keys.KindArtifact || got.Signer.Fingerprint != s.key.Fingerprint {
				t.Errorf("wrong facts %+v", got)
			}
			write(t, path, content+"!")
			v, err = Verify(t.Context(), path, "", judge)
			if err != nil || v.Verdicts[0].Status != keys.StatusBad || v.Verdicts[0].Signer != nil {
				t.Errorf("changed file: %+v, %v", v, err)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	s, other := defaultSigner(t), newSigner(t, "Other", nil)
	for _, c := range []struct {
		name    string
		want    []keys.Status
		prepare func(t *testing.T, path string)
	}{
		{"unsigned", []keys.Status{keys.StatusUnsigned}, func(*testing.T, string) {}},
		{"asc before sig", []keys.Status{keys.StatusGood}, func(t *testing.T, p string) {
			mustSign(t, []File{{Path: p}}, s.options())
			write(t, p+".sig", "junk")
		}},
		{"unknown key", []keys.Status{keys.StatusUnknownKey}, func(t *testing.T, p string) {
			mustSign(t, []File{{Path: p}}, other.options())
		}},
		{"two signatures", []keys.Status{keys.StatusUnknownKey, keys.StatusGood}, func(t *testing.T, p string) {
			mustSign(t, []File{{Path: p}}, other.options())
			first := read(t, p+".asc")
			o := s.options()
			o.Replace = true
			mustSign(t, []File{{Path: p}}, o)
			write(t, p+".asc", first+read(t, p+".asc"))
		}},
		{"damaged", []keys.Status{keys.StatusBad}, func(t *testing.T, p string) {
			mustSign(t, []File{{Path: p}}, s.options())
			write(t, p+".asc", flipSignature(t, read(t, p+".asc")))
		}},
		{"junk", []keys.Status{keys.StatusMalformed}, func(t *testing.T, p string) { write(t, p+".asc", "junk") }},
		{"empty", []keys.Status{keys.StatusMalformed}, func(t *testing.T, p string) { write(t, p+".asc", "") }},
		{"huge", []keys.Status{keys.StatusNotChecked}, func(t *testing.T, p string) {
			write(t, p+".asc", strings.Repeat("x", maxSignature+1))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.zip")
			write(t, path, "content")
			c.prepare(t, path)
			v, err := Verify(t.Context(), path, "", s.judge(t))
			if err != nil || !slices.Equal(statuses(v.Verdicts), c.want) || v.SHA256 != sha256Of("content") {
				t.Errorf("got %+v, %v", v, err)
			}
			for _, x := range v.Verdicts {
				if x.Target != path || x.Kind != keys.KindArtifact || x.Reason == "" {
					t.Errorf("incomplete verdict %+v", x)
				}
			}
		})
	}
}

func TestVerifyErrors(t *testing.T) {
	dir := tree(t, "a.zip", "elsewhere/a.asc")
	s := defaultSigner(t)
	path := filepath.Join(dir, "a.zip")
	if _, err := Verify(t.Context(), filepath.Join(dir, "gone"), "", s.judge(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Verify(t.Context(), path, filepath.Join(dir, "gone.asc"), s.judge(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing signature that was named: %v", err)
	}
	var special *NotRegularError
	if _, err := Verify(t.Context(), dir, "", s.judge(t)); !errors.As(err, &special) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Verify(t.Context(), path, dir, s.judge(t)); !errors.As(err, &special) {
		t.Errorf("a folder as signature: %v", err)
	}
	mustSign(t, find(t, dir, "a.zip"), s.options())
	elsewhere := filepath.Join(dir, "elsewhere", "a.asc")
	if err := os.Rename(path+".asc", elsewhere); err != nil {
		t.Fatal(err)
	}
	v, err := Verify(t.Context(), path, elsewhere, s.judge(t))
	if err != nil || v.Verdicts[0].Status != keys.StatusGood {
		t.Errorf("signature elsewhere: %+v, %v", v, err)
	}
}

// signList signs a checksums file with the given content in dir and returns its path.
func signList(t *testing.T, s *testSigner, dir, content string) string {
	t.Helper()
	path := filepath.Join(dir, SHA256Name)
	write(t, path, content)
	o := s.options()
	o.Replace = true
	mustSign(t, []File{{Path: path, Name: SHA256Name}}, o)
	return path
}

func TestVerifyChecksums(t *testing.T) {
	dir := tree(t, "good.zip", "sub/good.zip", "changed.zip", "sha1.zip", "secret/outside.zip")
	s := defaultSigner(t)
	in := filepath.Join(dir, "list")
	for _, n := range []string{"good.zip", "sub/good.zip", "changed.zip", "sha1.zip"} {
		write(t, filepath.Join(in, filepath.FromSlash(n)), n)
	}
	write(t, filepath.Join(in, "changed.zip"), "other")
	line := func(name string) string { return sha256Of(name) + "  " + name + "\n" }
	list := signList(t, s, in, line("good.zip")+line("sub/good.zip")+line("changed.zip")+line("gone.zip")+
		sha256Of("secret/outside.zip")+"  ../secret/outside.zip\n"+sha256Of("secret/outside.zip")+"  "+filepath.ToSlash(dir)+"/secret/outside.zip\n"+
		line("sub")+strings.Repeat("0", 40)+"  sha1.zip\n"+"BLAKE2b (good.zip) = "+strings.Repeat("0", 128)+"\n")

	vs, err := VerifyChecksums(t.Context(), list, "", s.judge(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []keys.Status{
		keys.StatusGood, keys.StatusGood, keys.StatusGood, keys.StatusBad, keys.StatusNotChecked,
		keys.StatusNotChecked, keys.StatusNotChecked, keys.StatusNotChecked, keys.StatusNotChecked, keys.StatusNotChecked,
	}
	if !slices.Equal(statuses(vs), want) {
		t.Fatalf("got %q, want %q", statuses(vs), want)
	}
	for i, v := range vs {
		if (v.Kind == keys.KindChecksum) != (i == 0) || v.Target == "" || v.Reason == "" || (v.Signer != nil) != v.Status.Sound() {
			t.Errorf("incomplete verdict %+v", v)
		}
	}
	if want := "Its SHA-256 digest is the one in the list, and the list is signed: " + vs[0].Reason; vs[1].Reason != want {
		t.Errorf("got %q, want %q", vs[1].Reason, want)
	}
	if vs[0].Target != list || vs[2].Target != filepath.Join(in, "sub", "good.zip") || vs[1].Signer.Fingerprint != s.key.Fingerprint {
		t.Errorf("wrong facts %+v", vs)
	}
	if !strings.Contains(vs[4].Reason, "missing") || !strings.Contains(vs[5].Reason, "outside") || !strings.Contains(vs[7].Reason, "folder") {
		t.Errorf("wrong reasons: %q, %q, %q", vs[4].Reason, vs[5].Reason, vs[7].Reason)
	}
}

// A file is never better than the list that vouches for it.
func TestVerifyChecksumsOfUnsoundList(t *testing.T) {
	s, other := defaultSigner(t), newSigner(t, "Other", nil)
	content := sha256Of("a.zip") + "  a.zip\n" + sha256Of("a.zip") + "  b.zip\n"
	for _, c := range []struct {
		name    string
		want    keys.Status
		prepare func(list string)
	}{
		{"unsigned", keys.StatusUnsigned, func(list string) { write(t, list, content) }},
		{"unknown key", keys.StatusUnknownKey, func(list string) { signList(t, other, filepath.Dir(list), content) }},
		{"changed", keys.StatusBad, func(list string) {
			signList(t, s, filepath.Dir(list), "# before\n"+content)
			write(t, list, content)
		}},
		{"junk", keys.StatusMalformed, func(list string) { write(t, list, content); write(t, list+".asc", "junk") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tree(t, "a.zip", "b.zip")
			list := filepath.Join(dir, SHA256Name)
			c.prepare(list)
			vs, err := VerifyChecksums(t.Context(), list, "", s.judge(t))
			want := []keys.Status{c.want, c.want, keys.StatusBad}
			if err != nil || !slices.Equal(statuses(vs), want) {
				t.Errorf("got %q, %v", statuses(vs), err)
			}
			for _, v := range vs {
				if v.Signer != nil || v.OK(true) {
					t.Errorf("proved nothing, yet says %+v", v)
				}
			}
		})
	}
}

// TestVerifyChecksumsOfSeveral signs a list by several people, and by one whom nobody knows.
func TestVerifyChecksumsOfSeveral(t *testing.T) {
	ann, ben, stranger := defaultSigner(t), newSigner(t, "Ben", nil), newSigner(t, "Stranger", nil)
	dir := tree(t, "a.zip", "b.zip")
	content := sha256Of("a.zip") + "  a.zip\n" + sha256Of("a.zip") + "  b.zip\n"
	list, all := "", ""
	for _, s := range []*testSigner{ben, stranger, ann, ann} { // ann's twice
		list = signList(t, s, dir, content)
		sig, err := os.ReadFile(list + ".asc")
		if err != nil {
			t.Fatal(err)
		}
		all += string(sig)
	}
	write(t, list+".asc", all)
	j := ann.judge(t)
	j.Keyring = keys.MergeKeyrings(j.Keyring, ben.keyring(t))
	vs, err := VerifyChecksums(t.Context(), list, "", j)
	if err != nil || len(vs) != 4+3+1 {
		t.Fatalf("got %q, %v", statuses(vs), err)
	}
	a := vs[4:7]
	if !slices.Equal(statuses(a), []keys.Status{keys.StatusGood, keys.StatusUnknownKey, keys.StatusGood}) ||
		a[0].Signer.Fingerprint != ben.key.Fingerprint || a[2].Signer.Fingerprint != ann.key.Fingerprint {
		t.Errorf("got %+v", a)
	}
	for i, v := range a {
		if v.Target != filepath.Join(dir, "a.zip") || v.SHA256 != sha256Of("a.zip") || !strings.HasSuffix(v.Reason, vs[i].Reason) {
			t.Errorf("got %+v", v)
		}
	}
	if vs[7].Status != keys.StatusBad || vs[7].Target != filepath.Join(dir, "b.zip") {
		t.Errorf("got %+v", vs[7])
	}
}

// TestDistinct hands on what a file's verdict may depend on, and no more.
func TestDistinct(t *testing.T) {
	var list []keys.Verdict
	for i := range 1000 {
		list = append(list, keys.Verdict{Status: keys.StatusUnknownKey, Claim: keys.Claim{KeyID: strconv.Itoa(i)}})
	}
	good := keys.Verdict{Status: keys.StatusGood, Signer: &keys.Signatory{Fingerprint: "A"}}
	list = append(list, keys.Verdict{Status: keys.StatusBad}, good, good)
	got := distinct(list)
	if len(got) != maxUnproved+2 || got[maxUnproved].Status != keys.StatusBad || got[maxUnproved+1].Signer == nil {
		t.Errorf("got %q", statuses(got))
	}
}

// Symbolic links may stay in the list's folder, but not lead out of it.
func TestVerifyChecksumsThroughLinks(t *testing.T) {
	dir := tree(t, "outside.zip", "list/real.zip")
	in := filepath.Join(dir, "list")
	for from, to := range map[string]string{
		"inside.zip": "real.zip", "escape.zip": filepath.Join("..", "outside.zip"),
		"absolute.zip": filepath.Join(dir, "outside.zip"), "folder": "..",
	} {
		if err := os.Symlink(to, filepath.Join(in, from)); err != nil {
			if runtime.GOOS == "windows" {
				t.Skip("no right to make symbolic links: ", err)
			}
			t.Fatal(err)
		}
	}
	s := defaultSigner(t)
	outside := sha256Of("outside.zip")
	list := signList(t, s, in, sha256Of("list/real.zip")+"  inside.zip\n"+outside+"  escape.zip\n"+outside+"  absolute.zip\n"+outside+"  folder/outside.zip\n")
	vs, err := VerifyChecksums(t.Context(), list, "", s.judge(t))
	want := []keys.Status{keys.StatusGood, keys.StatusGood, keys.StatusNotChecked, keys.StatusNotChecked, keys.StatusNotChecked}
	if err != nil || !slices.Equal(statuses(vs), want) {
		t.Errorf("got %q, %v", statuses(vs), err)
	}
}

func TestVerifyChecksumsErrors(t *testing.T) {
	s := defaultSigner(t)
	dir := t.TempDir()
	if _, err := VerifyChecksums(t.Context(), filepath.Join(dir, "gone"), "", s.judge(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing list: %v", err)
	}
	list := signList(t, s, dir, hexA+"  a.zip\nwhat is this\n")
	vs, err := VerifyChecksums(t.Context(), list, "", s.judge(t))
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Line != 2 || !slices.Equal(statuses(vs), []keys.Status{keys.StatusGood}) {
		t.Errorf("got %q, %v", statuses(vs), err)
	}
	write(t, list, strings.Repeat("#", maxChecksums+1))
	if _, err := VerifyChecksums(t.Context(), list, "", s.judge(t)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("huge list: %v", err)
	}
}

// sha256sum and sha512sum made these lists, gpg signed them.
func TestVerifyForeignChecksums(t *testing.T) {
	s, home := gpgSigner(t, "ed25519")
	for _, args := range [][]string{{"sha256sum"}, {"sha512sum"}, {"sha256sum", "--tag"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			names := odd()
			dir := tree(t, names...)
			out, errOut, err := keystest.Run(t, nil, nil, "env", append(append([]string{"-C", dir, keystest.Peer(t, args[0])}, args[1:]...), append([]string{"--"}, names...)...)...)
			if err != nil {
				t.Fatalf("%v\n%s", err, errOut)
			}
			list := filepath.Join(dir, "CHECKSUMS")
			write(t, list, out)
			if _, errOut, err := keystest.GPG(t, home, nil, "--armor", "--detach-sign", list); err != nil {
				t.Fatalf("gpg: %v\n%s", err, errOut)
			}
			vs, err := VerifyChecksums(t.Context(), list, "", &keys.Judge{Keyring: s.keyring(t), Now: time.Now().Add(time.Minute)})
			if err != nil || len(vs) != len(names)+1 {
				t.Fatalf("%d verdicts, %v", len(vs), err)
			}
			for _, v := range vs {
				if v.Status != keys.StatusGood {
					t.Errorf("got %+v", v)
				}
			}
		})
	}
}
