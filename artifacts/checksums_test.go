package artifacts

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulla/keys/keystest"
)

const (
	hexA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	hexB = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592"
)

func TestParseChecksums(t *testing.T) {
	sha512 := strings.Repeat("ab", 64)
	for _, c := range []struct {
		in   string
		want []Checksum
	}{
		{"", nil},
		{"# a comment\n\n", nil},
		{hexA + "  app.zip\n", []Checksum{{"sha256", hexA, "app.zip"}}},
		{hexA + "  app.zip", []Checksum{{"sha256", hexA, "app.zip"}}},
		{hexA + " *app.zip\r\n", []Checksum{{"sha256", hexA, "app.zip"}}},
		{strings.ToUpper(hexA) + "  a b  c\n", []Checksum{{"sha256", hexA, "a b  c"}}},
		{hexA + "   leading\n", []Checksum{{"sha256", hexA, " leading"}}},
		{hexA + "  a\\nb\n", []Checksum{{"sha256", hexA, "a\\nb"}}},
		{"\\" + hexA + "  a\\nb\\\\c\\rd\n", []Checksum{{"sha256", hexA, "a\nb\\c\rd"}}},
		{sha512 + "  x\n" + strings.Repeat("0", 40) + "  y\n", []Checksum{{"sha512", sha512, "x"}, {"sha1", strings.Repeat("0", 40), "y"}}},
		{"SHA256 (a (1).zip) = " + hexA + "\n", []Checksum{{"sha256", hexA, "a (1).zip"}}},
		{"SHA256(a.zip)= " + hexA + "\n", []Checksum{{"sha256", hexA, "a.zip"}}},
		{"\\SHA256 (a\\nb) = " + hexA + "\n", []Checksum{{"sha256", hexA, "a\nb"}}},
		{"BLAKE2b (x) = " + sha512 + "\n", []Checksum{{"blake2b", sha512, "x"}}},
		{hexA + "  ../../etc/passwd\n", []Checksum{{"sha256", hexA, "../../etc/passwd"}}},
	} {
		got, err := ParseChecksums(strings.NewReader(c.in))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestParseChecksumsRefuses(t *testing.T) {
	for _, in := range []string{
		"not a checksum", hexA, hexA + " ", hexA + "  ", hexA + " x", hexA[:62] + "  short", "zz" + hexA[2:] + "  x",
		"SHA256 (x) = ", "SHA256 (x) = " + hexA[:62], "SHA256 (x)", "SHA256 () = " + hexA, "(x) = " + hexA, "SHA256 x) = " + hexA,
		"\\" + hexA + "  a\\", "\\" + hexA + "  a\\tb", hexA + "  nul\x00byte", "SHA 256 (x) = " + hexA,
		"-----BEGIN PGP SIGNED MESSAGE-----",
	} {
		_, err := ParseChecksums(strings.NewReader(hexB + "  good\n\n" + in + "\n"))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Line != 3 {
			t.Errorf("%q: %v", in, err)
		}
	}
	_, err := ParseChecksums(bytes.NewReader(make([]byte, maxChecksums+1)))
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestFormatChecksums(t *testing.T) {
	got := string(formatChecksums([]Checksum{{Digest: hexB, Name: "b/x"}, {Digest: hexA, Name: "a\nb\\"}, {Digest: hexA, Name: "B"}}))
	want := hexA + "  B\n\\" + hexA + "  a\\nb\\\\\n" + hexB + "  b/x\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What coreutils writes is read alike, for names that it has to escape and in BSD form.
func TestParseCoreutils(t *testing.T) {
	names := append(odd(), "(paren) = x")
	for _, tool := range []string{"sha256sum", "sha512sum", "sha1sum", "b2sum"} {
		for _, form := range []string{"--text", "--binary", "--tag"} {
			t.Run(tool+form, func(t *testing.T) {
				dir := tree(t, names...)
				cmd := exec.Command(keystest.Peer(t, tool), append([]string{form, "--"}, names...)...)
				cmd.Dir = dir
				out, err := cmd.Output()
				if err != nil {
					t.Fatal(err)
				}
				list, err := ParseChecksums(bytes.NewReader(out))
				if err != nil {
					t.Fatalf("%v in\n%s", err, out)
				}
				var got []string
				for _, c := range list {
					got = append(got, c.Name)
					if len(c.Digest) < 40 {
						t.Errorf("bad digest %q", c.Digest)
					}
				}
				if !slices.Equal(got, names) {
					t.Errorf("got %q, want %q", got, names)
				}
			})
		}
	}
}

func FuzzParseChecksums(f *testing.F) {
	f.Add([]byte(hexA + "  app.zip\n"))
	f.Add([]byte("\\" + hexA + " *a\\nb\\\\\r\n# comment\n"))
	f.Add([]byte("SHA256 (a (1)) = " + hexB + "\nSHA512(x)= " + hexA + hexA + "\n"))
	f.Add([]byte(hexA[:40] + "  x\n\\" + hexA[:32] + "  \\\\\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ParseChecksums(bytes.NewReader(data))
		if err != nil {
			if len(list) != 0 {
				t.Error("a refused list has lines")
			}
			return
		}
		// What was read and can be written in GNU form is read back the same.
		gnu := slices.DeleteFunc(slices.Clone(list), func(c Checksum) bool {
			return c.hash() == 0 && c.Algorithm != "md5" && c.Algorithm != "sha1"
		})
		slices.SortStableFunc(gnu, func(a, b Checksum) int { return strings.Compare(a.Name, b.Name) })
		again, err := ParseChecksums(bytes.NewReader(formatChecksums(gnu)))
		if err != nil || !slices.Equal(again, gnu) {
			t.Errorf("%q became %q, %v", gnu, again, err)
		}
	})
}

// SHA256SUMS for the oddest names passes sha256sum -c, and its signature gpg and sq.
func TestWriteChecksums(t *testing.T) {
	names := append(odd(), "sub/app.zip", "(p) = x")
	dir := tree(t, names...)
	s := defaultSigner(t)
	o := s.options()
	o.SHA512 = true
	signed := mustSign(t, find(t, dir, "**"), o)
	if len(signed) != len(names) {
		t.Fatalf("signed %d files", len(signed))
	}
	paths, err := WriteChecksums(t.Context(), dir, signed, o)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, n := range []string{"SHA256SUMS", "SHA256SUMS.asc", "SHA512SUMS", "SHA512SUMS.asc"} {
		want = append(want, filepath.Join(dir, n))
	}
	if !slices.Equal(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
	noTemps(t, dir)
	for _, tool := range []string{"sha256sum", "sha512sum"} {
		t.Run(tool, func(t *testing.T) {
			cmd := exec.Command(keystest.Peer(t, tool), "--check", "--strict", strings.ToUpper(tool)+"S")
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), ": OK\n") != len(names) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	t.Run("gpg", func(t *testing.T) {
		home := s.gpgHome(t)
		for _, list := range []string{paths[0], paths[2]} {
			if st := keystest.GPGStatus(t, home, list+".asc", list); !keystest.HasStatus(st, "GOODSIG") {
				t.Errorf("%s: %q", list, st)
			}
		}
	})
	t.Run("again", func(t *testing.T) {
		before, _ := os.Stat(paths[0])
		again, err := WriteChecksums(t.Context(), dir, signed, o)
		after, _ := os.Stat(paths[0])
		if err != nil || !slices.Equal(again, paths) || !os.SameFile(before, after) {
			t.Errorf("equal content was not kept: %q, %v", again, err)
		}
	})
}

func TestWriteChecksumsKeepsWhatIsThere(t *testing.T) {
	dir := tree(t, "a.zip", "b.zip")
	s, other := defaultSigner(t), newSigner(t, "Other", nil)
	signed := mustSign(t, find(t, dir, "*.zip"), s.options())
	sums := filepath.Join(dir, SHA256Name)

	write(t, sums, "something else\n")
	_, err := WriteChecksums(t.Context(), dir, signed, s.options())
	var exists *ExistsError
	if !errors.As(err, &exists) || exists.Path != sums || read(t, sums) != "something else\n" {
		t.Errorf("other content: %v", err)
	}
	absent(t, sums+".asc")

	if err := os.Remove(sums); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteChecksums(t.Context(), dir, signed, other.options()); err != nil {
		t.Fatal(err)
	}
	foreign := read(t, sums+".asc")
	_, err = WriteChecksums(t.Context(), dir, signed, s.options())
	var sig *SignatureExistsError
	if !errors.As(err, &sig) || sig.State != StateForeign || sig.By != other.key.Fingerprint || read(t, sums+".asc") != foreign {
		t.Errorf("foreign signature: %v", err)
	}

	o := s.options()
	o.Replace = true
	if _, err := WriteChecksums(t.Context(), dir, signed[:1], o); err != nil {
		t.Fatal(err)
	}
	if read(t, sums) != signed[0].SHA256+"  a.zip\n" {
		t.Errorf("not replaced: %q", read(t, sums))
	}
	vs, err := VerifyChecksums(t.Context(), sums, "", s.judge(t))
	if err != nil || len(vs) != 2 || !vs[0].OK(false) || !vs[1].OK(false) {
		t.Errorf("after replacing: %+v, %v", vs, err)
	}

	// The list is right again, but the signature belongs to the shorter one.
	write(t, sums, string(formatChecksums([]Checksum{{Digest: signed[0].SHA256, Name: "a.zip"}, {Digest: signed[1].SHA256, Name: "b.zip"}})))
	_, err = WriteChecksums(t.Context(), dir, signed, s.options())
	if !errors.As(err, &sig) || sig.State != StateStale {
		t.Errorf("stale signature: %v", err)
	}
}

func TestWriteChecksumsRefuses(t *testing.T) {
	dir := tree(t, "dist/a.zip", "b.zip")
	s := defaultSigner(t)
	signed := mustSign(t, find(t, dir, "dist/a.zip", "b.zip"), s.options())
	_, err := WriteChecksums(t.Context(), filepath.Join(dir, "dist"), signed, s.options())
	var outside *OutsideError
	if !errors.As(err, &outside) || outside.Path != filepath.Join(dir, "b.zip") {
		t.Errorf("a file outside: %v", err)
	}
	o := s.options()
	o.SHA512 = true
	if _, err := WriteChecksums(t.Context(), dir, signed, o); err == nil {
		t.Error("a list was written without its digests")
	}
	absent(t, filepath.Join(dir, SHA256Name))
	absent(t, filepath.Join(dir, "dist", SHA256Name))
}
