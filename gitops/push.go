package gitops

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
)

// pushAddresses are the addresses that a push to a configured remote goes to; they may hold
// credentials. Only git knows its rules for rewriting them; where it cannot be asked, they are told
// as they are written.
func (r *Repo) pushAddresses(ctx context.Context, cfg config, name string) []string {
	written := cfg.values["remote."+name+".pushurl"]
	if len(written) == 0 {
		written = cfg.values["remote."+name+".url"]
	}
	if r.git == nil || !cfg.rewrites() {
		return written
	}
	out, err := r.git.read(ctx, r.loc.dir(), maxConfig, nil, "remote", "get-url", "--push", "--all", "--", name)
	if err != nil || len(out) == 0 {
		return written
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// rewrites reports whether the configuration has rules that change addresses.
func (c *config) rewrites() bool {
	for _, key := range c.keys {
		if strings.HasPrefix(key, "url.") {
			return true
		}
	}
	return false
}

// TagAt is what one address of a remote has for a tag.
type TagAt struct {
	Address string // without credentials
	ID      string // the object, "" where the address has no such tag
}

// PushedTags asks every address that a push to the remote goes to what its tag of that name is. It
// returns what was answered beside the error of the first address that did not answer: ErrNoGit or a
// *RemoteError.
func (r *Repo) PushedTags(ctx context.Context, remote, name string) (list []TagAt, err error) {
	cfg, err := r.config(ctx)
	if err != nil {
		return nil, err
	}
	addresses := r.pushAddresses(ctx, cfg, remote)
	if len(addresses) == 0 || len(addresses) == 1 && addresses[0] == cfg.last("remote."+remote+".url") {
		addresses = []string{remote} // by its name: its other settings count too; or it is an address
	}
	for _, address := range addresses {
		id, _, e := r.RemoteTag(ctx, address, name)
		if e == nil {
			list = append(list, TagAt{Address: redact(address), ID: id})
			continue
		}
		if asked, ok := errors.AsType[*RemoteError](e); ok && len(addresses) == 1 {
			asked.Remote = redact(remote)
		}
		err = cmp.Or(err, e)
	}
	return list, err
}

// PushTag pushes exactly one tag, through the user's git: its credential helpers, ssh settings
// and hooks apply. What git, hooks and the remote say is copied to out, which may be nil,
// without credentials. Nothing is forced; if it fails the local tag stays. Errors: ErrNoGit,
// ErrNotFound, *PushError.
func (r *Repo) PushTag(ctx context.Context, remote, name string, out io.Writer) error {
	if err := ValidTagName(name); err != nil {
		return err
	}
	ref := tagPrefix + name
	if _, err := r.own.ref(ctx, ref); err != nil {
		return err
	}
	ctx, cancel := withDeadline(ctx, pushDeadline)
	defer cancel()
	// The user's configuration could add other tags and submodules to a push.
	said, err := r.talk(ctx, remote, out, "push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no",
		"--", remote, ref+":"+ref)
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrNoGit) {
		return err
	}
	return &PushError{Remote: redact(remote), Tag: name, Rejected: rejection(said, ref), Arrived: arrived(said, ref), Output: said, Cause: err}
}

// rejection finds why a ref was refused: git push --porcelain says "!\tref:ref\t[what] (why)".
func rejection(said, ref string) string {
	for line := range strings.Lines(said) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if len(f) < 3 || f[0] != "!" || f[1] != ref+":"+ref {
			continue
		}
		if what, why, ok := strings.Cut(f[2], "] ("); ok {
			return cmp.Or(strings.TrimSuffix(why, ")"), what)
		}
		return strings.Trim(f[2], "[]")
	}
	return ""
}

// arrived lists the addresses that took a ref, or had it already, though the push as a whole failed:
// git push --porcelain says "To ADDRESS" before the refs of each.
func arrived(said, ref string) (addresses []string) {
	to := ""
	for line := range strings.Lines(said) {
		line = strings.TrimRight(line, "\r\n")
		if address, ok := strings.CutPrefix(line, "To "); ok {
			to = address
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) >= 3 && (f[0] == "*" || f[0] == "=") && f[1] == ref+":"+ref && to != "" {
			addresses = append(addresses, to)
		}
	}
	return addresses
}
