package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/keys/publish/hkp"
	"bulla/keys/publish/keysfile"
	"bulla/keys/publish/vks"
	"bulla/keys/publish/web"
	"bulla/keys/publish/wkd"
)

// Query is a key that somebody looks for: exactly one field is set.
type Query struct {
	Fingerprint keys.Fingerprint // of a primary key or subkey
	KeyID       string           // 16 upper-case hexadecimal digits
	Address     string
	URL         string
}

// ParseQuery reads a fingerprint, a key id of 16 digits, an e-mail address or a URL. The error is a
// *QueryError.
func ParseQuery(s string) (Query, error) {
	s = strings.TrimSpace(s)
	if u, err := url.Parse(s); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
		return Query{URL: s}, nil
	}
	if f, err := keys.ParseFingerprint(s); err == nil {
		return Query{Fingerprint: f}, nil
	}
	id := strings.ToUpper(strings.TrimPrefix(strings.TrimPrefix(strings.ReplaceAll(s, " ", ""), "0x"), "0X"))
	if len(id) == 16 && strings.Trim(id, "0123456789ABCDEF") == "" {
		return Query{KeyID: id}, nil
	}
	if local, domain, ok := strings.Cut(s, "@"); ok && local != "" && domain != "" && !strings.ContainsAny(s, " \t<>\"") && !strings.Contains(domain, "@") {
		return Query{Address: s}, nil
	}
	return Query{}, &QueryError{Text: s}
}

// QueryError says that what a person typed names no key.
type QueryError struct{ Text string }

func (e *QueryError) Error() string {
	return fmt.Sprintf("%q is no full fingerprint, no key id of 16 digits, no e-mail address and no URL", e.Text)
}

// String is the query as it is typed.
func (q Query) String() string {
	switch {
	case q.Fingerprint != "":
		return string(q.Fingerprint)
	case q.KeyID != "":
		return q.KeyID
	case q.Address != "":
		return q.Address
	}
	return q.URL
}

// names reports whether k is what was asked for. A subkey counts only if key and subkey confirm
// each other: keys lists no others as able to sign, and one that encrypts signs nothing.
func (q Query) names(k keys.Key) bool {
	is := func(f keys.Fingerprint) bool {
		return f == q.Fingerprint || q.KeyID != "" && f.KeyID() == q.KeyID
	}
	switch {
	case q.URL != "":
		return true
	case q.Address != "":
		return slices.ContainsFunc(k.UserIDs, func(u string) bool { return strings.EqualFold(keys.AddressOf(u), q.Address) })
	}
	return is(k.Fingerprint) || slices.ContainsFunc(k.Subkeys, func(s keys.Subkey) bool { return s.CanSign && is(s.Fingerprint) })
}

// Form is what a place gives of a key.
type Form string

// The forms.
const (
	FormWhole         Form = "whole"
	FormWithoutUserID Form = "without-user-id"
	FormRevocation    Form = "revocation"
)

// Found is a key that a place gave. Nothing was kept yet.
type Found struct {
	// From is the host or the path it came from.
	From string
	Form Form
	// Key is what receivers see; for FormRevocation only what Fetch's known keys tell of it.
	Key keys.Key
	// Data is what to import: packets that the key's owner signed, and no others. It is nil where
	// importing would be of no use; Note says why.
	Data []byte
	// Merged says that what came adds to a key that was known already.
	Merged bool
	// Revocation is set for FormRevocation.
	Revocation *keys.Revocation
	// Note explains a form that is not whole, in plain sentences.
	Note string
}

// WrongKeyError says that a place gave another key than the one that was asked for.
type WrongKeyError struct {
	From  string
	Asked Query
	Got   []keys.Fingerprint
}

func (e *WrongKeyError) Error() string {
	s := fmt.Sprintf("%s was asked for %s and gave another key", e.From, e.Asked)
	for _, f := range e.Got {
		s += " " + string(f)
	}
	return s
}

// Miss is a place that gave nothing.
type Miss struct {
	From string
	Err  error
}

// DefaultSources are where a key is looked for when no place is named: an address in the directory
// of its domain and on keys.openpgp.org, a fingerprint on keys.openpgp.org and the largest of the
// other key servers.
func DefaultSources(q Query) []Target {
	vks, hkp := Target{KindVKS, DefaultVKS}, Target{KindHKP, DefaultHKP}
	switch {
	case q.URL != "":
		return nil
	case q.Address != "":
		return []Target{{Kind: KindWKD}, vks}
	case q.KeyID != "":
		return []Target{hkp, vks}
	}
	return []Target{vks, hkp}
}

