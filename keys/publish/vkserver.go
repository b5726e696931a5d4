package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/keys/publish/vks"
	"bulla/keys/publish/web"
)

// verifyingServer is a target of the kind KindVKS.
type verifyingServer struct {
	p      *Publisher
	ring   *keys.Keyring
	server vks.Server
}

func newVerifyingServer(p *Publisher, ring *keys.Keyring, t Target) place {
	return &verifyingServer{p, ring, vks.New(p.o.Client, t.Where)}
}

// send uploads the key and asks for a mail to each address that is not public yet.
func (s *verifyingServer) send(ctx context.Context, i Item, r *Result) error {
	s.p.doing(i.Target, "sending the key to %s", s.server.Host())
	up, err := s.server.Upload(ctx, keys.ArmorPublicKey(i.Data))
	if err != nil {
		return err
	}
	if up.Fingerprint != i.Key.Fingerprint {
		return &web.Error{Host: s.server.Host(), Op: "send the key", Kind: web.KindNonsense, Detail: "it took the key and speaks of another one, " + string(up.Fingerprint)}
	}
	r.Stage = StageStored
	if i.Key.Revoked {
		return nil
	}
	var ask []string
	for _, a := range i.Addresses() {
		if up.Of(a) == vks.Unpublished {
			ask = append(ask, a)
		}
	}
	if len(ask) > 0 {
		s.p.doing(i.Target, "asking %s for mails to %s", s.server.Host(), strings.Join(ask, ", "))
		asked, err := s.server.RequestVerify(ctx, up.Token, ask)
		if err != nil {
			r.Notes = append(r.Notes, fmt.Sprintf("The server has the key, but no mail was asked for: %v. Publish again later.", err))
		} else {
			up.Status = asked.Status
		}
	}
	for _, a := range i.Addresses() {
		r.Addresses = append(r.Addresses, addressOf(a, up.Of(a)))
	}
	return nil
}

// addressOf puts the server's word into ours. "published" is believed once it was asked for.
func addressOf(address string, s vks.AddressStatus) Address {
	a := Address{Address: address, State: AddressMissing}
	switch s {
	case vks.Pending:
		a.State = AddressWaiting
	case vks.Unpublished, vks.Published:
		a.State = AddressHidden
	case vks.Revoked:
		a.Detail = "the server takes its user id for revoked"
	default:
		a.Detail = "the server does not take it for an address of the key"
	}
	return a
}

// look asks for the key by fingerprint, which shows the confirmed user ids only, and by the
// addresses of those: the server allows few calls by address.
func (s *verifyingServer) look(ctx context.Context, i Item, r *Result) error {
	r.Goal = goal(i)
	s.p.doing(i.Target, "asking %s for the key by its fingerprint", s.server.Host())
	data, err := s.server.ByFingerprint(ctx, i.Key.Fingerprint)
	if err != nil {
		if web.IsNotFound(err) && r.Stage >= StageSent {
			return &LostError{Target: i.Target, Fingerprint: i.Key.Fingerprint}
		}
		return err
	}
	a, err := understand(data)
	if err != nil {
		return &web.Error{Host: s.server.Host(), Op: "read the key back", Kind: web.KindNonsense, Detail: "what it gives is no key", Err: err}
	}
	found, ok := a.key(i.Key.Fingerprint)
	if !ok {
		return judge(s.ring, i, data, r)
	}
	r.Stage = StageStored
	if len(found.UserIDs) == 0 && len(i.Key.UserIDs) > 0 {
		s.bare(i, found, r)
		return nil
	}
	shown := i.Key
	shown.UserIDs = slices.DeleteFunc(slices.Clone(i.Key.UserIDs), func(u string) bool { return !slices.Contains(found.UserIDs, u) })
	if r.Differences = compare(shown, found); len(r.Differences) == 0 {
		r.Stage = StageFingerprint
	}
	if r.Goal < StageAddress {
		return nil
	}
	s.addresses(ctx, i, found, r)
	settle(r)
	return ctx.Err()
}

// bare judges a key that is shown without any user id. Most of what a key says of itself, its
// expiry too, stands at the user ids; what is left is whether it is revoked.
func (s *verifyingServer) bare(i Item, found keys.Key, r *Result) {
	if i.Key.Revoked {
		if r.Differences = compare(keys.Key{Revoked: true, Expires: found.Expires}, found); len(r.Differences) == 0 {
			r.Stage = StageFingerprint
		}
		return
	}
	r.Notes = append(r.Notes, "No address is confirmed yet: the server gives the key without user ids, and GnuPG refuses to import it like that.")
	s.hide(i, r)
}

// hide notes the addresses that are not shown, where send did not say more.
func (s *verifyingServer) hide(i Item, r *Result) {
	for _, a := range i.Addresses() {
		if !slices.ContainsFunc(r.Addresses, func(b Address) bool { return b.Address == a }) {
			r.Addresses = append(r.Addresses, Address{Address: a, State: AddressHidden})
		}
	}
}

func (s *verifyingServer) addresses(ctx context.Context, i Item, found keys.Key, r *Result) {
	s.hide(i, r)
	for n, a := range r.Addresses {
		if !slices.ContainsFunc(found.UserIDs, func(u string) bool { return strings.EqualFold(keys.AddressOf(u), a.Address) }) {
			continue
		}
		s.p.doing(i.Target, "asking %s for the key by %s", s.server.Host(), a.Address)
		data, err := s.server.ByEmail(ctx, a.Address)
		if err != nil {
			r.Addresses[n] = unasked(a.Address, err)
			continue
		}
		r.Addresses[n] = Address{Address: a.Address, State: AddressOtherKey}
		if got, err := understand(data); err == nil {
			if _, ok := got.key(i.Key.Fingerprint); ok {
				r.Addresses[n].State = AddressFound
			}
		}
	}
}

// fromVKS asks for a key.
func fromVKS(ctx context.Context, s vks.Server, q Query) ([]byte, error) {
	switch {
	case q.Fingerprint != "":
		return s.ByFingerprint(ctx, q.Fingerprint)
	case q.KeyID != "":
		return s.ByKeyID(ctx, q.KeyID)
	}
	return s.ByEmail(ctx, q.Address)
}
