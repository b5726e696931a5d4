package history

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/workflow"
	"bulla/workflow/verify"
	"bulla/workflow/world"
)

// alone keeps the user's own git configuration and GnuPG out of a test.
func alone(t testing.TB) {
	t.Helper()
	nobody := filepath.Join(t.TempDir(), "nobody")
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "GNUPGHOME"} {
		t.Setenv(name, nobody)
	}
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
}

// verifier opens a repository with the keys in some files alone.
func verifier(t testing.TB, dir string, at time.Time, keyFiles ...string) *verify.Verifier {
	t.Helper()
	w, err := world.New(context.Background(), world.Options{
		Home: t.TempDir(), NoGnuPG: true, NoKeychain: true, Env: func(string) string { return "" }, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	v, err := workflow.NewVerifier(context.Background(), w, verify.Options{Dir: dir, Keys: keyFiles, OnlyKeys: true, At: at, Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func open(t testing.TB, v *verify.Verifier, cacheDir string) *Timeline {
	t.Helper()
	tl, err := Open(context.Background(), v, Options{CacheDir: cacheDir, Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return tl
}

// judged opens the timeline and judges every part of it.
func judged(t testing.TB, tl *Timeline) []Release {
	t.Helper()
	rows := tl.Releases()
	apply := func(u Update) { rows[u.Index].Apply(u) }
	for _, pass := range []func(context.Context, func(Update)) error{tl.Tags, tl.Commits, tl.Files} {
		if err := pass(context.Background(), apply); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

func find(t testing.TB, rows []Release, tag string) *Release {
	t.Helper()
	for i := range rows {
		if rows[i].Tag == tag {
			return &rows[i]
		}
	}
	t.Fatalf("no row for %s", tag)
	return nil
}

func status(vs []keys.Verdict) string {
	var out []string
	for _, v := range vs {
		out = append(out, string(v.Status))
	}
	return strings.Join(out, "+")
}

// signer is a key that signs in a test.
type signer struct {
	entity *openpgp.Entity
	name   string
}

func newSigner(t testing.TB, name string, made time.Time, lifetime time.Duration) *signer {
	t.Helper()
	e, err := openpgp.NewEntity(name, "", strings.ToLower(name)+"@example.org", &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519, Time: func() time.Time { return made }, KeyLifetimeSecs: uint32(lifetime.Seconds()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &signer{entity: e, name: name}
}

func (s *signer) public(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.entity.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sign signs data as gpg would for git.
func (s *signer) sign(t testing.TB, data string, at time.Time) string {
	t.Helper()
	id := keys.PreferredHash(s.entity.PrimaryKey)
	h := id.New()
	h.Write([]byte(data))
	sig, err := keys.BuildSignature(h, id, s.entity.PrivateKey, at)
	if err != nil {
		t.Fatal(err)
	}
	return string(sig)
}

// repo is a git repository made for a test.
type repo struct {
	t   testing.TB
	dir string
}

func newRepo(t testing.TB) *repo {
	t.Helper()
	alone(t)
	r := &repo{t, filepath.Join(t.TempDir(), "widget")}
	r.git(nil, "init", "-q", "-b", "main", r.dir)
	return r
}

func (r *repo) git(stdin []byte, args ...string) string {
	r.t.Helper()
	cmd := exec.Command(keystest.Peer(r.t, "git"), args...)
	if args[0] != "init" {
		cmd.Dir = r.dir
	}
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) write(name, content string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return path
}

var epoch = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// build makes n commits, each with a tag signed by turns by the signers, by git fast-import. It is
// how ten thousand tags are made in seconds.
func (r *repo) build(n int, signers ...*signer) {
	r.t.Helper()
	// The ids of the commits are needed for the tags: the commits are imported first.
	var commits bytes.Buffer
	for i := range n {
		at := epoch.Add(time.Duration(i) * time.Hour).Unix()
		fmt.Fprintf(&commits, "commit refs/heads/main\nmark :%d\ncommitter A <a@example.org> %d +0000\ndata 8\nCommit %d\n", i+1, at, i%10)
	}
	marks := filepath.Join(r.t.TempDir(), "marks")
	r.git(commits.Bytes(), "fast-import", "--quiet", "--export-marks="+marks)
	data, err := os.ReadFile(marks)
	if err != nil {
		r.t.Fatal(err)
	}
	ids := map[string]string{}
	for l := range strings.Lines(string(data)) {
		mark, id, _ := strings.Cut(strings.TrimSpace(l), " ")
		ids[mark] = id
	}
	var tags bytes.Buffer
	for i := range n {
		at := epoch.Add(time.Duration(i) * time.Hour)
		name := fmt.Sprintf("v1.%d.0", i)
		message := fmt.Sprintf("widget 1.%d.0\n\nWhat is new: everything that was old.\n", i)
		tagger := fmt.Sprintf("A <a@example.org> %d +0000", at.Unix())
		payload := fmt.Sprintf("object %s\ntype commit\ntag %s\ntagger %s\n\n%s", ids[fmt.Sprintf(":%d", i+1)], name, tagger, message)
		message += signers[i%len(signers)].sign(r.t, payload, at)
		fmt.Fprintf(&tags, "tag %s\nfrom %s\ntagger %s\ndata %d\n%s\n", name, ids[fmt.Sprintf(":%d", i+1)], tagger, len(message), message)
	}
	r.git(tags.Bytes(), "fast-import", "--quiet")
}

// keyFile writes the public keys of signers.
func keyFile(t testing.TB, signers ...*signer) string {
	t.Helper()
	var data []byte
	for _, s := range signers {
		data = append(data, s.public(t)...)
	}
	path := filepath.Join(t.TempDir(), "keys.gpg")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
