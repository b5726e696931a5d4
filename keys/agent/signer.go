package agent

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys"
)

// Signer returns the signer for the key that sel names among those that List lists. It starts
// nothing: Unlock does. It returns a *keys.NotFoundError, a *keys.AmbiguousError or a
// *keys.UnusableError.
func (g *GnuPG) Signer(ctx context.Context, sel keys.Selector) (keys.Signer, error) {
	pairs, err := g.load(ctx)
	if err != nil {
		return nil, err
	}
	now := g.now()
	list := make([]keys.Key, len(pairs))
	named := map[keys.Fingerprint]*pair{}
	for i, p := range pairs {
		list[i] = p.describe(now)
		named[p.fingerprint] = p
	}
	k, err := keys.Select(list, sel)
	if err != nil {
		return nil, err
	}
	p := named[k.Fingerprint]
	if p.entity == nil {
		return nil, &keys.UnusableError{Key: k.Fingerprint, Reason: "it is of a kind that bulla cannot read"}
	}
	pub, expires, err := keys.ChooseSigningKey(p.entity, sel, now, p.holds)
	if err != nil {
		return nil, err
	}
	fpr := keys.FingerprintOf(pub.Fingerprint)
	if !supported(pub) {
		return nil, &keys.UnusableError{Key: fpr, Reason: fmt.Sprintf("bulla cannot sign with %s keys through gpg-agent", keys.AlgorithmName(pub))}
	}
	secret := p.secrets[fpr]
	s := &signer{
		g: g, pub: pub, grip: p.grips[fpr], serial: secret.serial,
		key: keys.SigningKey{
			Primary: k.Fingerprint, Fingerprint: fpr, UserID: k.UserID(),
			Algorithm: keys.AlgorithmName(pub), Hash: keys.PreferredHash(pub), Expires: expires,
			Source: keys.SourceGnuPG, Protected: secret.protected, Public: p.public,
		},
		turn: make(chan struct{}, 1),
	}
	if s.serial != "" {
		s.key.Source = keys.SourceCard
	}
	return s, nil
}

// signer is a key behind gpg-agent. It may be used by several goroutines: they take turns,
// because a connection to the agent knows one command at a time.
type signer struct {
	g      *GnuPG
	pub    *packet.PublicKey
	grip   string
	serial string // of the card, "" for a key on disk
	key    keys.SigningKey

	turn chan struct{} // holds a token while somebody uses what follows
	link *link         // nil before Unlock and after Close
	open bool          // between Unlock and Close
	ask  keys.AskPassphrase
	card cardFacts

	attendant Attendant
	// secret was proved by the agent. It is kept because the agent may forget it at any time,
	// or be configured to ask for each signature.
	secret keys.Secret
}

// Key says which key signs.
func (s *signer) Key() keys.SigningKey { return s.key }

// take waits for the turn; the func it returns ends it.
func (s *signer) take(ctx context.Context) (func(), error) {
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Unlock starts the agent if none runs, asks for the passphrase or PIN if the agent does not
// know it, and proves it: a passphrase by a signature that is thrown away, a PIN by the card's
// own check, which costs neither a touch nor a count. The asker may be called again by Sign
// when the agent has forgotten in the meantime.
func (s *signer) Unlock(ctx context.Context, ask keys.AskPassphrase) error {
	done, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	s.ask, s.open = ask, true
	if err := s.unlock(ctx); err != nil {
		s.close()
		return err
	}
	return nil
}

func (s *signer) unlock(ctx context.Context) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	if s.link.restricted {
		// Whatever has to be asked, the other machine's agent asks there.
		has := map[string]bool{}
		if err := s.link.which(ctx, []string{s.grip}, has); err != nil {
			return s.explain("find the key", err)
		}
		if !has[s.grip] {
			return &keys.UnusableError{Key: s.key.Fingerprint, Reason: "the agent at the other end does not hold its secret part"}
		}
		return nil
	}
	k, err := s.link.secretKey(ctx, s.grip)
	switch {
	case refusesCommand(err):
		k.protected = true // so it is tried
	case err != nil:
		return s.explain("find the key", err)
	}
	switch {
	case k.serial != "":
		s.serial = k.serial
		return s.unlockCard(ctx, k.id)
	case k.protected:
		return s.withPassphrase(ctx, s.prove)
	}
	return nil
}

// proofText is signed to prove a passphrase: a sentence, so that nobody can take the signature
// for one of anything else. No OpenPGP signature is over such a digest, since what OpenPGP
// hashes ends in a trailer of its own (RFC 9580, section 5.2.4).
const proofText = "bulla proves that a passphrase opens a key; this is not a signature of anything.\n"

// prove has the agent make a signature that is not used.
func (s *signer) prove(ctx context.Context, q *inquiry) error {
	h := s.key.Hash.New()
	h.Write([]byte(proofText))
	_, err := s.use(ctx, h.Sum(nil), q)
	return s.explain("use the key", err)
}

