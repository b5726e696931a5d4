package firstkey

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/docker"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

const canary = "CANARY-kelp-ribbon-oak"

// bench is a newcomer's computer: a home, a git configuration, a project.
type bench struct {
	t     *testing.T
	dir   string
	repo  string
	world *world.World
	*Wizard
}

func newBench(t *testing.T) *bench {
	t.Helper()
	keystest.Peer(t, "git")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dir: dir, repo: filepath.Join(dir, "widget")}
	for k, v := range map[string]string{"HOME": dir, "XDG_CONFIG_HOME": filepath.Join(dir, "none"), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": filepath.Join(dir, "gitconfig"), "GNUPGHOME": filepath.Join(dir, "none")} {
		t.Setenv(k, v)
	}
	b.write("gitconfig", "# mine\n[user]\n\tname = Ada Release\n\temail = ada@example.org\n")
	b.world, err = world.New(t.Context(), world.Options{
		Home: filepath.Join(dir, "home"), NoGnuPG: true, NoKeychain: true, Registry: docker.Options{},
		Env: os.Getenv, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.world.Close)
	b.git("init", "-q", "-b", "main", b.repo)
	b.git("-C", b.repo, "commit", "-q", "--allow-empty", "-m", "Begin")
	b.Wizard = New(b.world, b.repo)
	return b
}

