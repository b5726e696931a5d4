package publish

import (
	"fmt"
	"slices"
	"strings"

	"bulla/keys"
)

// Choice says what of a key is to become public.
type Choice struct {
	// UserIDs are addresses or whole user ids; the others are not sent. AllUserIDs takes all of
	// them, revoked ones too.
	UserIDs    []string
	AllUserIDs bool
	// Certifications sends what others certified, too.
	Certifications bool
	// Own are the other keys of the same owner: what they certified on the key is sent.
	Own []keys.Fingerprint
}

// export says what of a key is sent, with the user ids that chosen takes.
func (c Choice) export(chosen func(string) bool) keys.ExportOptions {
	o := keys.ExportOptions{UserIDs: chosen, Certifications: c.Certifications}
	for _, f := range c.Own {
		o.Own = append(o.Own, f.KeyID())
	}
	return o
}

// Plan is exactly what would become public, and where. Nothing is sent that is not in it.
type Plan struct {
	Items []Item
	ring  *keys.Keyring
}

// Item is one target of a plan.
type Item struct {
	Target Target
	// Key is the key as receivers will see it: its user ids and subkeys are those that are sent.
	Key keys.Key
	// LeftOut are the user ids of the key that are not sent, raw.
	LeftOut []string
	// Data is what is sent, a binary public key.
	Data []byte
	// Sentence says whether it can be taken back; Permanent that it cannot.
	Sentence  string
	Permanent bool
	// Notes are plain sentences about what will happen there besides.
	Notes []string

	choice Choice
}

// Addresses are the addresses in the user ids that are sent, each once, in their order.
func (i Item) Addresses() (out []string) {
	for _, u := range i.Key.UserIDs {
		if a := keys.AddressOf(u); a != "" && !slices.ContainsFunc(out, func(b string) bool { return strings.EqualFold(a, b) }) {
			out = append(out, a)
		}
	}
	return out
}

// UserIDsError says that it is not clear which user ids are to become public.
type UserIDsError struct {
	Fingerprint keys.Fingerprint
	// UserIDs are those of the key, raw. Wanted is one that was named and is not among them.
	UserIDs []string
	Wanted  string
}

func (e *UserIDsError) Error() string {
	switch {
	case e.Wanted != "":
		return fmt.Sprintf("the key %s has no user id with %q", e.Fingerprint.Short(), e.Wanted)
	case len(e.UserIDs) == 0:
		return fmt.Sprintf("the key %s has no valid user id", e.Fingerprint.Short())
	}
	return fmt.Sprintf("the key %s has %d user ids, and it was not said which become public", e.Fingerprint.Short(), len(e.UserIDs))
}

// NewPlan works out what of the key f in ring would be sent to each target. It touches no network
// and no file.
//
// A key with several user ids is sent with those that are chosen: without a choice the error is a
// *UserIDsError, and so it is for a choice that names none of them. A key that is not in ring is a
// *keys.NotFoundError.
func NewPlan(ring *keys.Keyring, f keys.Fingerprint, targets []Target, c Choice) (Plan, error) {
	all, ok := describe(ring.ExportWith(f, keys.ExportOptions{}))
	if !ok {
		return Plan{}, &keys.NotFoundError{Selector: string(f)}
	}
	chosen, err := c.choose(all)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{ring: ring}
	for _, t := range targets {
		i := Item{Target: t, choice: c}
		i.Sentence, i.Permanent = t.Permanent()
		i.Data = ring.ExportWith(f, c.export(chosen))
		if i.Key, ok = describe(i.Data); !ok {
			return Plan{}, &keys.NotFoundError{Selector: string(f)}
		}
		for _, u := range all.UserIDs {
			if !slices.Contains(i.Key.UserIDs, u) {
				i.LeftOut = append(i.LeftOut, u)
			}
		}
		i.Notes = i.notes()
		if !c.Certifications && len(i.Data) > len(ring.ExportWith(f, keys.ExportOptions{UserIDs: chosen})) {
			i.Notes = append(i.Notes, "Another key of yours certified this one; that is sent along and ties the two together.")
		}
		if c.Certifications {
			i.Notes = append(i.Notes, "What others certified is sent along: it tells who knows whom.")
		}
		p.Items = append(p.Items, i)
	}
	return p, nil
}

// choose makes the filter for user ids. Chosen by its address, a user id that was revoked goes
// along with its revocation: whoever has it needs to learn that.
func (c Choice) choose(all keys.Key) (func(string) bool, error) {
	if c.AllUserIDs {
		return func(string) bool { return true }, nil
	}
	e := &UserIDsError{Fingerprint: all.Fingerprint, UserIDs: all.UserIDs}
	wanted := c.UserIDs
	if len(wanted) == 0 {
		if len(all.UserIDs) > 1 || len(all.UserIDs) == 0 && !all.Revoked {
			return nil, e
		}
		wanted = all.UserIDs
	}
	matches := func(u, w string) bool { return u == w || strings.EqualFold(keys.AddressOf(u), strings.Trim(w, "<>")) }
	for _, w := range wanted {
		if !slices.ContainsFunc(all.UserIDs, func(u string) bool { return matches(u, w) }) {
			e.Wanted = w
			return nil, e
		}
	}
	return func(u string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return matches(u, w) })
	}, nil
}

// describe is the one key in data.
func describe(data []byte) (keys.Key, bool) {
	if data == nil {
		return keys.Key{}, false
	}
	ring, err := keys.ReadKeyring(data, keys.SourceFile)
	if err != nil || ring.Len() != 1 {
		return keys.Key{}, false
	}
	return ring.Keys()[0], true
}

// notes tell what else happens at a place.
func (i Item) notes() (out []string) {
	switch i.Target.Kind {
	case KindVKS:
		if a := i.Addresses(); len(a) > 0 && !i.Key.Revoked {
			out = append(out, "The server sends a mail to "+strings.Join(a, ", ")+"; only when the link in it is opened does it show the address.",
				"It ties each address to one key: confirming it there for this key takes it from another.")
		}
	case KindGitHub, KindGitLab, KindGitea:
		out = append(out, "A version of this key that is there already is taken away first and put back renewed: there is no way to renew it in place.")
	case KindWKD:
		out = append(out, "Files are written for both methods; each holds only the user ids of its address. You upload them.")
	}
	if i.Key.Revoked {
		out = append(out, "The key is revoked: this tells everyone.")
	}
	return out
}