// ParseSource reads a place to fetch from: what [ParseTarget] reads, or "wkd" for the directory of
// the address's own domain.
func ParseSource(text, dir string) (Target, error) {
	if strings.TrimSpace(text) == string(KindWKD) {
		return Target{Kind: KindWKD}, nil
	}
	t, err := ParseTarget(text, dir)
	if err == nil && t.Kind != KindHKP && t.Kind != KindVKS && t.Kind != KindFile {
		err = &TargetError{text, "keys are fetched from key servers, keys.openpgp.org, wkd, or file:PATH; those of an account by their URL, https://HOST/USER.gpg"}
	}
	return t, err
}

// Fetch asks the places one after the other until one has the key whole, and returns what was
// found, the best form first. known are keys at hand: what comes without user id, or as a bare
// revocation, is understood by them. Keys other than the one asked for are refused: they become a
// Miss with a *WrongKeyError. An address may belong to several keys.
func (p *Publisher) Fetch(ctx context.Context, q Query, from []Target, known *keys.Keyring) ([]Found, []Miss, error) {
	var found []Found
	var misses []Miss
	if q.URL != "" {
		from = []Target{{}}
	}
	for _, t := range from {
		if err := ctx.Err(); err != nil {
			return found, misses, context.Cause(ctx)
		}
		host, data, err := p.get(ctx, q, t)
		if err == nil {
			var some []Found
			some, err = sift(q, host, data, known)
			found = append(found, some...)
		}
		if err != nil {
			misses = append(misses, Miss{host, err})
		}
		if slices.ContainsFunc(found, func(f Found) bool { return f.Form == FormWhole }) {
			break
		}
	}
	slices.SortStableFunc(found, func(a, b Found) int { return a.rank() - b.rank() })
	if ctx.Err() != nil {
		return found, misses, context.Cause(ctx)
	}
	return found, misses, nil
}

func (f Found) rank() int {
	return slices.Index([]Form{FormWhole, FormWithoutUserID, FormRevocation}, f.Form)
}

// get asks one place.
func (p *Publisher) get(ctx context.Context, q Query, t Target) (host string, data []byte, err error) {
	if q.URL != "" {
		u, err := url.Parse(q.URL)
		if err != nil {
			return q.URL, nil, &QueryError{Text: q.URL}
		}
		p.doing(t, "asking %s", u.Host)
		a, err := p.o.Client.Do(ctx, web.Request{Op: "get the key", URL: q.URL, Limit: maxFetched})
		return u.Host, a.Body, err
	}
	if host = t.Name(); t.Kind == KindWKD {
		_, host, _ = strings.Cut(q.Address, "@")
	}
	p.doing(t, "asking %s for %s", host, q)
	switch t.Kind {
	case KindHKP:
		s, err := hkp.New(p.o.Client, t.Where)
		if err != nil {
			return host, nil, err
		}
		data, err = fromKeyServer(ctx, s, q)
		return host, data, err
	case KindVKS:
		data, err = fromVKS(ctx, vks.New(p.o.Client, t.Where), q)
		return host, data, err
	case KindWKD:
		if q.Address == "" {
			return host, nil, &TargetError{"wkd", "a Web Key Directory is asked by address only"}
		}
		d := wkd.Directory{Client: p.o.Client, Resolver: p.o.Resolver}
		data, host, err = d.Find(ctx, q.Address)
		return host, data, err
	case KindFile:
		data, err = p.fromFile(q, t.Where)
		return host, data, err
	}
	return host, nil, &TargetError{t.String(), "keys cannot be fetched from there"}
}

// fromFile takes the keys that were asked for out of a file, which may hold hundreds.
func (p *Publisher) fromFile(q Query, path string) ([]byte, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	ring, err := keysfile.Keys(data)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, k := range ring.Keys() {
		if q.names(k) {
			out = append(out, ring.ExportWith(k.Fingerprint, keys.ExportOptions{})...)
		}
	}
	if out == nil {
		return nil, &keys.NotFoundError{Selector: q.String()}
	}
	return out, nil
}

// maxFetched is the most that is read of a file with keys.
const maxFetched = 16 << 20

// maxCandidates is how many keys with an address are looked at.
const maxCandidates = 10

// fromKeyServer asks for a key, or for the keys with an address, one at a time: servers answer a
// search for several with whatever they have, and one flooded key would make that too big.
func fromKeyServer(ctx context.Context, s hkp.Server, q Query) ([]byte, error) {
	if q.Address == "" {
		return s.Get(ctx, q.String())
	}
	list, err := s.Index(ctx, q.Address)
	if err != nil {
		return nil, err
	}
	var all []byte
	n := 0
	for _, e := range list {
		if e.ID == "" || !slices.ContainsFunc(e.UserIDs, func(u string) bool { return strings.EqualFold(keys.AddressOf(u), q.Address) }) {
			continue
		}
		if n++; n > maxCandidates {
			break
		}
		one, gone := s.Get(ctx, e.ID)
		if gone != nil {
			err = gone
			continue
		}
		all = append(append(all, one...), '\n')
	}
	if len(all) == 0 && err == nil {
		err = &web.Error{Host: s.Host(), Op: "ask which keys have the address", Kind: web.KindNotFound}
	}
	if len(all) > 0 {
		err = nil
	}
	return all, err
}