func (b *bench) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) git(args ...string) string {
	b.t.Helper()
	out, err := exec.Command("git", args...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (b *bench) make(also ...string) keys.Fingerprint {
	b.t.Helper()
	pass := keys.NewSecret([]byte(canary))
	defer pass.Destroy()
	m, err := b.Make(b.t.Context(), Params{Name: "Ada Release", Email: "ada@example.org", Also: also, Algorithm: store.AlgorithmEd25519, Lifetime: 365 * 24 * time.Hour, Passphrase: pass})
	if err != nil || len(m.Missing) > 0 {
		b.t.Fatal(err, m.Missing)
	}
	return m.Key.Fingerprint
}

// person types the passphrase and counts how often.
func person(n *int) keys.AskPassphrase {
	return func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		*n++
		return keys.NewSecret([]byte(canary)), nil
	}
}

func nobody(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
	return keys.Secret{}, keys.ErrNoPassphrase
}

func TestNoReply(t *testing.T) {
	for address, want := range map[string]string{
		"1234567+ada@users.noreply.github.com": "GitHub", "ada@users.noreply.github.com": "GitHub", "12-ada@users.noreply.gitlab.com": "GitLab",
		"ada@noreply.codeberg.org": "Codeberg", "Ada@NoReply.git.example.org": "git.example.org", "12-ada@users.noreply.git.example.org": "git.example.org",
		"no-reply@example.org": "example.org", "ada@example.org": "", "reply@example.org": "", "noreply": "", "": "",
	} {
		if got, no := publish.NoReply(address); got != want || no != (want != "") {
			t.Errorf("%s: %q, %v", address, got, no)
		}
	}
}

func TestAdvice(t *testing.T) {
	s := Start{Git: gitops.UserSettings{Email: "ada@example.org"}}
	has := func(list []Advice, sev finding.Severity, text string) bool {
		for _, a := range list {
			if a.Severity == sev && strings.Contains(a.Text, text) {
				return true
			}
		}
		return false
	}
	for _, c := range []struct {
		address string
		also    []string
		sev     finding.Severity
		text    string
	}{
		{"", nil, finding.Error, "needs an address"},
		{"ada", nil, finding.Error, "no address"},
		{"ada@example.org@example.org", nil, finding.Error, "no address"},
		{"ada@example.org>", nil, finding.Error, "contains one of"},
		{"1+ada@users.noreply.github.com", nil, finding.Warning, "GitHub"},
		{"ada@localhost", nil, finding.Warning, "no public domain"},
		{"ada@other.example", nil, finding.Warning, "user.email"},
	} {
		if got := s.JudgeAddress(c.address, c.also); !has(got, c.sev, c.text) {
			t.Errorf("%q: %+v", c.address, got)
		}
	}
	for _, good := range [][]string{{"Ada@Example.org"}, {"ada@other.example", "ada@example.org"}} {
		if got := s.JudgeAddress(good[0], good[1:]); len(got) > 0 {
			t.Errorf("%q: %+v", good, got)
		}
	}
	if got := s.JudgeAlso("a@b.example", []string{"A@b.example"}); !has(got, finding.Error, "twice") || Refused(got) == "" {
		t.Errorf("%+v", got)
	}
	if got := s.JudgeAlso("a@b.example", []string{"1+a@users.noreply.github.com"}); !has(got, finding.Info, "GitHub") || Refused(got) != "" {
		t.Errorf("%+v", got)
	}
	if got := s.JudgeName("Ada (work)"); Refused(got) == "" {
		t.Errorf("%+v", got)
	}
	if got := strings.Join(Addresses(" a@b.c, d@e.f;g@h.i "), "|"); got != "a@b.c|d@e.f|g@h.i" {
		t.Error(got)
	}
}

func TestBegin(t *testing.T) {
	b := newBench(t)
	b.git("-C", b.repo, "remote", "add", "origin", "git@github.com:acme/widget.git")
	s, err := b.Begin(t.Context())
	if err != nil || s.Name != "Ada Release" || s.Email != "ada@example.org" || s.NoReply != "" || s.Project != "acme/widget" || s.Host != "github.com" || !s.HasGit || len(s.Keys) != 0 || s.RSA != "" {
		t.Fatalf("%+v, %v", s, err)
	}
	b.git("-C", b.repo, "config", "user.email", "77+ada@users.noreply.github.com")
	b.write("widget/bulla.toml", "[policy.algorithms]\nkeys = [\"rsa\"]\nrsa_bits = 3072\n[[policy.signer]]\nname = \"Ada\"\nkeys = [\"3E9C0E147A219D4B55F01C2D3E4F5A6BC0DEEE87\"]\nsigns = [\"tag\"]\n")
	if s, err = b.Begin(t.Context()); err != nil || s.Email != "" || s.NoReply != "77+ada@users.noreply.github.com" || s.RSA == "" || s.Bits != 3072 {
		t.Fatalf("%+v, %v", s, err)
	}
	// Outside of a repository too.
	if s, err = New(b.world, b.dir).Begin(t.Context()); err != nil || s.Project != "" || s.Email != "ada@example.org" {
		t.Fatalf("%+v, %v", s, err)
	}
	f := b.make()
	s, err = b.Begin(t.Context())
	if err != nil || len(s.Keys) != 1 || s.Keys[0].Key.Fingerprint != f {
		t.Fatalf("%+v, %v", s, err)
	}
	var steps []Step
	for _, l := range s.Keys[0].Left() {
		steps = append(steps, l.Step)
	}
	if len(steps) != 3 || steps[0] != StepBackup || steps[1] != StepRevocation || steps[2] != StepPublish {
		t.Errorf("left: %v", steps)
	}
}

// TestNewcomer goes all the way; gpg judges every file that leaves the store.
func TestNewcomer(t *testing.T) {
	b := newBench(t)
	gnupg := keystest.GnuPGHome(t)
	f := b.make("77+ada@users.noreply.github.com")

	typed := 0
	path := b.Path(b.dir, "stick.asc")
	r, err := b.BackUp(t.Context(), f, path, person(&typed))
	if err != nil || typed != 1 || len(r.Signed) != 2 || !r.Recorded || !r.Protected {
		t.Fatalf("%+v, %v, typed %d times", r, err, typed)
	}
	if _, err := b.BackUp(t.Context(), f, path, person(&typed)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that exists: %v", err)
	}
	for _, name := range []string{"paper.txt", "paper.html"} {
		if _, err := b.Paper(t.Context(), f, b.Path(filepath.Join(b.dir, name), ""), nobody); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if out, _, err := keystest.GPG(t, gnupg, nil, "--import-options", "show-only", "--with-colons", "--import", path); err != nil || !strings.Contains(out, string(f)) || !strings.Contains(out, "sec:") || strings.Count(out, "uid:") != 2 {
		t.Errorf("gpg reads of the backup: %v\n%s", err, out)
	}

	if _, err := b.PlanGit(t.Context(), f); err != nil {
		t.Error(err)
	}
	trial, err := b.Trial(t.Context(), f, nobody)
	if err != nil || trial.Verdict.Status != keys.StatusGood || !trial.Git || !trial.Good {
		t.Fatalf("%+v, %v", trial, err)
	}
	texts, err := b.Texts(t.Context(), f)
	if err != nil || !strings.Contains(texts.Security, f.Grouped()) || !strings.Contains(texts.Security, "gpg --import KEYS") {
		t.Fatalf("%+v, %v", texts, err)
	}
	b.write("KEYS", texts.Keys)
	if _, out, err := keystest.GPG(t, gnupg, nil, "--import", filepath.Join(b.dir, "KEYS")); err != nil || !strings.Contains(out, "imported: 1") {
		t.Errorf("gpg and the KEYS file: %v\n%s", err, out)
	}

	moved := filepath.Join(b.dir, "drawer.asc")
	if err := b.MoveRevocation(t.Context(), f, moved); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(moved); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	var gone *RevocationError
	if err := b.MoveRevocation(t.Context(), f, moved+"2"); !errors.As(err, &gone) {
		t.Error(err)
	}
	p, err := b.Progress(t.Context(), f)
	if err != nil || p.Revocation != "" || p.Key.BackedUp.IsZero() || p.Key.Revoked || len(p.Left()) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if p.Key.RevocationAt != moved || p.Key.RevocationMoved.IsZero() {
		t.Errorf("where it was moved to is not remembered: %+v", p.Key)
	}
	found, err := b.world.CheckKeys(t.Context(), nil, keydesk.CheckOptions{})
	if err != nil || slices.ContainsFunc(found, func(f keydesk.Finding) bool { return f.Rule == keydesk.RuleNoRevocation }) {
		t.Errorf("%+v, %v", found, err)
	}
	if _, out, err := keystest.GPG(t, gnupg, nil, "--import", moved); err != nil {
		t.Errorf("gpg and the revocation certificate: %v\n%s", err, out)
	}
	if out, _, _ := keystest.GPG(t, gnupg, nil, "--with-colons", "--list-keys", string(f)); !strings.Contains(out, "pub:r:") {
		t.Errorf("gpg does not call it revoked:\n%s", out)
	}
	noCanary(t, b.dir)
}

// noCanary looks for the passphrase in every file below dir.
func noCanary(t *testing.T, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		n++
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), canary) {
			t.Errorf("the passphrase is in %s", path)
		}
		return err
	})
	if err != nil || n < 5 {
		t.Errorf("%d files looked at: %v", n, err)
	}
}

