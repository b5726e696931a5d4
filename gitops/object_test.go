package gitops

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulla/keys/keystest"
)

const (
	id1 = "0123456789abcdef0123456789abcdef01234567"
	id2 = "89abcdef0123456789abcdef0123456789abcdef"
)

func armored(kind string) string {
	return "-----BEGIN " + kind + "-----\nAAAA\n-----END " + kind + "-----\n"
}

func TestParseTag(t *testing.T) {
	head := "object " + id1 + "\ntype commit\ntag v1\ntagger Ann <ann@example.org> 1700000000 +0130\n"
	gpgsig := "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n"
	for _, c := range []struct{ name, data, payload, signature, message string }{
		{"unsigned", head + "\nhello\n", head + "\nhello\n", "", "hello\n"},
		{"empty message", head + "\n", head + "\n", "", ""},
		{"no body", head, head, "", ""},
		{"openpgp", head + "\nhello\n" + armored("PGP SIGNATURE"), head + "\nhello\n", armored("PGP SIGNATURE"), "hello\n"},
		{"openpgp message", head + "\nhello\n" + armored("PGP MESSAGE"), head + "\nhello\n", armored("PGP MESSAGE"), "hello\n"},
		{"ssh", head + "\nhello\n" + armored("SSH SIGNATURE"), head + "\nhello\n", armored("SSH SIGNATURE"), "hello\n"},
		{"x509", head + "\nhello\n" + armored("SIGNED MESSAGE"), head + "\nhello\n", armored("SIGNED MESSAGE"), "hello\n"},
		{"the last one counts", head + "\n" + armored("PGP SIGNATURE") + armored("SSH SIGNATURE"), head + "\n" + armored("PGP SIGNATURE"), armored("SSH SIGNATURE"), armored("PGP SIGNATURE")},
		{"indented armor is text", head + "\n " + armored("PGP SIGNATURE"), head + "\n " + armored("PGP SIGNATURE"), "", " " + armored("PGP SIGNATURE")},
		{"signature for the other hash", head + gpgsig + "\nhello\n" + armored("PGP SIGNATURE"), head + "\nhello\n", armored("PGP SIGNATURE"), "hello\n"},
	} {
		got, err := parseTag(id2, []byte(c.data))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if string(got.payload) != c.payload || string(got.signature) != c.signature || got.message != c.message {
			t.Errorf("%s:\npayload   %q\nsignature %q\nmessage   %q", c.name, got.payload, got.signature, got.message)
		}
		if got.target != id1 || got.typ != "commit" || got.name != "v1" || got.tagger.String() != "Ann <ann@example.org> 1700000000 +0130" {
			t.Errorf("%s: headers %+v", c.name, got)
		}
	}
	for _, bad := range []string{"", "\n", "object x\ntype commit\ntag v1\n\n", "object " + id1 + "\ntype boat\ntag v1\n\n", "object " + id1 + "\ntype commit\n\n", "type commit\ntag v1\n\n"} {
		if _, err := parseTag(id2, []byte(bad)); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

func TestParseIdent(t *testing.T) {
	for line, want := range map[string]string{
		"Ann <ann@example.org> 1700000000 +0130":    "Ann <ann@example.org> 1700000000 +0130",
		"Ann <ann@example.org> 1700000000 -0030":    "Ann <ann@example.org> 1700000000 -0030",
		"Ann <ann@example.org> 1700000000":          "Ann <ann@example.org> 1700000000 +0000",
		" <> 0 +0000":                               " <> 0 +0000",
		"A <a <b> c> 5 +0000":                       "A <a <b> c> 5 +0000",
		"Ann <ann@example.org> 1700000000 nonsense": "Ann <ann@example.org> 1700000000 +0000",
	} {
		if got := parseIdent(line).String(); got != want {
			t.Errorf("%q became %q", line, got)
		}
	}
	for _, line := range []string{"", "Ann", "Ann <x", "x> <y", "Ann <x> soon", "Ann <x> 99999999999999999999 +0000", "Ann <x> -5 +0000", "Ann <x>"} {
		if got := parseIdent(line); !got.When.IsZero() {
			t.Errorf("%q has the date %s", line, got.When)
		}
	}
}

// TestCommitSignatures: gpg accepts what is cut out of commits that git signed, in both object
// formats, and with a merged signed tag inside.
func TestCommitSignatures(t *testing.T) {
	home := gpgHome(t)
	w := newWorld(t)
	env := []string{"GNUPGHOME=" + home}
	for _, format := range []string{"sha1", "sha256"} {
		w.plain(format, "--object-format="+format)
		for _, args := range [][]string{
			{"checkout", "-q", "-b", "side", "HEAD~1"},
			{"commit", "-q", "--allow-empty", "-m", "on the side"},
			{"tag", "-s", "-u", "ann@example.org", "-m", "side tag", "side-tag"},
			{"checkout", "-q", "main"},
			{"merge", "-q", "--no-ff", "-Sann@example.org", "-m", "Merge the tag\n\ngpgsig in the body\n", "side-tag"},
		} {
			if out, err := w.try(format, env, args...); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
		}
		both(t, func(t *testing.T, withGit bool) {
			if format == "sha256" && !withGit {
				return
			}
			c, err := w.open(format, withGit).Commit(context.Background(), "HEAD")
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Parents) != 2 || c.Subject != "Merge the tag" || c.Author.Email != "ann@example.org" || !isObjectID(c.Tree) {
				t.Errorf("commit %+v", c)
			}
			if !bytes.Contains(c.Payload, []byte("\nmergetag object ")) {
				t.Error("the merged tag is not part of the payload")
			}
			if !gpgVerified(t, home, c.Payload, c.Signature) {
				t.Errorf("gpg does not accept the split of a %s commit", format)
			}
			plain, err := w.open(format, withGit).Commit(context.Background(), "HEAD~1")
			if err != nil || plain.Signature != nil || len(plain.Payload) == 0 {
				t.Errorf("unsigned commit: %+v, %v", plain, err)
			}
		})
	}
}

func TestSplitCommitSignature(t *testing.T) {
	data := "tree " + id1 + "\ngpgsig-sha256 A\n B\nauthor a <b> 1 +0000\ngpgsig C\n D\n \ncommitter a <b> 1 +0000\n\ngpgsig E\n F\n"
	want := "tree " + id1 + "\nauthor a <b> 1 +0000\ncommitter a <b> 1 +0000\n\ngpgsig E\n F\n"
	for header, sig := range map[string]string{"gpgsig": "C\nD\n\n", "gpgsig-sha256": "A\nB\n"} {
		payload, signature := splitCommitSignature([]byte(data), header)
		if string(payload) != want || string(signature) != sig {
			t.Errorf("%s:\n%q\n%q", header, payload, signature)
		}
	}
}

// TestCorpusTags takes the real tags of the corpus apart: putting them together again gives
// the object, and every tag that looks signed is.
func TestCorpusTags(t *testing.T) {
	tables, err := filepath.Glob(filepath.Join(keystest.Corpus(t), "tags", "*", "truth.tsv"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tags in the corpus: %v", err)
	}
	git := keystest.Peer(t, "git")
	for _, table := range tables {
		var ids []string
		for _, row := range keystest.Table(t, table) {
			if row["object_type"] == "tag" {
				ids = append(ids, row["tag_sha"])
			}
		}
		repo := filepath.Join(filepath.Dir(table), "repo.git")
		objects := keystest.Objects(t, git, repo, ids)
		slices.Sort(ids)
		if want := slices.Compact(ids); len(objects) != len(want) {
			t.Errorf("%s holds %d of %d tags", repo, len(objects), len(want))
		}
		for id, data := range objects {
			tag, err := parseTag(id, data)
			if err != nil {
				t.Errorf("%s: %v", id, err)
				continue
			}
			if string(tag.payload)+string(tag.signature) != string(data) {
				t.Errorf("%s: payload and signature do not make the object", id)
			}
			if bytes.Contains(data, []byte("\n-----BEGIN ")) != (len(tag.signature) > 0) {
				t.Errorf("%s: signature overlooked", id)
			}
		}
	}
}

// FuzzParseTag: no panic, and what is cut apart makes the same object again.
func FuzzParseTag(f *testing.F) {
	f.Add([]byte("object " + id1 + "\ntype commit\ntag v1\ntagger Ann <ann@example.org> 1700000000 +0130\n\nhello\n" + armored("PGP SIGNATURE")))
	f.Add([]byte("object " + id1 + "\ntype tag\ntag v1\n\n" + armored("SSH SIGNATURE")))
	f.Add([]byte("object " + id1 + "\ntype tree\ntag a\ntagger <> 9999999999999 +9999\ngpgsig x\n y\n\n"))
	f.Add([]byte("\n-----BEGIN SIGNED MESSAGE-----"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tag, err := parseTag(id2, data)
		if err != nil {
			return
		}
		if !bytes.Contains(data, []byte("gpgsig")) && string(tag.payload)+string(tag.signature) != string(data) {
			t.Errorf("%q and %q do not make %q", tag.payload, tag.signature, data)
		}
		again, err := parseTag(id2, append(bytes.Clone(tag.payload), tag.signature...))
		if err != nil || !bytes.Equal(again.payload, tag.payload) || !bytes.Equal(again.signature, tag.signature) || again.name != tag.name || again.target != tag.target {
			t.Errorf("the payload reads differently from the object: %+v, %v", again, err)
		}
		_ = tag.tagger.String()
	})
}

// FuzzParseCommit: no panic; the payload holds no signature and keeps its message.
func FuzzParseCommit(f *testing.F) {
	f.Add([]byte("tree "+id1+"\nparent "+id2+"\nauthor a <b> 1 +0000\ncommitter a <b> 1 +0000\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\nhello\n"), true)
	f.Add([]byte("tree "+id1+"\ngpgsig-sha256 a\n b\nmergetag object x\n gpgsig c\n\nhello"), false)
	f.Add([]byte("tree "+id1), true)
	f.Fuzz(func(t *testing.T, data []byte, sha1 bool) {
		format := formatSHA256
		if sha1 {
			format = formatSHA1
		}
		c, err := parseCommit(id2, data, format)
		if err != nil {
			return
		}
		if !strings.HasSuffix(string(c.Payload), c.Message) || strings.Contains(c.Subject, "\n") {
			t.Errorf("message %q of payload %q", c.Message, c.Payload)
		}
		if p, s := splitCommitSignature(c.Payload, signatureHeader(format)); s != nil || !bytes.Equal(p, c.Payload) {
			t.Errorf("a signature is left in the payload %q", c.Payload)
		}
		if len(c.Payload)+len(c.Signature) > len(data) {
			t.Errorf("more came out than went in: %q", data)
		}
	})
}