// sift takes what was asked for out of an answer.
func sift(q Query, from string, data []byte, known *keys.Keyring) (found []Found, err error) {
	a, err := understand(data)
	if err != nil {
		return nil, &web.Error{Host: from, Op: "read the key", Kind: web.KindNonsense, Detail: "what it gives is no key", Err: err}
	}
	var others []keys.Fingerprint
	for _, k := range a.keys {
		f := Found{From: from, Form: FormWhole, Key: k, Data: a.ring.ExportWith(k.Fingerprint, keys.ExportOptions{})}
		switch {
		case len(k.UserIDs) == 0 && q.Address == "":
			if !f.complete(q, a, known) {
				others = append(others, k.Fingerprint)
				continue
			}
		case !q.names(k):
			others = append(others, k.Fingerprint)
			continue
		}
		found = append(found, f)
	}
	for _, v := range a.revocations {
		f := Found{From: from, Form: FormRevocation, Revocation: &v}
		if f.apply(q, v, known) {
			found = append(found, f)
		} else {
			others = append(others, keys.Fingerprint(v.Claim.KeyID))
		}
	}
	if len(found) == 0 {
		return nil, &WrongKeyError{From: from, Asked: q, Got: others}
	}
	return found, nil
}

// complete explains a key without user ids, and joins it with what is known of it. It reports
// whether the key is the one that was asked for.
func (f *Found) complete(q Query, a answer, known *keys.Keyring) bool {
	f.Form = FormWithoutUserID
	here := known.ExportWith(f.Key.Fingerprint, keys.ExportOptions{})
	if here == nil {
		// Without a signature over the key itself its subkeys prove nothing.
		if !q.names(f.Key) {
			return false
		}
		if f.Key.CanSign || f.Key.CanCertify {
			f.Note = "The key has no user id and says so itself. Nothing tells whose it is: compare its fingerprint."
			return true
		}
		f.Data = nil
		f.Note = "The place gives this key without a user id: nobody has confirmed an address of it there. Like that it says neither whose it is nor until when it is valid, and cannot be used. Ask its owner, or another place."
		return true
	}
	base, err := keys.ReadKeyring(here, keys.SourceStore)
	if err != nil {
		return false
	}
	ring := keys.MergeKeyrings(base, a.ring)
	data := ring.ExportWith(f.Key.Fingerprint, keys.ExportOptions{})
	k, ok := describe(data)
	if !ok || !q.names(k) {
		return false
	}
	f.Key, f.Data, f.Merged = k, data, true
	f.Note = "The place gives this key without a user id. You have the key already: what came was added to it."
	if bytes.Equal(data, here) {
		f.Note = "The place gives this key without a user id. You have the key already, and nothing in what came is new."
	}
	return true
}

// apply explains a bare revocation by the key that it revokes. It reports whether the revocation
// is about the key that was asked for.
func (f *Found) apply(q Query, v keys.Revocation, known *keys.Keyring) bool {
	of := known.Confirms(v)
	if of == "" {
		if q.URL == "" && q.KeyID != v.Claim.KeyID && q.Fingerprint.KeyID() != v.Claim.KeyID {
			return false
		}
		for _, k := range []keys.Fingerprint{q.Fingerprint, v.Claim.Fingerprint} {
			if known.ExportWith(k, keys.ExportOptions{}) != nil {
				return false // the key is here, and did not make it
			}
		}
		f.Key.Fingerprint = v.Claim.Fingerprint
		f.Note = "The place gives nothing of this key but its revocation: " + v.Reason + ". Key servers do so for keys that were revoked for good. Without the key itself the revocation cannot be checked, and no signature either."
		return true
	}
	data := known.ExportRevoked(of, v)
	k, ok := describe(data)
	if !ok || !q.names(k) && k.Fingerprint != q.Fingerprint {
		return false
	}
	f.Key, f.Data, f.Merged = k, data, true
	f.Note = "The key was revoked on " + v.Claim.SignedAt.UTC().Format("2 January 2006") + ": " + v.Reason + ". The place gives the revocation alone; it was checked with the key that you have."
	if v.Hard {
		f.Note += " Nothing that it ever signed counts any more."
	} else {
		f.Note += " What it signed before stays good."
	}
	return true
}

// ErrNothingFound says that no place had the key.
var ErrNothingFound = errors.New("no place has this key")
