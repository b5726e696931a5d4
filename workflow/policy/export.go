package policy

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulla/keys"
)

// Keys is a keyring file in the form that projects publish as KEYS: for each OpenPGP key that the
// policy lists, who it belongs to, its fingerprint, and the armored key. Keys that ring does not
// hold are returned as missing, SSH keys and image keys among them.
func (p *Policy) Keys(ring *keys.Keyring) (file []byte, missing []keys.Fingerprint) {
	var b bytes.Buffer
	for _, f := range p.Fingerprints() {
		block := ring.Export(f)
		if block == nil {
			missing = append(missing, f)
			continue
		}
		fmt.Fprintf(&b, "%s\n%s\n\n%s\n", CleanName(p.nameOf(f)), f.Grouped(), block)
	}
	return b.Bytes(), missing
}

// KeyringFile is Keys with the SSH keys that the policy lists as lines of allowed_signers, for
// the policy's own keyring.
func (p *Policy) KeyringFile(ring *keys.Keyring) (file []byte, missing []keys.Fingerprint) {
	file, missing = p.Keys(ring)
	for _, s := range ring.AllowedSigners() {
		if i := slices.Index(missing, s.Fingerprint); i >= 0 || p.Lists(s.Fingerprint) {
			file = append(file, s.Line()+"\n"...)
			if i >= 0 {
				missing = slices.Delete(missing, i, i+1)
			}
		}
	}
	return file, missing
}

func (p *Policy) nameOf(f keys.Fingerprint) string {
	for _, s := range p.Signers {
		if slices.Contains(s.Keys, f) {
			return s.Name
		}
	}
	return ""
}

// AllowedSigners is the policy in the words of git's gpg.ssh.allowedSignersFile: one line for each
// entry of a signer and each SSH key in it, with its namespaces and window. Principals are taken
// from ring. OpenPGP keys have no place there; those and keys that ring does not hold are returned
// as left out.
func (p *Policy) AllowedSigners(ring *keys.Keyring) (file []byte, left []keys.Fingerprint) {
	known := ring.AllowedSigners()
	var b bytes.Buffer
	for _, s := range p.Signers {
		for _, f := range s.Keys {
			found := false
			for _, k := range known {
				if k.Fingerprint == f {
					found = true
					writeSigner(&b, s, k)
				}
			}
			if !found && !slices.Contains(left, f) {
				left = append(left, f)
			}
		}
	}
	return b.Bytes(), left
}

// writeSigner writes what both the policy and the line allow.
func writeSigner(b *bytes.Buffer, s Signer, k keys.AllowedSigner) {
	var spaces []string
	if slices.Contains(s.Signs, keys.KindTag) || slices.Contains(s.Signs, keys.KindCommit) {
		spaces = append(spaces, "git")
	}
	if slices.Contains(s.Signs, keys.KindArtifact) || slices.Contains(s.Signs, keys.KindRecord) {
		spaces = append(spaces, "file")
	}
	spaces = slices.DeleteFunc(spaces, func(n string) bool { return !k.MatchesNamespace(n) })
	if len(spaces) == 0 {
		return
	}
	k.Namespaces = strings.Join(spaces, ",")
	if s.From.After(k.After) {
		k.After = s.From
	}
	if !s.Until.IsZero() && (k.Before.IsZero() || s.Until.Before(k.Before)) {
		k.Before = s.Until
	}
	b.WriteString(k.Line() + "\n")
}

// SignersOf makes signers of the keys in a KEYS or allowed_signers file. OpenPGP keys may sign
// tags, files and records until they expire by themselves; a line of allowed_signers what its
// namespaces say, for as long as it says.
func SignersOf(ring *keys.Keyring) (out []Signer) {
	ssh := map[keys.Fingerprint]bool{}
	for _, a := range ring.AllowedSigners() {
		ssh[a.Fingerprint] = true
		s := Signer{Name: CleanName(strings.Join(a.Principals, ",")), Keys: []keys.Fingerprint{a.Fingerprint}, From: a.After, Until: a.Before}
		if a.MatchesNamespace("git") {
			s.Signs = append(s.Signs, keys.KindTag)
		}
		if a.MatchesNamespace("file") {
			s.Signs = append(s.Signs, keys.KindArtifact, keys.KindRecord)
		}
		if len(s.Signs) > 0 && (s.Until.IsZero() || s.From.Before(s.Until)) {
			s.Name = cmp.Or(s.Name, "SSH key "+a.Fingerprint.Short())
			out = append(out, s)
		}
	}
	for _, k := range ring.Keys() {
		if !ssh[k.Fingerprint] {
			s := &keys.Signatory{Primary: k.Fingerprint, UserIDs: k.UserIDs, SignedAt: time.Time{}}
			out = append(out, Signer{Name: signerName(s), Keys: []keys.Fingerprint{k.Fingerprint},
				Signs: []keys.Kind{keys.KindTag, keys.KindArtifact, keys.KindRecord}})
		}
	}
	return out
}
