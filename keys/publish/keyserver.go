package publish

import (
	"context"
	"slices"

	"bulla/keys"
	"bulla/keys/publish/hkp"
	"bulla/keys/publish/web"
)

// keyServer is a target of the kind KindHKP.
type keyServer struct {
	p      *Publisher
	ring   *keys.Keyring
	server hkp.Server
}

func newKeyServer(p *Publisher, ring *keys.Keyring, t Target) (place, error) {
	s, err := hkp.New(p.o.Client, t.Where)
	return &keyServer{p, ring, s}, err
}

func (s *keyServer) send(ctx context.Context, i Item, _ *Result) error {
	s.p.doing(i.Target, "sending the key to %s", s.server.Host())
	return s.server.Add(ctx, keys.ArmorPublicKey(i.Data))
}

func (s *keyServer) look(ctx context.Context, i Item, r *Result) error {
	r.Goal = goal(i)
	s.p.doing(i.Target, "asking %s for the key by its fingerprint", s.server.Host())
	data, err := s.server.Get(ctx, string(i.Key.Fingerprint))
	if err != nil {
		if web.IsNotFound(err) && r.Stage == StageSent {
			return &LostError{Target: i.Target, Fingerprint: i.Key.Fingerprint}
		}
		return err
	}
	if err := judge(s.ring, i, data, r); err != nil || r.Goal < StageAddress {
		return err
	}
	for _, address := range i.Addresses() {
		s.p.doing(i.Target, "asking %s for the key by %s", s.server.Host(), address)
		r.Addresses = append(r.Addresses, s.byAddress(ctx, address, i.Key.Fingerprint))
	}
	settle(r)
	return ctx.Err()
}

func (s *keyServer) byAddress(ctx context.Context, address string, f keys.Fingerprint) Address {
	list, err := s.server.Index(ctx, address)
	switch {
	case err != nil:
		return unasked(address, err)
	case slices.ContainsFunc(list, func(e hkp.Entry) bool { return e.Names(f) }):
		return Address{Address: address, State: AddressFound}
	case len(list) > 0:
		return Address{Address: address, State: AddressOtherKey}
	}
	return Address{Address: address, State: AddressMissing}
}

// LostError says that a place took a key with success and does not have it.
type LostError struct {
	Target      Target
	Fingerprint keys.Fingerprint
}

func (e *LostError) Error() string {
	return e.Target.Name() + " answered that all is well, and does not have the key " + string(e.Fingerprint)
}
