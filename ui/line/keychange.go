package line

import (
	"context"
	"errors"
	"strings"
	"time"

	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/workflow/keydesk"
)

// lifetime asks how long something shall last; Enter takes preset.
func (k *keyTalk) lifetime(ctx context.Context, question, preset string) (time.Duration, error) {
	for {
		text, err := k.t.Text(ctx, question, preset)
		if err != nil || text == withTheKey {
			return 0, err
		}
		d, err := store.ParseLifetime(text, k.Now())
		if err == nil {
			return d, nil
		}
		explainOn(k.t, err)
	}
}

// withTheKey is a lifetime of a subkey.
const withTheKey = "with the key"

// extend asks until when.
func (k *keyTalk) extend(ctx context.Context, s *keydesk.State) error {
	k.t.Say("Now the key %s.", keydeed.Until(s.Key))
	var life time.Duration
	return k.t.inOrder(ctx, nil, func(ctx context.Context) (err error) {
		life, err = k.lifetime(ctx, "It expires after, from now (2y, 18m, 90d, a date, or never)", "2y")
		return err
	}, func(ctx context.Context) error { return k.propose(ctx, s, k.subject(s).Extend(life)) })
}

// extendEverywhere extends a key, shows what becomes public of it then, and sends that where the key is
// published.
func (k *keyTalk) extendEverywhere(ctx context.Context, s *keydesk.State) error {
	k.t.Say("Now the key %s.", keydeed.Until(s.Key))
	var life time.Duration
	err := k.t.inOrder(ctx, nil, func(ctx context.Context) (err error) {
		life, err = k.lifetime(ctx, "It expires after, from now (2y, 18m, 90d, a date, or never)", "2y")
		return err
	}, func(ctx context.Context) error { return k.propose(ctx, s, k.subject(s).ExtendEverywhere(life)) })
	if err != nil {
		return err
	}
	rs, err := k.publishAgain(ctx, k.publisher(), s, publish.Choice{})
	return k.published(ctx, s, rs, err)
}

func (k *keyTalk) renew(ctx context.Context, s *keydesk.State) error {
	return k.propose(ctx, s, k.subject(s).Renew())
}

func (k *keyTalk) passphrase(ctx context.Context, s *keydesk.State) error {
	return k.propose(ctx, s, k.subject(s).Passphrase())
}

func (k *keyTalk) revocation(ctx context.Context, s *keydesk.State) error {
	return k.propose(ctx, s, k.subject(s).Revocation())
}

func (k *keyTalk) forget(ctx context.Context, s *keydesk.State) error {
	return k.propose(ctx, s, k.subject(s).Forget())
}

func (k *keyTalk) undo(ctx context.Context, s *keydesk.State) error {
	before, ok := k.Keys.Previous(s.Fingerprint)
	if !ok {
		k.t.Say("The earlier version of the key cannot be read.")
		return nil
	}
	return k.propose(ctx, s, k.subject(s).Undo(before))
}

// part asks for a part of a user id until the store would take it; "none" leaves it empty where it
// may be.
func (k *keyTalk) part(ctx context.Context, question, preset string, mayBeEmpty bool, as func(string) store.GenerateParams) (string, error) {
	for {
		text, err := k.t.Text(ctx, question, preset)
		if err != nil {
			return "", err
		}
		if mayBeEmpty && strings.EqualFold(text, "none") {
			return "", nil
		}
		var param *store.ParamError
		if err := as(text).CheckUserID(); !errors.As(err, &param) {
			return text, nil
		}
		k.t.Say("That cannot be taken: it %s.", param.Reason)
	}
}

func (k *keyTalk) addUserID(ctx context.Context, s *keydesk.State) error {
	var p store.AddUserIDParams
	name := func(ctx context.Context) (err error) {
		p.Name, err = k.part(ctx, "Name, as others will see it", keydeed.NameOf(s.UserID()), false, func(t string) store.GenerateParams { return store.GenerateParams{Name: t} })
		return err
	}
	email := func(ctx context.Context) (err error) {
		p.Email, err = k.part(ctx, "Address that the key shall be found by, or none", "", true, func(t string) store.GenerateParams { return store.GenerateParams{Name: p.Name, Email: t} })
		return err
	}
	comment := func(ctx context.Context) (err error) {
		p.Comment, err = k.part(ctx, "Comment in parentheses; most user ids have none", "none", true, func(t string) store.GenerateParams {
			return store.GenerateParams{Name: p.Name, Email: p.Email, Comment: t}
		})
		if err == nil {
			if _, wrong := k.subject(s).AddUserIDFault(p); wrong != "" {
				k.t.Say("%s", wrong)
				return errBack
			}
		}
		return err
	}
	first := func(ctx context.Context) (err error) {
		p.Primary, err = k.t.Confirm(ctx, "Show it first? Programs call the key by the user id that is shown first.")
		return err
	}
	return k.t.inOrder(ctx, nil, name, email, comment, first, func(ctx context.Context) error {
		return k.propose(ctx, s, k.subject(s).AddUserID(p))
	})
}

// userID lets one of the key's user ids be chosen.
func (k *keyTalk) userID(ctx context.Context, s *keydesk.State, question string) (string, error) {
	var items []item
	for i, id := range s.UserIDs {
		items = append(items, item{name: keydeed.UserID(id)})
		if i == 0 {
			items[0].about = "It is shown first."
		}
	}
	n, err := k.pick(ctx, question, items)
	if err != nil {
		return "", err
	}
	return s.UserIDs[n], nil
}

