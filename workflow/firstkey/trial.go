package firstkey

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/family"
)

// trialTag is the name of the tag in the scratch repository.
const trialTag = "v0.0.1-test"

// Trial is a tag that was made and checked in a scratch repository, which is removed again.
type Trial struct {
	Tag string
	// Signer is the key or subkey that signed.
	Signer keys.SigningKey
	// Verdict is bulla's own, with the public key alone.
	Verdict keys.Verdict
	// Git says that git verify-tag, by gpg in an empty home with the public key alone, was tried;
	// Good that it found the signature good. Output is what it said. Where it was not tried Reason
	// says why, in a plain sentence fragment.
	Git, Good bool
	Output    string
	Reason    string
}

// Trial signs a tag in a scratch repository and verifies it: by bulla, and by git and gpg where they
// are here. Nothing of the person's own repositories, keyrings and configuration is touched or used.
// ask is asked for the key's passphrase where this run does not know it.
func (w *Wizard) Trial(ctx context.Context, f keys.Fingerprint, ask keys.AskPassphrase) (t Trial, err error) {
	signer, err := w.world.Store.Signer(ctx, keys.ParseSelector(string(f)))
	if err != nil {
		return t, err
	}
	defer signer.Close()
	if err := signer.Unlock(ctx, w.world.Vault.Ask(ask, nil)); err != nil {
		return t, err
	}
	top, err := os.MkdirTemp("", "bulla-test-")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(top)) }()
	t.Tag, t.Signer = trialTag, signer.Key()
	repo := filepath.Join(top, "repository")
	tag, err := w.signTrial(ctx, repo, signer)
	if err != nil {
		return t, err
	}
	if t.Verdict, err = w.judge(tag, signer.Key()); err != nil {
		return t, err
	}
	return t, w.byGit(ctx, &t, top, repo, signer.Key().Public)
}

// signTrial makes the repository with one commit, and signs a tag of it.
func (w *Wizard) signTrial(ctx context.Context, dir string, signer keys.Signer) (gitops.Tag, error) {
	who := trialIdent(signer.Key().UserID, w.world.Now())
	raw, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{InitOptions: git.InitOptions{DefaultBranch: plumbing.NewBranchReferenceName("main")}})
	if err != nil {
		return gitops.Tag{}, err
	}
	tree, err := raw.Worktree()
	if err != nil {
		return gitops.Tag{}, err
	}
	author := &object.Signature{Name: who.Name, Email: who.Email, When: who.When}
	if _, err := tree.Commit("Try the key", &git.CommitOptions{Author: author, Committer: author, AllowEmptyCommits: true}); err != nil {
		return gitops.Tag{}, err
	}
	repo, err := gitops.OpenWith(ctx, dir, gitops.Options{Environ: w.plainEnviron(dir)})
	if err != nil {
		return gitops.Tag{}, err
	}
	spec := gitops.TagSpec{Name: trialTag, Target: "HEAD", Message: "A test of the key, made by bulla", Tagger: who}
	payload, err := repo.TagPayload(ctx, spec)
	if err != nil {
		return gitops.Tag{}, err
	}
	h := signer.Key().Hash.New()
	h.Write(payload)
	sig, err := signer.Sign(ctx, h, w.world.Now())
	if err != nil {
		return gitops.Tag{}, err
	}
	return repo.CreateTag(ctx, spec, payload, sig)
}

// trialIdent is the tagger: the key's own user id.
func trialIdent(userID string, now time.Time) gitops.Ident {
	address := keys.AddressOf(userID)
	name, _, _ := strings.Cut(userID, "<")
	if name = strings.TrimSpace(name); name == "" || name == address {
		name = "nobody"
	}
	if address == "" {
		address = "nobody@localhost"
	}
	return gitops.Ident{Name: name, Email: address, When: now}
}

