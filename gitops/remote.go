package gitops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bulla/keys/limits"
)

const (
	// askDeadline bounds asking a remote, and pushDeadline a push, where the context does not.
	askDeadline  = 30 * time.Second
	pushDeadline = 10 * time.Minute
)

// Remote is a configured remote. The addresses hold no password or token.
type Remote struct {
	Name string
	URL  string // as the configuration writes it
	// PushURLs are where a push goes, every one of them: as git rewrites the addresses of the
	// configuration (remote.NAME.pushurl, url.BASE.insteadOf and pushInsteadOf).
	PushURLs []string
}

// Remotes lists the configured remotes, in the order of the configuration.
func (r *Repo) Remotes(ctx context.Context) ([]Remote, error) {
	cfg, err := r.config(ctx)
	if err != nil {
		return nil, err
	}
	var list []Remote
	for _, name := range remoteNames(cfg) {
		list = append(list, Remote{
			Name: name,
			// The first of several addresses is where git fetches from.
			URL:      redact(firstOf(cfg.values["remote."+name+".url"])),
			PushURLs: redactAll(r.pushAddresses(ctx, cfg, name)),
		})
	}
	return list, nil
}

func firstOf(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// remoteNames lists the remotes that have an address.
func remoteNames(cfg config) []string {
	var names []string
	for _, key := range cfg.keys {
		name, ok := strings.CutPrefix(key, "remote.")
		if !ok {
			continue
		}
		name, url := strings.CutSuffix(name, ".url")
		push := false
		if !url {
			name, push = strings.CutSuffix(name, ".pushurl")
		}
		if (url || push) && name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// RemoteTag asks a remote, a name or an address, what its tag of that name is. It never
// prompts on a terminal, though the user's credential helper or askpass program may open a
// window, and is bounded by the context's deadline, else by 30 seconds. Errors: ErrNoGit,
// *RemoteError.
func (r *Repo) RemoteTag(ctx context.Context, remote, name string) (id string, found bool, err error) {
	if err := ValidTagName(name); err != nil {
		return "", false, err
	}
	ctx, cancel := withDeadline(ctx, askDeadline)
	defer cancel()
	out := &limits.Buffer{Limit: maxStderr}
	said, err := r.talk(ctx, remote, out, "ls-remote", "--refs", "--", remote, tagPrefix+name)
	if err != nil {
		return "", false, remoteFailure(remote, said, err)
	}
	for line := range strings.Lines(out.String()) {
		// The pattern also matches refs that merely end with it.
		id, ref, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if ref == tagPrefix+name && isObjectID(id) {
			return id, true, nil
		}
	}
	return "", false, nil
}

// OnRemote says whether a branch of the remote holds a commit, as far as the last fetch or push told
// this repository; nobody is asked over the network. Where no branch of the remote is known here, in
// a mirror say, known is false. Errors: ErrNoGit, *GitError.
func (r *Repo) OnRemote(ctx context.Context, remote, commit string) (on, known bool, err error) {
	if r.git == nil {
		return false, false, ErrNoGit
	}
	if !isObjectID(commit) {
		return false, false, fmt.Errorf("commit %q: %w", commit, ErrNotFound)
	}
	branches := "refs/remotes/" + remote + "/"
	for _, args := range [][]string{{}, {"--contains=" + commit}} {
		out, err := r.git.read(ctx, r.loc.dir(), maxStderr, nil, append(append([]string{"for-each-ref", "--count=1"}, args...), branches)...)
		if err != nil || len(out) == 0 {
			return false, known, err
		}
		on, known = known, true
	}
	return on, known, nil
}

func remoteFailure(remote, said string, err error) error {
	if errors.Is(err, ErrNoGit) {
		return err
	}
	return &RemoteError{Remote: redact(remote), Output: said, Cause: err}
}

// talk runs a git command that reaches a remote, and returns what was said, without
// credentials. Standard output goes to out for ls-remote, and is part of what was said for push.
func (r *Repo) talk(ctx context.Context, remote string, out io.Writer, args ...string) (string, error) {
	if r.git == nil {
		return "", ErrNoGit
	}
	if remote == "" || remote[0] == '-' || strings.ContainsAny(remote, "\x00\r\n") {
		return "", fmt.Errorf("remote %q: %w", redact(remote), ErrNotFound)
	}
	said := &redactor{secrets: secretsOf(remote), kept: limits.Buffer{Limit: maxStderr, Drop: true}}
	if cfg, err := r.config(ctx); err == nil {
		for _, key := range cfg.keys {
			if strings.HasPrefix(key, "remote.") || strings.HasPrefix(key, "url.") {
				said.secrets = append(said.secrets, secretsOf(key)...)
				for _, v := range cfg.values[key] {
					said.secrets = append(said.secrets, secretsOf(v)...)
				}
			}
		}
	}
	cmd := r.git.command(ctx, r.loc.dir(), append([]string{"--no-pager"}, args...))
	cmd.Stderr = said
	if args[0] == "push" {
		said.out = out
		cmd.Stdout = said
	} else {
		cmd.Stdout = out
	}
	err := r.git.finish(ctx, cmd, args[0], r.loc.dir())
	said.flush()
	var failed *GitError
	if errors.As(err, &failed) {
		failed.Stderr = said.text()
	} else if o := ownershipError(said.text(), r.loc.dir()); err != nil && o != nil {
		err = o
	}
	return said.text(), err
}
