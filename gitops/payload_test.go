package gitops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// awkwardMessages are what people and scripts hand to git tag -m.
var awkwardMessages = []string{
	"Release 1", "Release 1\n", "Release 1\n\n\n", "\n\n  \nRelease 1", "Release 1   \t \nbody \t\n",
	"a\n\n\n\nb\n \n\t\nc", "", " ", "\n", "\t\n \n", "# only a comment", "# Heading\nbody\n", "body\n# comment\nmore",
	"body\n #indented stays\n", "a\n#c\n\n#d\nb", "#", "a\r\nb\r\n\r\n\r\nc\r\n", "a\rb", "tab\tinside\t",
	"Grüße, 世界 🦭\n\n— ende ", "\xff\xfe not UTF-8 \xe4", "\v\f stay \v\f\n", "\u00a0", "a\u00a0\n",
	"  leading space stays", "-m looks like an option", "100%s %d %%", strings.Repeat("long ", 20000),
	"trailing backslash \\", "----- BEGIN PGP SIGNATURE-----", " -----BEGIN PGP SIGNATURE-----", "; semicolon\nx", "%% x\ny",
}

// gitTagObject lets git make an annotated tag and returns the object. The message goes in by
// -m, or by a file where -m could not carry it.
func gitTagObject(t *testing.T, w *world, dir string, s TagSpec) []byte {
	t.Helper()
	name := "reference"
	_, _ = w.try(dir, nil, "tag", "-d", name)
	date := fmt.Sprintf("GIT_COMMITTER_DATE=%d %s", s.Tagger.When.Unix(), s.Tagger.When.Format("-0700"))
	args := []string{"tag", "-a", "-m", s.Message, name}
	if s.Target != "" {
		args = append(args, s.Target)
	}
	env := []string{date, "GIT_COMMITTER_NAME=" + s.Tagger.Name, "GIT_COMMITTER_EMAIL=" + s.Tagger.Email}
	if out, err := w.try(dir, env, args...); err != nil {
		t.Fatalf("git tag: %v\n%s", err, out)
	}
	cmd := exec.Command("git", "cat-file", "tag", name)
	cmd.Dir, cmd.Env = w.path(dir), w.env
	raw, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(raw, []byte("\ntag reference\n"), []byte("\ntag "+s.Name+"\n"), 1)
}

// TestPayloadMessages: what is signed is byte for byte what git tag would write.
func TestPayloadMessages(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	for _, withGit := range []bool{true, false} {
		r := w.open("r", withGit)
		for i, m := range awkwardMessages {
			if len(m) > 4096 && !withGit {
				continue
			}
			s := spec(fmt.Sprintf("v%d", i), m)
			want := gitTagObject(t, w, "r", s)
			got, err := r.TagPayload(context.Background(), s)
			if err != nil {
				t.Fatalf("%.40q: %v", m, err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%.40q git=%v\n got %.300q\nwant %.300q", m, withGit, got, want)
			}
		}
	}
}

func TestPayloadCommentChar(t *testing.T) {
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.plain("r")
		for _, c := range []string{";", "auto", "%", "#"} {
			w.git("r", "config", "core.commentChar", c)
			for _, m := range []string{"# number sign\n; semicolon\n% percent", "#\n;\n%"} {
				s := spec("v1", m)
				want := gitTagObject(t, w, "r", s)
				got, err := w.open("r", withGit).TagPayload(context.Background(), s)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("comment character %q:\n got %q, %v\nwant %q", c, got, err, want)
				}
			}
		}
	})
}

// TestPayloadIdents: names, addresses and zones as git writes them.
func TestPayloadIdents(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	r := w.open("r", true)
	zone := func(seconds int) *time.Location { return time.FixedZone("", seconds) }
	for _, id := range []Ident{
		{"Ann", "ann@example.org", clock},
		{"  Ann <Boss>  ", " <ann@example.org> ", clock},
		{`"Ann, the O'Hara",`, "ann@example.org;", clock},
		{"Jürgen Šimek 山田", "jürgen@exämple.org", clock.UTC()},
		{"'quoted'", "a b@c", clock.In(zone(-34200))},
		{"Ann\nInjected <x@y> 1 +0000", "ann@example.org", clock.In(zone(-1800))},
		{"Ann", "ann@example.org", time.Unix(1, 0).In(zone(14 * 3600))},
		{"Ann", "ann@example.org", time.Unix(4000000000, 0).In(zone(20700))},
		{"J. R. Ann", "a.n.n@example.org", clock},
	} {
		s := TagSpec{Name: "v1", Message: "m", Tagger: id}
		got, err := r.TagPayload(context.Background(), s)
		if err != nil {
			t.Errorf("%q: %v", id.Name, err)
			continue
		}
		if id.When.Unix() < 100000000 { // for git's reading of the variable alone
			id.When = clock
			got = bytes.Replace(got, []byte("> 1 +1400"), fmt.Appendf(nil, "> %d +0130", clock.Unix()), 1)
			s.Tagger = id
		}
		if want := gitTagObject(t, w, "r", s); !bytes.Equal(got, want) {
			t.Errorf("ident:\n got %q\nwant %q", got, want)
		}
	}
	var noIdent *IdentityError
	for _, id := range []Ident{{"", "a@b", clock}, {"Ann", "", clock}, {"<>", ",", clock}, {"Ann", "a@b", time.Time{}}, {"Ann", "a@b", time.Unix(-1, 0)}} {
		_, err := r.TagPayload(context.Background(), TagSpec{Name: "v1", Message: "m", Tagger: id})
		if err == nil || (!id.When.IsZero() && id.When.Unix() > 0 && !errors.As(err, &noIdent)) {
			t.Errorf("%+v: %v", id, err)
		}
	}
}