// TestBackUpRefused: a wrong passphrase makes no backup, and leaves no file.
func TestBackUpRefused(t *testing.T) {
	b := newBench(t)
	f := b.make()
	path := filepath.Join(b.dir, "stick.asc")
	n := 0
	_, err := b.BackUp(t.Context(), f, path, func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		n++
		return keys.NewSecret([]byte("wrong")), nil
	})
	var forgotten *ForgottenError
	if !errors.Is(err, keys.ErrWrongPassphrase) || !errors.As(err, &forgotten) || forgotten.Key != f || n != keys.PassphraseTries {
		t.Errorf("%v after %d tries", err, n)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file stayed")
	}
	if p, _ := b.Progress(t.Context(), f); !p.Key.BackedUp.IsZero() {
		t.Error("it counts as backed up")
	}
	// In a later run, nothing is known: typed once, it serves for writing and for the trial.
	b.world.Vault.Close()
	typed := 0
	if _, err := b.BackUp(t.Context(), f, path, person(&typed)); err != nil || typed != 1 {
		t.Errorf("%v, typed %d times", err, typed)
	}
}

func TestGit(t *testing.T) {
	b := newBench(t)
	f := b.make()
	const mine = "# mine\n[user]\n\temail = ada@example.org\n\tsigningKey = ~/.ssh/id.pub\n[gpg]\n\tformat = ssh\n"
	b.write("gitconfig", mine) // where git has nobody's name it gets the key's, too
	if p, err := b.PlanGit(t.Context(), f); err != nil || !p.Named || len(p.Lines) != 3 || p.Lines[2].Key != "user.name" || p.Lines[2].Value != "Ada Release" {
		t.Errorf("nameless: %+v, %v", p, err)
	}
	b.write("gitconfig", mine+"[user]\n\tname = Ada\n")
	p, err := b.PlanGit(t.Context(), f)
	if err != nil || p.Named || len(p.Lines) != 2 || p.Overrides != "" || p.File != filepath.Join(b.dir, "gitconfig") {
		t.Fatalf("%+v, %v", p, err)
	}
	if got := strings.Join(p.UndoGit(), "\n"); got != "git config --global user.signingKey '~/.ssh/id.pub'\ngit config --global gpg.format ssh" {
		t.Errorf("undo: %s", got)
	}
	if err := b.ApplyGit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := b.git("-C", b.repo, "config", "user.signingkey"); got != string(f) {
		t.Errorf("git reads %q", got)
	}
	if p, err = b.PlanGit(t.Context(), f); err != nil || len(p.Lines) != 0 || p.Overrides != "" {
		t.Errorf("again: %+v, %v", p, err)
	}
	session, err := workflow.Open(t.Context(), b.world, b.repo)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := session.KeyChoices(t.Context()); err != nil || c.Preselected < 0 || c.Why != "git's user.signingkey" {
		t.Errorf("%+v, %v", c, err)
	}
	b.git("-C", b.repo, "config", "user.signingkey", "OTHER")
	if p, err = b.PlanGit(t.Context(), f); err != nil || !strings.Contains(p.Overrides, "OTHER") {
		t.Errorf("overridden: %+v, %v", p, err)
	}
}