// judge checks the tag with the public key alone.
func (w *Wizard) judge(tag gitops.Tag, k keys.SigningKey) (keys.Verdict, error) {
	ring, err := keys.ReadKeyring(k.Public, keys.SourceFile)
	if err != nil {
		return keys.Verdict{}, err
	}
	sigs, err := keys.ParseSignatures(tag.Signature)
	if err != nil {
		return keys.Verdict{}, err
	}
	check := (&keys.Judge{Keyring: ring, Now: w.world.Now()}).Begin(sigs)
	_, _ = check.Write(tag.Payload) // a Check only hashes: it cannot fail
	vs := check.Verdicts(keys.KindTag, tag.Name)
	if len(vs) != 1 {
		return keys.Verdict{}, errors.New("the test tag does not have one signature")
	}
	return vs[0], nil
}

// trialTime bounds one program.
const trialTime = 2 * time.Minute

// byGit lets git and gpg judge, as they do on a stranger's computer: gpg in an empty home, the public
// key imported, no configuration of the person's. The error is only that ctx has ended.
func (w *Wizard) byGit(ctx context.Context, t *Trial, top, repo string, public []byte) error {
	for _, program := range []string{"git", "gpg"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Reason = program + " is not installed here"
			return nil
		}
	}
	home := filepath.Join(top, "h") // short: the path of gpg's sockets is bounded
	key := filepath.Join(top, "key.pgp")
	if err := errors.Join(os.Mkdir(home, 0o700), os.WriteFile(key, public, 0o600)); err != nil {
		t.Reason = "a scratch folder could not be made: " + err.Error()
		return nil
	}
	run := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, trialTime)
		defer cancel()
		var out bytes.Buffer
		c := exec.CommandContext(ctx, args[0], args[1:]...)
		c.Env, c.Stdout, c.Stderr, c.WaitDelay = w.plainEnviron(home), &out, &out, 5*time.Second
		family.EndWith(c, family.Kill)
		err := c.Run()
		return out.String(), err
	}
	defer func() {
		if _, err := exec.LookPath("gpgconf"); err == nil {
			_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() // newer ones start a keybox daemon
		}
	}()
	if out, err := run("gpg", "--homedir", home, "--batch", "--no-tty", "--import", key); err != nil {
		t.Git, t.Output = true, out
		return ctx.Err()
	}
	out, err := run("git", "-C", repo, "-c", "gpg.format=openpgp", "-c", "gpg.program=gpg", "verify-tag", "--raw", trialTag)
	t.Git, t.Output = true, out
	t.Good = err == nil && strings.Contains(out, "[GNUPG:] GOODSIG ") && strings.Contains(out, "[GNUPG:] VALIDSIG ")
	return ctx.Err()
}

// plainEnviron is the environment of a stranger's programs: nothing of the person's own but the path.
func (w *Wizard) plainEnviron(home string) []string {
	out := []string{"HOME=" + home, "GNUPGHOME=" + home, "PATH=" + w.world.Env("PATH"), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0"}
	for _, name := range []string{"SYSTEMROOT", "TMPDIR", "TEMP"} { // without which some systems start no program
		if v := w.world.Env(name); v != "" {
			out = append(out, name+"="+v)
		}
	}
	return out
}

// Passed reports whether the tag is good for everybody who looked at it.
func (t Trial) Passed() bool {
	return t.Verdict.Status == keys.StatusGood && (!t.Git || t.Good)
}

// Lines say in plain sentences what came of it. They may quote programs.
func (t Trial) Lines() (out []string) {
	out = append(out, "signed    the tag "+t.Tag+", by "+t.Signer.Fingerprint.Grouped())
	out = append(out, "bulla     "+string(t.Verdict.Status)+", with the public key alone")
	switch {
	case !t.Git:
		out = append(out, "git       not tried: "+t.Reason)
	case t.Good:
		out = append(out, "git       git verify-tag by gpg says good, with the public key alone in an empty home")
	default:
		out = append(out, "git       git verify-tag does not call it good:")
		for l := range strings.Lines(t.Output) {
			out = append(out, "          "+strings.TrimSpace(l))
		}
	}
	return out
}
