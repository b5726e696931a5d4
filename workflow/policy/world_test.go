package policy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/keystest"
)

// project is a repository in which gpg signs for several people.
type project struct {
	t    *testing.T
	dir  string
	home string
	env  []string
	fpr  map[string]keys.Fingerprint
}

// newProject makes a repository, and a key for each of the people.
func newProject(t *testing.T, people ...string) *project {
	t.Helper()
	keystest.Peer(t, "git")
	p := &project{t: t, dir: t.TempDir(), home: keystest.GnuPGHome(t), fpr: map[string]keys.Fingerprint{}}
	p.env = []string{
		"HOME=" + p.home, "GNUPGHOME=" + p.home, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C", "TZ=UTC",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.org", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.org",
	}
	p.git("init", "-q", "-b", "main")
	for _, who := range people {
		uid := fmt.Sprintf("%s <%s@example.org>", who, strings.ToLower(who))
		p.gpg("--passphrase", "", "--quick-generate-key", uid, "ed25519", "sign", "never")
		for l := range strings.Lines(p.gpg("--with-colons", "--list-keys", "="+uid)) {
			if f := strings.Split(l, ":"); f[0] == "fpr" {
				p.fpr[who] = keys.Fingerprint(f[9])
			}
		}
	}
	return p
}

func (p *project) gpg(args ...string) string {
	p.t.Helper()
	out, stderr, err := keystest.GPG(p.t, p.home, nil, args...)
	if err != nil {
		p.t.Fatalf("gpg %v: %v\n%s", args, err, stderr)
	}
	return out
}

func (p *project) git(args ...string) string {
	p.t.Helper()
	out, stderr, err := keystest.Run(p.t, nil, p.env, "git", append([]string{"-C", p.dir}, args...)...)
	if err != nil {
		p.t.Fatalf("git %v: %v\n%s", args, err, stderr)
	}
	return strings.TrimSpace(out)
}

func (p *project) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// commit records everything, signed by who, or by nobody for "".
func (p *project) commit(who string) string {
	p.t.Helper()
	p.git("add", "-A")
	sign := "--no-gpg-sign"
	if who != "" {
		sign = "-S" + string(p.fpr[who])
	}
	p.git("commit", "-q", "--allow-empty", "-m", "Change", sign)
	return p.git("rev-parse", "HEAD")
}

func (p *project) tag(name, who string) {
	p.t.Helper()
	p.git("tag", "-u", string(p.fpr[who]), "-m", name, name)
}

// policy writes a policy that lists people for tags, or also for commits, and their keys.
func (p *project) policy(signs string, people ...string) {
	p.t.Helper()
	text := "[policy]\n"
	for _, who := range people {
		text += fmt.Sprintf("[[policy.signer]]\nname = %q\nkeys = [%q]\nsigns = [%s]\n", who, p.fpr[who], signs)
	}
	p.write(FileName, text)
	p.write(DefaultKeyring, p.export(people...))
}

func (p *project) export(people ...string) string {
	p.t.Helper()
	args := []string{"--armor", "--export"}
	for _, who := range people {
		args = append(args, string(p.fpr[who]))
	}
	return p.gpg(args...)
}

func (p *project) repo(withGit bool) *gitops.Repo {
	p.t.Helper()
	o := gitops.Options{Environ: append(os.Environ(), p.env...)}
	if !withGit {
		o.LookPath = func(string) (string, error) { return "", os.ErrNotExist }
	}
	r, err := gitops.OpenWith(context.Background(), p.dir, o)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// now is a moment at which every signature of the test was made.
func now() time.Time { return time.Now().Add(time.Minute) }

// judge judges with no other keys than those of the former policy.
func judge(kind keys.Kind, name string, payload, signature []byte, made time.Time, extra []byte) []keys.Verdict {
	ring, _ := keys.ReadKeyring(extra, keys.SourceFile)
	sigs, err := keys.ParseSignatures(signature)
	if err != nil {
		return nil
	}
	check := (&keys.Judge{Keyring: ring, Now: now()}).Begin(sigs)
	check.MadeAt(made)
	_, _ = check.Write(payload)
	return check.Verdicts(kind, name)
}

// releases judges all tags with the keys of the people, oldest first.
func (p *project) releases() (out []Release) {
	p.t.Helper()
	tags, err := p.repo(true).Tags(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	for i := len(tags) - 1; i >= 0; i-- {
		t := tags[i]
		r := Release{Tag: t.Name, ID: t.ObjectID, Verdicts: []keys.Verdict{keys.Unsigned(keys.KindTag, t.Name, "The tag is not signed.")}}
		if len(t.Signature) > 0 {
			r.Verdicts = judge(keys.KindTag, t.Name, t.Payload, t.Signature, t.Tagger.When, []byte(p.gpg("--armor", "--export")))
		}
		out = append(out, r)
	}
	return out
}