// TestPayloadTargets: tags of commits, tags, trees and blobs.
func TestPayloadTargets(t *testing.T) {
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.plain("r")
		w.git("r", "tag", "-am", "inner", "inner")
		w.git("r", "branch", "side", "HEAD~1")
		r := w.open("r", withGit)
		head := w.git("r", "rev-parse", "HEAD")
		for _, target := range []string{"", "HEAD", "main", "HEAD~1", "side", "inner", "inner^{}", "refs/tags/inner", head, head[:9], "HEAD^{tree}", "HEAD:a.txt"} {
			if !withGit && strings.ContainsAny(target, ":{") {
				continue // go-git knows fewer expressions; ErrNotFound below
			}
			s := spec("v1", "m")
			s.Target = target
			got, err := r.TagPayload(context.Background(), s)
			if err != nil {
				t.Errorf("%q: %v", target, err)
				continue
			}
			if want := gitTagObject(t, w, "r", s); !bytes.Equal(got, want) {
				t.Errorf("target %q:\n got %q\nwant %q", target, got, want)
			}
		}
		for _, target := range []string{"nowhere", "-d", "--all", "a\nHEAD", strings.Repeat("0", 40), "HEAD~99", "HEAD..main"} {
			s := spec("v1", "m")
			s.Target = target
			if _, err := r.TagPayload(context.Background(), s); !errors.Is(err, ErrNotFound) {
				t.Errorf("target %q: %v", target, err)
			}
		}
	})
}

func TestPayloadRefusals(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	r := w.open("r", true)
	var name *TagNameError
	if _, err := r.TagPayload(context.Background(), spec("-d", "m")); !errors.As(err, &name) {
		t.Errorf("option as a name: %v", err)
	}
	var message *MessageError
	for _, m := range []string{"a\x00b", "x\n-----BEGIN PGP SIGNATURE-----\ny", "-----BEGIN SSH SIGNATURE-----", strings.Repeat("x", maxMessage+1)} {
		if _, err := r.TagPayload(context.Background(), spec("v1", m)); !errors.As(err, &message) {
			t.Errorf("%.40q: %v", m, err)
		}
	}
}

// TestPayloadAsSigned compares with what git tag -s really hands to gpg.
func TestPayloadAsSigned(t *testing.T) {
	home := gpgHome(t)
	w := newWorld(t)
	for _, format := range []string{"sha1", "sha256"} {
		w.plain(format, "--object-format="+format)
		s := spec("v1", "Signed\n\n# gone\nby git ")
		env := []string{"GNUPGHOME=" + home, fmt.Sprintf("GIT_COMMITTER_DATE=%d +0130", clock.Unix())}
		if out, err := w.try(format, env, "tag", "-s", "-u", "ann@example.org", "-m", s.Message, "v1"); err != nil {
			t.Fatalf("git tag -s: %v\n%s", err, out)
		}
		both(t, func(t *testing.T, withGit bool) {
			if format == "sha256" && !withGit {
				return
			}
			r := w.open(format, withGit)
			tag, err := r.Tag(context.Background(), "v1")
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.TagPayload(context.Background(), s)
			if err != nil || !bytes.Equal(got, tag.Payload) {
				t.Errorf("payload %q, %v\nwant %q", got, err, tag.Payload)
			}
			if want := gpgVerified(t, home, tag.Payload, tag.Signature); !want {
				t.Error("gpg does not accept the split of git's own tag")
			}
		})
	}
}

func TestCreateTagRefusals(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	r := w.open("r", true)
	s := spec("v1", "m")
	good, err := r.TagPayload(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	missing := bytes.Replace(good, good[7:47], bytes.Repeat([]byte("1"), 40), 1)
	for what, c := range map[string]struct{ payload, signature string }{
		"no signature":       {string(good), ""},
		"not a signature":    {string(good), "hello\n"},
		"junk before armor":  {string(good), "x\n" + fakeSignature},
		"two signatures":     {string(good), fakeSignature + fakeSignature},
		"another name":       {strings.Replace(string(good), "tag v1", "tag v2", 1), fakeSignature},
		"no final newline":   {strings.TrimSuffix(string(good), "\n"), fakeSignature},
		"empty payload":      {"", fakeSignature},
		"target missing":     {string(missing), fakeSignature},
		"wrong type":         {strings.Replace(string(good), "type commit", "type tree", 1), fakeSignature},
		"another hash":       {strings.Replace(string(good), "object ", "object "+strings.Repeat("0", 24), 1), fakeSignature},
		"armor in a payload": {string(good) + fakeSignature, fakeSignature},
	} {
		if _, err := r.CreateTag(context.Background(), s, []byte(c.payload), []byte(c.signature)); err == nil {
			t.Errorf("%s: accepted", what)
			w.git("r", "tag", "-d", "v1")
		}
	}
	if tags, err := r.Tags(context.Background()); err != nil || len(tags) != 0 {
		t.Errorf("tags after refusals: %v, %v", tags, err)
	}
}

func TestCleanMessageIsStable(t *testing.T) {
	for _, m := range awkwardMessages {
		once := cleanMessage(m, "#")
		if twice := cleanMessage(once, "#"); once != twice {
			t.Errorf("%.40q: %.80q, then %.80q", m, once, twice)
		}
	}
	if got := cleanMessage("a\n//b\nc", "//"); got != "a\nc\n" {
		t.Errorf("comment string: %q", got)
	}
}