func (k *keyTalk) primaryUserID(ctx context.Context, s *keydesk.State) error {
	var id string
	return k.t.inOrder(ctx, nil, func(ctx context.Context) (err error) {
		id, err = k.userID(ctx, s, "Which user id is shown first?")
		return err
	}, func(ctx context.Context) error { return k.propose(ctx, s, k.subject(s).PrimaryUserID(id)) })
}

func (k *keyTalk) revokeUserID(ctx context.Context, s *keydesk.State) error {
	var id, text string
	return k.t.inOrder(ctx, nil, func(ctx context.Context) (err error) {
		id, err = k.userID(ctx, s, "Which user id is not valid any more?")
		return err
	}, k.publicText(&text), func(ctx context.Context) error { return k.propose(ctx, s, k.subject(s).RevokeUserID(id, text)) })
}

// publicText asks for one line that becomes public with a revocation.
func (k *keyTalk) publicText(text *string) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		*text, err = k.t.Ask(ctx, "One line for the people who meet the revocation, which becomes public; Enter for none:")
		return err
	}
}

// newSubkey asks which subkey to make.
func (k *keyTalk) newSubkey(p *store.SubkeyParams) (questions []func(context.Context) error) {
	algorithms := []string{"", store.AlgorithmEd25519, store.AlgorithmRSA4096}
	return []func(context.Context) error{func(ctx context.Context) error {
		n, err := k.pick(ctx, "Its algorithm", []item{{"as the key", ""}, {algorithms[1], "small and fast"}, {algorithms[2], "for the oldest verifiers"}})
		if err == nil {
			p.Algorithm = algorithms[n]
		}
		return err
	}, func(ctx context.Context) (err error) {
		p.Lifetime, err = k.lifetime(ctx, "It expires after, from now (2y, 18m, 90d, a date, or never)", withTheKey)
		return err
	}}
}

func (k *keyTalk) addSubkey(ctx context.Context, s *keydesk.State) error {
	var p store.SubkeyParams
	return k.t.inOrder(ctx, nil, append(k.newSubkey(&p), func(ctx context.Context) error {
		return k.propose(ctx, s, k.subject(s).AddSubkey(p))
	})...)
}

func (k *keyTalk) rotateSubkey(ctx context.Context, s *keydesk.State) error {
	var p store.RotateParams
	return k.t.inOrder(ctx, nil, append(k.newSubkey(&p.SubkeyParams), func(ctx context.Context) (err error) {
		k.prose("", "Revoked as superseded, what the old ones signed stays good for those who look at the date; gpg and git warn about it.")
		p.KeepOld, err = k.t.Confirm(ctx, "Leave the old ones valid?")
		return err
	}, func(ctx context.Context) error { return k.propose(ctx, s, k.subject(s).RotateSubkey(p)) })...)
}

// reason asks in plain words why something is revoked. An answer beyond the reasons is one of more.
func (k *keyTalk) reason(ctx context.Context, more ...item) (store.RevocationReason, bool, error) {
	var items []item
	reasons := store.KeyReasons()
	for _, r := range reasons {
		items = append(items, item{keydeed.Sentence(r.Title()), r.Effect()})
	}
	n, err := k.pick(ctx, "Why?", append(items, more...))
	if err != nil || n >= len(reasons) {
		return store.ReasonNone, true, err
	}
	return reasons[n], false, nil
}

func (k *keyTalk) revokeSubkey(ctx context.Context, s *keydesk.State) error {
	var p store.RevokeParams
	at := 0
	which := func(ctx context.Context) error {
		var items []item
		var index []int
		for i, sub := range s.Subkeys {
			if !sub.Revoked {
				items = append(items, item{"ends in " + human.Tail(sub.Fingerprint) + ", may " + keydeed.Uses(false, sub.CanSign, sub.CanEncrypt), sub.Fingerprint.Grouped()})
				index = append(index, i)
			}
		}
		n, err := k.pick(ctx, "Which subkey?", items)
		if err == nil {
			at = index[n]
		}
		return err
	}
	why := func(ctx context.Context) (err error) {
		p.Reason, _, err = k.reason(ctx)
		return err
	}
	return k.t.inOrder(ctx, nil, which, why, k.publicText(&p.Text), func(ctx context.Context) error {
		return k.propose(ctx, s, k.subject(s).RevokeSubkey(s.Subkeys[at].Fingerprint, p))
	})
}

func (k *keyTalk) revoke(ctx context.Context, s *keydesk.State) error {
	var p store.RevokeParams
	certificate := false
	why := func(ctx context.Context) (err error) {
		for {
			p.Reason, certificate, err = k.reason(ctx, item{keydeed.CertificateName, keydeed.CertificateAbout})
			fault := k.subject(s).RevokeFault()
			if err != nil || certificate || fault == "" {
				return err
			}
			k.t.Say("Not possible: %s.", fault)
		}
	}
	text := func(ctx context.Context) error {
		if certificate {
			return nil
		}
		return k.publicText(&p.Text)(ctx)
	}
	return k.t.inOrder(ctx, nil, why, text, func(ctx context.Context) error {
		if certificate {
			return k.propose(ctx, s, k.subject(s).ApplyRevocation())
		}
		return k.propose(ctx, s, k.subject(s).Revoke(p))
	})
}

func (k *keyTalk) deleteIt(ctx context.Context, s *keydesk.State) error {
	return k.propose(ctx, s, k.subject(s).Delete())
}

func (k *keyTalk) asideIt(ctx context.Context, s *keydesk.State) error {
	return k.propose(ctx, s, k.subject(s).Aside())
}
