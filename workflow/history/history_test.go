package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/keystest"
)

// TestShapes: every kind of tag has its row, and none hides another.
func TestShapes(t *testing.T) {
	r := newRepo(t)
	s := newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0)
	r.build(2, s)
	head := r.git(nil, "rev-parse", "main")
	blob := r.git([]byte("a key"), "hash-object", "-w", "--stdin")
	tree := r.git(nil, "rev-parse", "main^{tree}")
	r.git(nil, "tag", "light", "main")
	r.git(nil, "tag", "plain", "-m", "not signed", "main")
	r.git(nil, "tag", "of-a-tree", tree)
	r.git(nil, "tag", "of-a-blob", "-m", "a public key", blob)
	r.git(nil, "tag", "nested", "-m", "again", "v1.1.0")
	r.git(nil, "update-ref", "refs/tags/v2.0.0", "refs/tags/v1.0.0") // an old tag poses as a new one
	r.git(nil, "tag", "forged", r.forge("v1.1.0"))
	r.git(nil, "update-ref", "refs/tags/forged", r.forge("v1.1.0"))
	r.git([]byte(strings.Repeat("0", 40)), "update-ref", "-d", "refs/tags/none")

	rows := judged(t, open(t, verifier(t, r.dir, time.Time{}, keyFile(t, s)), ""))
	for _, want := range []struct {
		tag, verdicts, target string
		light, signed         bool
	}{
		{"v1.1.0", "good", "commit", false, true},
		{"light", "unsigned", "commit", true, false},
		{"plain", "unsigned", "commit", false, false},
		{"of-a-tree", "unsigned", "tree", true, false},
		{"of-a-blob", "unsigned", "blob", false, false},
		{"nested", "unsigned", "tag", false, false},
		{"v2.0.0", "good", "commit", false, true},
		{"forged", "bad", "commit", false, true},
	} {
		row := find(t, rows, want.tag)
		if status(row.Verdicts) != want.verdicts || row.TargetType != want.target || row.Lightweight != want.light || row.Signed != want.signed {
			t.Errorf("%s: %s of a %s, lightweight %v, signed %v; want %+v", row.Tag, status(row.Verdicts), row.TargetType, row.Lightweight, row.Signed, want)
		}
		for p := range parts {
			if !row.Judged(p) {
				t.Errorf("%s: part %d was never judged", row.Tag, p)
			}
		}
	}
	if len(rows) != 9 {
		t.Errorf("%d rows", len(rows))
	}
	if v := find(t, rows, "v2.0.0").Verdict(); v.Trusted == nil || *v.Trusted || find(t, rows, "v2.0.0").InnerName != "v1.0.0" {
		t.Errorf("an old tag under a new name: %+v", v)
	}
	if n := find(t, rows, "nested"); n.CommitID != head || len(n.Commit) != 1 || n.Commit[0].Status != keys.StatusUnsigned {
		t.Errorf("nested: commit %s, %+v", n.CommitID, n.Commit)
	}
	if n := find(t, rows, "of-a-blob"); n.CommitID != "" || len(n.Commit) != 0 {
		t.Errorf("a blob's commit: %s, %+v", n.CommitID, n.Commit)
	}
}

// forge writes a copy of a signed tag whose message was changed afterwards, and returns its id.
func (r *repo) forge(tag string) string {
	text := r.git(nil, "cat-file", "tag", tag)
	return r.git([]byte(strings.Replace(text, "What is new", "What is bad", 1)+"\n"), "hash-object", "-t", "tag", "-w", "--stdin")
}

// TestGnuPGAgrees: tags and commits signed by gpg are good, and what gpg does not accept is not.
func TestGnuPGAgrees(t *testing.T) {
	git := keystest.Peer(t, "git")
	home := keystest.GnuPGHome(t)
	if _, errs, err := keystest.GPG(t, home, nil, "--passphrase", "", "--quick-gen-key", "Rhea <rhea@example.org>", "ed25519", "sign", "never"); err != nil {
		t.Fatal(errs)
	}
	r := newRepo(t)
	t.Setenv("GNUPGHOME", home)
	r.git(nil, "config", "user.signingkey", "rhea@example.org")
	r.git(nil, "config", "user.name", "Rhea")
	r.git(nil, "config", "user.email", "rhea@example.org")
	r.git(nil, "commit", "-q", "--allow-empty", "-S", "-m", "Begin")
	r.git(nil, "tag", "-s", "v1", "-m", "gpg: Good signature from \"Somebody\"\n\x1b[2J")
	r.git(nil, "update-ref", "refs/tags/v2", r.forgeWith("v1", "Somebody", "Nobody!!"))
	public, _, err := keystest.GPG(t, home, nil, "--export")
	if err != nil {
		t.Fatal(err)
	}
	ring := filepath.Join(t.TempDir(), "ring.gpg")
	if err := os.WriteFile(ring, []byte(public), 0o644); err != nil {
		t.Fatal(err)
	}
	rows := judged(t, open(t, verifier(t, r.dir, time.Time{}, ring), ""))
	for tag, want := range map[string]string{"v1": "good", "v2": "bad"} {
		row := find(t, rows, tag)
		if status(row.Verdicts) != want || status(row.Commit) != "good" {
			t.Errorf("%s: %s, commit %s", tag, status(row.Verdicts), status(row.Commit))
		}
		err := exec.Command(git, "-C", r.dir, "verify-tag", tag).Run()
		if (err == nil) != (want == "good") {
			t.Errorf("git verify-tag %s: %v", tag, err)
		}
	}
}