// TestPublishToAKeyServer: a real key server has the key afterwards, and real gpg receives it.
func TestPublishToAKeyServer(t *testing.T) {
	server := keystest.SKS(t)
	b := newBench(t)
	f := b.make()
	target, err := b.Place(server)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := b.Plan(t.Context(), f, []publish.Target{target}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	rs, err := b.Publish(t.Context(), plan, nobody, func(e publish.Event) { said = append(said, e.Doing) })
	if err != nil || !rs[0].Done() || rs[0].Stage != publish.StageAddress || len(said) == 0 {
		t.Fatalf("%+v, %v", rs, err)
	}
	home := keystest.GnuPGHome(t)
	if _, out, err := keystest.GPG(t, home, nil, "--keyserver", server, "--recv-keys", string(f)); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if texts, err := b.Texts(t.Context(), f); err != nil || !strings.Contains(texts.Security, "--keyserver "+server+" --recv-keys "+string(f)) {
		t.Errorf("%v\n%s", err, texts.Security)
	}
	offers, err := b.Offers(t.Context(), f)
	if err != nil || len(offers) != 4 || offers[3].Entry == nil || offers[3].Entry.Stage != publish.StageAddress {
		t.Errorf("%+v, %v", offers, err)
	}
	if rs, err = b.Check(t.Context(), plan, nobody, nil); err != nil || !rs[0].Done() {
		t.Errorf("%+v, %v", rs, err)
	}
}

// TestKeysFileUncommitted: a KEYS file in the working tree is not public before it is committed and
// pushed, and the commands that are told do just that.
func TestKeysFileUncommitted(t *testing.T) {
	b := newBench(t)
	f := b.make()
	origin := filepath.Join(b.dir, "origin's.git")
	b.git("init", "-q", "--bare", origin)
	b.git("-C", b.repo, "remote", "add", "origin", origin)
	b.git("-C", b.repo, "push", "-q", "origin", "main")
	target, err := b.Place("KEYS")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := b.Plan(t.Context(), f, []publish.Target{target}, nil)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := b.Publish(t.Context(), plan, nobody, nil)
	if err != nil || len(rs[0].Commands) != 3 {
		t.Fatalf("%+v, %v", rs, err)
	}
	left := func() (out []string) {
		t.Helper()
		p, err := b.Progress(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range p.Left() {
			if l.Step == StepPublish {
				out = append(out, l.Commands...)
			}
		}
		if public := p.Public(); (len(public) > 0) != (len(out) == 0) {
			t.Errorf("left %q, public %q", out, public)
		}
		return out
	}
	preflight := func() bool {
		t.Helper()
		s, err := workflow.Open(t.Context(), b.world, b.repo)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		return slices.ContainsFunc(s.Preflight(t.Context(), workflow.Choices{Version: "1.0.0"}), func(f workflow.Finding) bool { return f.Rule == workflow.RuleKeysFile })
	}
	for n := 3; n > 0; n-- {
		commands := left()
		if !preflight() || n == 3 && len(commands) != 3 || n == 1 && len(commands) != 1 {
			t.Fatalf("%d left: %q; preflight says so: %v", n, commands, preflight())
		}
		do := commands[0]
		if n == 2 {
			do = commands[1] // added, and not committed
		}
		if out, err := exec.Command("sh", "-c", do).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", do, err, out)
		}
	}
	if l := left(); len(l) > 0 || preflight() {
		t.Errorf("after the push: %q", l)
	}
	if rs, err := b.Check(t.Context(), plan, nobody, nil); err != nil || len(rs[0].Commands) > 0 {
		t.Errorf("%+v, %v", rs, err)
	}
}

// TestKeep: a passphrase goes to the place that was picked, an encrypted file here.
func TestKeep(t *testing.T) {
	b := newBench(t)
	b.world.Vault = vault.NewManager(vault.ManagerOptions{Dir: b.world.Home, File: vault.NewFile(vault.FileOptions{Dir: filepath.Join(b.world.Home, "vault")})})
	f := b.make()
	offers, chosen := b.Places(t.Context())
	if len(offers) == 0 || chosen != "" {
		t.Fatalf("%+v, %q", offers, chosen)
	}
	master := func(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		if req.Purpose != keys.PurposeVault || !req.New {
			t.Errorf("asked for %+v", req)
		}
		return keys.NewSecret([]byte("a master passphrase")), nil
	}
	if err := b.Keep(t.Context(), f, vault.BackendFile, master); err != nil {
		t.Fatal(err)
	}
	if _, chosen := b.Places(t.Context()); chosen != vault.BackendFile {
		t.Errorf("chosen: %q", chosen)
	}
	noCanary(t, b.dir)
}

func TestLifetime(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	if l, err := Lifetime("2y", now); err != nil || !strings.Contains(l.Sentence, "22 November 2028") {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := Lifetime("never", now); err != nil || l.Lifetime != 0 || !strings.Contains(l.Sentence, "never expires") {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := Lifetime("soon", now); err == nil {
		t.Error("soon is no lifetime")
	}
}
