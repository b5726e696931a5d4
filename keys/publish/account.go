package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/keys/publish/forge"
	"bulla/keys/publish/web"
)

// account is a target of the kinds KindGitHub, KindGitLab and KindGitea.
type account struct {
	p      *Publisher
	ring   *keys.Keyring
	target Target
	token  keys.Secret
	forge  *forge.Account
	user   forge.User
}

var forgeKinds = map[Kind]forge.Kind{KindGitHub: forge.GitHub, KindGitLab: forge.GitLab, KindGitea: forge.Gitea}

// open gets the token and asks whose it is, once.
func (a *account) open(ctx context.Context) error {
	if a.forge != nil {
		return nil
	}
	if a.p.o.Token == nil {
		return &TokenError{a.target}
	}
	token, err := a.p.o.Token(ctx, a.target)
	if errors.Is(err, keys.ErrNoPassphrase) {
		return &TokenError{a.target}
	}
	if err != nil {
		return err
	}
	f := forge.Open(a.p.o.Client, forgeKinds[a.target.Kind], a.target.Where, token)
	if a.user, err = f.User(ctx); err != nil {
		token.Destroy()
		return err
	}
	a.token, a.forge = token, f
	return nil
}

func (a *account) close() { a.token.Destroy() }

func (a *account) send(ctx context.Context, i Item, r *Result) error {
	if err := a.open(ctx); err != nil {
		return err
	}
	a.p.doing(i.Target, "looking at the keys of %s on %s", a.user.Login, a.forge.Host())
	old, err := a.forge.Find(ctx, i.Key.Fingerprint)
	if err != nil {
		return err
	}
	if old == nil {
		return a.add(ctx, i)
	}
	before := a.armored(ctx, *old, i.Key.Fingerprint)
	if have, ok := describe([]byte(before)); ok && len(compare(i.Key, have)) == 0 {
		r.Notes = append(r.Notes, "The account has this version of the key already; nothing was changed.")
		return nil
	}
	if before == "" {
		return &web.Error{Host: a.forge.Host(), Op: "renew the key", Kind: web.KindRefused, Detail: "it does not give back the version it has, so taking that away could not be undone; do it on its website, then publish again"}
	}
	a.p.doing(i.Target, "taking the old version away on %s", a.forge.Host())
	if err := a.forge.Remove(ctx, old.ID); err != nil {
		return err
	}
	// From here on the account is without the key, so a person who gives up waits for what follows.
	ctx = context.WithoutCancel(ctx)
	if err := a.add(ctx, i); err != nil {
		if undo := a.addData(ctx, i, []byte(before)); undo != nil {
			r.Notes = append(r.Notes, fmt.Sprintf("The account is without the key now: the new version was refused, and the old one could not be put back (%v). Publish again.", undo))
		} else {
			r.Notes = append(r.Notes, "The old version was put back.")
		}
		return err
	}
	return nil
}

// armored is the version of a key that the account has, "" where the forge does not give it.
func (a *account) armored(ctx context.Context, k forge.Key, f keys.Fingerprint) string {
	if k.Armored != "" {
		return k.Armored
	}
	data, err := a.forge.Public(ctx, a.user.Login)
	if err != nil {
		return ""
	}
	got, err := understand(data)
	if err != nil {
		return ""
	}
	return string(keys.ArmorPublicKey(got.ring.ExportWith(f, keys.ExportOptions{})))
}

func (a *account) add(ctx context.Context, i Item) error {
	a.p.doing(i.Target, "adding the key to %s on %s", a.user.Login, a.forge.Host())
	return a.addData(ctx, i, keys.ArmorPublicKey(i.Data))
}

// addData adds a version of the key. Gitea refuses a key none of whose addresses the account has
// confirmed, unless a signature proves that it is one's own.
func (a *account) addData(ctx context.Context, i Item, armored []byte) error {
	err := a.forge.Add(ctx, armored, nil)
	if a.target.Kind != KindGitea || !web.IsNotFound(err) || a.p.o.Sign == nil {
		return err
	}
	text, cerr := a.forge.Challenge(ctx)
	if cerr != nil {
		return errors.Join(err, cerr)
	}
	a.p.doing(i.Target, "signing a proof for %s", a.forge.Host())
	sig, serr := a.p.o.Sign(ctx, i.Key.Fingerprint, text)
	if serr != nil {
		return serr
	}
	return a.forge.Add(ctx, armored, sig)
}

func (a *account) look(ctx context.Context, i Item, r *Result) error {
	r.Goal = goal(i)
	if err := a.open(ctx); err != nil {
		return err
	}
	k, err := a.forge.Find(ctx, i.Key.Fingerprint)
	switch {
	case err != nil:
		return err
	case k == nil && r.Stage >= StageSent:
		return &LostError{Target: i.Target, Fingerprint: i.Key.Fingerprint}
	case k == nil:
		return &web.Error{Host: a.forge.Host(), Op: "find the key in the account", Kind: web.KindNotFound}
	}
	r.Stage = StageStored
	a.p.doing(i.Target, "asking for %s as everybody gets it", a.forge.PublicURL(a.user.Login))
	data, err := a.forge.Public(ctx, a.user.Login)
	if err != nil {
		return err
	}
	if err := judge(a.ring, i, data, r); err != nil {
		return err
	}
	if len(r.Differences) > 0 {
		r.Notes = append(r.Notes, "Forges keep copies of that page for some minutes: check again later.")
	}
	for _, address := range i.Addresses() {
		r.Addresses = append(r.Addresses, a.address(*k, address))
	}
	settle(r)
	return nil
}

// address tells whether signatures by the key will count as the account's for an address.
func (a *account) address(k forge.Key, address string) Address {
	same := func(e string) bool { return strings.EqualFold(e, address) }
	confirmed := slices.ContainsFunc(k.Emails, func(e forge.Email) bool { return e.Verified && same(e.Address) })
	if a.target.Kind == KindGitLab {
		confirmed = slices.ContainsFunc(a.user.Emails, same)
	}
	if confirmed {
		return Address{Address: address, State: AddressFound}
	}
	return Address{Address: address, State: AddressHidden, Detail: "the account has not confirmed this address; until then signatures count as unverified there"}
}