func (r *repo) forgeWith(tag, old, new string) string {
	text := r.git(nil, "cat-file", "tag", tag)
	return r.git([]byte(strings.Replace(text, old, new, 1)+"\n"), "hash-object", "-t", "tag", "-w", "--stdin")
}

// TestDamage: objects that are missing, huge or malformed have rows that say so, and the others are
// judged all the same.
func TestDamage(t *testing.T) {
	r := newRepo(t)
	s := newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0)
	r.build(1, s)
	head := r.git(nil, "rev-parse", "main")
	huge := fmt.Sprintf("object %s\ntype commit\ntag huge\ntagger A <a@example.org> %d +0000\n\n%s", head, epoch.Unix(), strings.Repeat("gpg: Good signature\n", 5<<20/20))
	r.git(nil, "update-ref", "refs/tags/huge", r.git([]byte(huge), "hash-object", "-t", "tag", "-w", "--stdin"))
	broken := fmt.Sprintf("object %s\ntype commit\n\nno name\n", head)
	r.looseTag("broken", r.git([]byte(broken), "hash-object", "--literally", "-t", "tag", "-w", "--stdin"))
	r.looseTag("gone", strings.Repeat("12", 20))
	bomb := strings.Repeat("-----BEGIN PGP SIGNATURE-----\n\n", 20_000)
	bombed := fmt.Sprintf("object %s\ntype commit\ntag bomb\ntagger A <a@example.org> %d +0000\n\nboom\n%s", head, epoch.Unix(), bomb)
	r.git(nil, "update-ref", "refs/tags/bomb", r.git([]byte(bombed), "hash-object", "-t", "tag", "-w", "--stdin"))

	rows := judged(t, open(t, verifier(t, r.dir, time.Time{}, keyFile(t, s)), t.TempDir()))
	for tag, want := range map[string]string{"v1.0.0": "good", "huge": "not-checked", "broken": "malformed", "gone": "not-checked", "bomb": "malformed"} {
		if got := status(find(t, rows, tag).Verdicts); got != want {
			t.Errorf("%s: %s, want %s", tag, got, want)
		}
	}
}

// looseTag writes a ref that git would refuse to.
func (r *repo) looseTag(name, id string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, ".git", "refs", "tags", name), []byte(id+"\n"), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// TestChanges: a signer who was not seen before is new, one who comes back is not, and tags without
// a proved signer change nothing.
func TestChanges(t *testing.T) {
	by := func(name string) Release {
		r := Release{}
		v := keys.Verdict{Status: keys.StatusGood, Signer: &keys.Signatory{Primary: keys.Fingerprint(name)}}
		if name == "" {
			v = keys.Unsigned(keys.KindTag, "", "")
		}
		r.Apply(Update{Part: PartTag, Verdicts: []keys.Verdict{v}})
		return r
	}
	rows := []Release{by("A"), by("B"), by(""), by("B"), by("A"), by("A")}
	got := Changes(rows)
	if len(got) != 2 || got[0].New || got[0].From.Primary != "B" || !got[3].New || got[3].To.Primary != "B" {
		t.Errorf("%+v", got)
	}
}

// TestOrder: results come in order, each once, whatever the workers do, and end with the context.
func TestOrder(t *testing.T) {
	for _, n := range []int{0, 1, 7, 1000} {
		next := 0
		err := inOrder(context.Background(), n, 3, func(i int) int { return i * i }, func(i, square int) {
			if i != next || square != i*i {
				t.Errorf("%d: %d, want %d", i, square, next)
			}
			next++
		})
		if err != nil || next != n {
			t.Errorf("%d of %d, %v", next, n, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	err := inOrder(ctx, 1000, 4, func(i int) int { return i }, func(i, _ int) {
		if seen++; i == 10 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || seen != 11 {
		t.Errorf("%d rows after the end, %v", seen, err)
	}
}

func TestOutsideOfARepository(t *testing.T) {
	alone(t)
	_, err := Open(context.Background(), verifier(t, t.TempDir(), time.Time{}), Options{})
	if !errors.Is(err, gitops.ErrNotRepository) {
		t.Errorf("%v", err)
	}
}

// TestMessage reads a tag's message without its signature, and that of a lightweight tag's commit.
func TestMessage(t *testing.T) {
	r := newRepo(t)
	s := newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0)
	r.build(1, s)
	r.git(nil, "tag", "light", "main")
	tl := open(t, verifier(t, r.dir, time.Time{}, keyFile(t, s)), "")
	for i, row := range tl.Releases() {
		text, err := tl.Message(context.Background(), i)
		want := map[string]string{"v1.0.0": "widget 1.0.0\n\nWhat is new: everything that was old.\n", "light": "Commit 0"}[row.Tag]
		if err != nil || text != want {
			t.Errorf("%s: %q, %v", row.Tag, text, err)
		}
	}
}
