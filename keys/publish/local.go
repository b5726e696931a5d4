package publish

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/keys/publish/dns"
	"bulla/keys/publish/keysfile"
)

// keysFile is a target of the kind KindFile.
type keysFile struct {
	p    *Publisher
	path string
}

func (k *keysFile) send(_ context.Context, i Item, r *Result) error {
	k.p.doing(i.Target, "writing %s", k.path)
	path, perm := k.path, fs.FileMode(0o644)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the link stays
	}
	if info, err := os.Stat(path); err == nil {
		perm = info.Mode().Perm()
	}
	old, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c, err := keysfile.Update(old, i.Data)
	if err != nil {
		return err
	}
	if c.Shared {
		r.Notes = append(r.Notes, "The key stands in a block together with others, too; that block was not touched.")
	}
	switch c.Kind {
	case keysfile.Unchanged:
		r.Notes = append(r.Notes, "The file holds this version of the key already; it was not touched.")
		return nil
	case keysfile.Replaced:
		r.Notes = append(r.Notes, "The block of the key was replaced; the rest of the file is as it was.")
	case keysfile.Added:
		r.Notes = append(r.Notes, "The key was added at the end of the file.")
	}
	return atomicfile.Write(path, c.Data, perm)
}

func (k *keysFile) look(_ context.Context, i Item, r *Result) error {
	r.Goal = StageFingerprint
	data, err := readFile(k.path)
	if err != nil {
		return err
	}
	ring, err := keysfile.Keys(data)
	if err != nil {
		return err
	}
	for _, found := range ring.Keys() {
		if found.Fingerprint == i.Key.Fingerprint {
			r.Stage = StageStored
			if r.Differences = compare(i.Key, found); len(r.Differences) == 0 {
				r.Stage = StageFingerprint
			}
			return nil
		}
	}
	return &keys.NotFoundError{Selector: string(i.Key.Fingerprint)}
}

func readFile(path string) ([]byte, error) {
	data, err := limits.ReadFile(path, keysfile.MaxSize)
	if errors.Is(err, limits.ErrTooLarge) {
		err = keysfile.ErrTooBig
	}
	return data, err
}

// printed is a target that only prints: KindDNS and KindAllowedSigners.
type printed struct {
	p    *Publisher
	ring *keys.Keyring
}

func (pr *printed) send(_ context.Context, i Item, r *Result) (err error) {
	if i.Target.Kind == KindDNS {
		for _, a := range i.Addresses() {
			d := directory{pr.p, pr.ring, ""}
			lines, err := dns.Records(a, d.forAddress(i, a))
			if err != nil {
				return err
			}
			r.Lines = append(r.Lines, lines...)
		}
		r.Notes = append(r.Notes, "Put one of the two records of each address into the zone of its domain; it counts only in a zone signed with DNSSEC.")
		return nil
	}
	r.Lines = AllowedSigners(pr.ring, i.Key, i.Addresses())
	r.Notes = append(r.Notes, "These lines are for signatures in SSH's format, made with the key through gpg-agent's SSH support. OpenPGP signatures are checked with the key itself.")
	return nil
}

func (pr *printed) look(context.Context, Item, *Result) error { return nil }

// AllowedSigners are lines for an allowed_signers file (ssh-keygen(1)) that let the signing keys of k
// sign for git in SSH's format, from their creation until they expire. Revoked keys and kinds that
// SSH does not know get none.
func AllowedSigners(ring *keys.Keyring, k keys.Key, addresses []string) (out []string) {
	if k.Revoked || len(addresses) == 0 {
		return nil
	}
	line := func(f keys.Fingerprint, after, before time.Time) {
		if form := ring.SSHForm(f); form != "" {
			out = append(out, keys.AllowedSigner{Principals: addresses, Namespaces: "git", After: after, Before: before, PublicKey: form}.Line())
		}
	}
	if k.CanSign {
		line(k.Fingerprint, k.Created, k.Expires)
	}
	for _, s := range k.Subkeys {
		if s.CanSign && !s.Revoked {
			line(s.Fingerprint, s.Created, s.Expires)
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return strings.ContainsAny(s, "\r\n") })
}