// Sign makes a signature as keys.Signer says. The errors are those of Unlock; those of the
// agent come before those of the packet.
func (s *signer) Sign(ctx context.Context, h hash.Hash, at time.Time) ([]byte, error) {
	done, err := s.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if !s.open {
		return nil, &keys.UnusableError{Key: s.key.Fingerprint, Reason: "it is locked"}
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	var sig []byte
	err = s.withPassphrase(ctx, func(ctx context.Context, q *inquiry) error {
		remote := &remoteKey{pub: s.pub, sign: func(digest []byte) (signatureExpr, error) {
			return s.use(ctx, digest, q)
		}}
		var err error
		sig, err = keys.BuildSignature(h, s.key.Hash, remote.packet(), at)
		if remote.err != nil {
			return s.explain("sign", remote.err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return sig, nil
}

// use has the agent make one signature.
func (s *signer) use(ctx context.Context, digest []byte, q *inquiry) (signatureExpr, error) {
	sign := func(ctx context.Context) (signatureExpr, error) {
		return s.link.sign(ctx, s.grip, s.description(), hashIDs[s.key.Hash], digest, q)
	}
	switch {
	case s.link.prompts: // the terminal is the agent's, and the person takes the time they need
		return sign(ctx)
	case s.serial != "" && !s.link.restricted:
		return s.useCard(ctx, q, sign)
	}
	defer s.tell(Wait{For: WaitAgent}, patience)()
	return sign(ctx)
}

// Close waits for a Sign under way, forgets the passphrase and leaves the agent. What the agent itself remembers is its
// own business: GnuPG's configuration says for how long.
func (s *signer) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.close()
	return nil
}

func (s *signer) close() {
	s.secret.Destroy()
	s.secret, s.ask, s.open = keys.Secret{}, nil, false
	if s.link != nil {
		s.link.close()
		s.link = nil
	}
}

// connect makes sure of a connection to an agent, and starts one if none runs. Whether the agent still
// answers shows with the next command: asking it first would cost a fifth of a quick signature.
func (s *signer) connect(ctx context.Context) error {
	if s.link != nil {
		if !s.link.conn.Broken() {
			return nil
		}
		s.link.close()
		s.link = nil
	}
	l, err := dial(ctx, s.g.socket)
	if refused(err) {
		if err := s.g.launch(ctx); err != nil {
			return err
		}
		l, err = dial(ctx, s.g.socket)
	}
	if err != nil {
		return &Error{Doing: "be reached", Err: err}
	}
	s.link = l
	return nil
}

// withPassphrase runs use with the passphrase that is known, if one is, and asks for it when
// the agent turns out to want one. The one that worked is kept.
func (s *signer) withPassphrase(ctx context.Context, use func(context.Context, *inquiry) error) error {
	q := inquiry{secret: s.secret}
	err := use(ctx, &q)
	if lost(err) {
		// The agent was stopped while it worked. What it was sent is either nothing or a
		// passphrase proved before, so another one may be asked the same, once.
		if err := s.connect(ctx); err != nil {
			return err
		}
		q = inquiry{secret: s.secret}
		err = use(ctx, &q)
	}
	if errors.Is(err, keys.ErrWrongPassphrase) && !s.secret.IsZero() {
		// It was changed since. On a card it must not be tried again, and the next question
		// is for the caller to decide.
		s.secret.Destroy()
		s.secret = keys.Secret{}
		if s.serial == "" {
			err = errNeedPassphrase
		}
	}
	var own *LoopbackError
	if errors.As(err, &own) && s.attendant.Lend != nil {
		return s.lend(ctx, use)
	}
	if !errors.Is(err, errNeedPassphrase) {
		return err
	}
	return s.unlockWith(ctx, func(given keys.Secret) error {
		q := inquiry{secret: given}
		err := use(ctx, &q)
		if err == nil && q.asked {
			s.secret.Destroy()
			s.secret = given.Clone()
		}
		return err
	})
}

// lost reports whether err says that the other side has gone, rather than that it takes too long.
func lost(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return !op.Timeout()
	}
	return errors.Is(err, io.EOF)
}

// unlockWith asks until try is content, within the limits for disk and card.
func (s *signer) unlockWith(ctx context.Context, try func(keys.Secret) error) error {
	req := keys.PassphraseRequest{Purpose: keys.PurposeAgent, ID: string(s.key.Primary), Label: s.key.UserID}
	if s.serial == "" {
		return keys.Unlock(ctx, s.ask, req, try)
	}
	// A PIN goes by the name of the key on the card: the primary key may lie on disk and have a
	// passphrase, and a vault that offered it for the PIN would use up a try.
	req.ID = string(s.key.Fingerprint)
	req.Card, req.Label = cardNumber(s.serial), fmt.Sprintf("PIN of card %s, %s", cardNumber(s.serial), s.key.UserID)
	return s.askPIN(ctx, req, try)
}

// description is what another machine's agent tells the person it asks.
func (s *signer) description() string {
	return "bulla wants to sign with the OpenPGP key\n" + s.key.Primary.Grouped()
}

// launch starts gpg-agent. It keeps the person's language for prompts it may show to others.
func (g *GnuPG) launch(ctx context.Context) error {
	_, err := g.runEnv(ctx, g.environ, g.gpgconf, "--launch", "gpg-agent")
	return err
}

var _ keys.Signer = (*signer)(nil)
var _ crypto.Signer = (*remoteKey)(nil)
