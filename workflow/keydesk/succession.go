package keydesk

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/store"
)

// SucceedParams say how a key gives way to another.
type SucceedParams struct {
	// Old and New name two keys of bulla's store, both with their secrets.
	Old, New keys.Selector
	// Retire is how long the old key stays valid from now; 0 leaves its expiry as it is.
	Retire time.Duration
	// StatementFile is the path of the file for the statement, whose name stands in it: the signatures are
	// beside it, in a file with .asc after the name. "" takes statement.txt.
	StatementFile string
	// Git lets git's user.signingKey name the new key, in the person's own configuration and where it
	// names the old one.
	Git bool
}

// Succession is what was made when a key gave way to another.
type Succession struct {
	Old, New keys.Key
	// Statement is plain text for packagers and users, and Signature the signatures of both keys
	// over it, detached and armored.
	Statement, Signature []byte
	// Policy are the lines that let the new key sign in bulla.toml.
	Policy []byte

	successor keys.SigningKey
	at        time.Time
}

// Succeed lets the old key vouch for the new one, writes a statement that both sign, and lets the
// old key expire when its time of grace is over. Each step leaves what the steps before it made,
// and all of it can be repeated.
func (w *Places) Succeed(ctx context.Context, p SucceedParams, ask keys.AskPassphrase) (Succession, error) {
	var out Succession
	old, err := w.Store.Signer(ctx, p.Old)
	if err != nil {
		return out, err
	}
	defer old.Close()
	successor, err := w.Store.Signer(ctx, p.New)
	if err != nil {
		return out, err
	}
	defer successor.Close()
	for _, s := range []keys.Signer{old, successor} {
		if err := s.Unlock(ctx, ask); err != nil {
			return out, err
		}
	}
	oldSel := keys.ParseSelector(string(old.Key().Primary))
	newSel := keys.ParseSelector(string(successor.Key().Primary))
	if out.New, err = w.Store.Vouch(ctx, oldSel, newSel, ask); err != nil {
		return out, err
	}
	if out.Old, err = w.ownKey(ctx, oldSel); err != nil {
		return out, err
	}
	oldName, err := w.signing(out.Old)
	if err != nil {
		return out, err
	}
	if out.successor, err = w.signing(out.New); err != nil {
		return out, err
	}
	now := w.Now()
	out.Statement = statement(oldName, out.successor, now, p)
	for _, s := range []keys.Signer{old, successor} {
		h := s.Key().Hash.New()
		h.Write(out.Statement)
		sig, err := s.Sign(ctx, h, now)
		if err != nil {
			return out, err
		}
		out.Signature = append(out.Signature, sig...)
	}
	out.at = now
	out.Policy = policyLines(out.successor, now, releaseKinds)
	if end := retires(out.Old, now, p.Retire); !end.IsZero() && !end.Equal(out.Old.Expires) {
		if out.Old, err = w.Store.Extend(ctx, oldSel, store.ExtendParams{Lifetime: p.Retire}, ask); err != nil {
			return out, err
		}
	}
	end := out.Old.Expires
	if p.Retire == 0 {
		end = time.Time{}
	}
	if err := w.Store.MarkSuccessor(ctx, out.Old.Fingerprint, out.New.Fingerprint, end); err != nil {
		return out, err
	}
	out.Old.Successor, out.Old.Retires = out.New.Fingerprint, end
	return out, nil
}

// retires is when a key ends that has a time of grace: no later than it would without. Zero leaves
// its expiry as it is.
func retires(old keys.Key, now time.Time, grace time.Duration) time.Time {
	switch end := now.Add(grace); {
	case grace == 0:
		return time.Time{}
	case old.Expires.IsZero(), end.Before(old.Expires):
		return end
	}
	return old.Expires
}

// ownKey is the key of bulla's store that sel names.
func (w *Places) ownKey(ctx context.Context, sel keys.Selector) (keys.Key, error) {
	list, err := w.Store.List(ctx)
	if err != nil {
		return keys.Key{}, err
	}
	return keys.Select(list, sel)
}

// statement tells people in plain words which key follows which.
func statement(old, successor keys.SigningKey, now time.Time, p SucceedParams) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `A new key signs from now on
===========================

Written on %s, and signed with both keys.

The old key, which signed until today:

    %s
    %s

The new key, which signs from today on:

    %s
    %s

What the old key has signed stays good.
`, now.UTC().Format("2 January 2006"), old.Primary.Grouped(), plainUserID(old.UserID), successor.Primary.Grouped(), plainUserID(successor.UserID))
	if p.Retire > 0 {
		fmt.Fprintf(&b, "The old key expires on %s at the latest.\n", now.Add(p.Retire).UTC().Format("2 January 2006"))
	}
	name := filepath.Base(cmp.Or(p.StatementFile, "statement.txt"))
	fmt.Fprintf(&b, `The old key has certified the new one, so that the keys themselves say the same.

To check this text, with both keys in your keyring:

    gpg --verify %s %s

It must report two good signatures, one by each key.
`, shellWord(name+".asc"), shellWord(name))
	return b.Bytes()
}

// shellWord is the name of a file as a shell takes it, in a text that is signed.
func shellWord(name string) string {
	name = plainUserID(name)
	if strings.ContainsAny(name, " \t!\"#$&'()*;<=>?[\\]^`{|}~") || strings.HasPrefix(name, "-") {
		name = "'./" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}

// plainUserID keeps control characters of a user id out of a text that is signed.
func plainUserID(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			out[i] = '?'
		}
	}
	return string(out)
}

// releaseKinds are what who signs releases signs.
var releaseKinds = []keys.Kind{keys.KindTag, keys.KindArtifact, keys.KindRecord}

func policyLines(k keys.SigningKey, now time.Time, signs []keys.Kind) []byte {
	words := make([]string, len(signs))
	for i, kind := range signs {
		words[i] = strconv.Quote(string(kind))
	}
	return fmt.Appendf(nil, "[[policy.signer]]\nname = %q\nkeys = [%q]\nsigns = [%s]\nfrom = %s\n",
		plainUserID(k.UserID), k.Primary, strings.Join(words, ", "), now.UTC().Format(time.DateOnly))
}
