package keydesk

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/workflow/project"
)

// KeyServersVariable is the environment variable that names other places to look for keys than the
// usual ones, in the form of publish.ParseSource, between commas or blanks. "none" is nowhere.
const KeyServersVariable = "BULLA_KEYSERVERS"

// FetchSources are the places where a key is looked for when nobody names one.
func (w *Places) FetchSources(q publish.Query) ([]publish.Target, error) {
	text := ""
	if w.Env != nil {
		text = w.Env(KeyServersVariable)
	}
	if text == "" {
		return publish.DefaultSources(q), nil
	}
	var out []publish.Target
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		if s == "none" {
			continue
		}
		t, err := publish.ParseSource(s, "")
		if err != nil {
			return nil, &project.ConfigError{Path: KeyServersVariable, Message: err.Error()}
		}
		if t.Kind != publish.KindWKD || q.Address != "" {
			out = append(out, t)
		}
	}
	return out, nil
}

// MissingKey is the query for the key that a verdict's signature names, and whether there is one to
// look for: the status is keys.StatusUnknownKey, and the signature is an OpenPGP one.
func MissingKey(v keys.Verdict) (publish.Query, bool) {
	if v.Status != keys.StatusUnknownKey {
		return publish.Query{}, false
	}
	if v.Claim.Version == 0 { // a signature of another kind, whose fingerprint no key server knows
		return publish.Query{}, false
	}
	text := string(v.Claim.Fingerprint)
	if text == "" {
		text = v.Claim.KeyID
	}
	q, err := publish.ParseQuery(text)
	return q, err == nil && strings.Trim(text, "0") != ""
}

// Fetch looks for a key in the places named, or for nil in those of FetchSources. Nothing is kept:
// see KeepFetched. What the places gave, and which of them gave nothing, comes also with an error.
func (w *Places) Fetch(ctx context.Context, q publish.Query, from []publish.Target, f PublishFace) ([]publish.Found, []publish.Miss, error) {
	if from == nil {
		var err error
		if from, err = w.FetchSources(q); err != nil {
			return nil, nil, err
		}
	}
	known, _ := w.Keyring(ctx, "") // what cannot be read is not known
	return w.publisher(f).Fetch(ctx, q, from, known)
}

// KeepFetched imports what Fetch found into bulla's store.
func (w *Places) KeepFetched(ctx context.Context, f publish.Found) ([]store.Imported, error) {
	return w.Store.Import(ctx, bytes.NewReader(f.Data))
}

// NotFetchedError says that no place had the key, and why.
type NotFetchedError struct {
	Query  publish.Query
	Misses []publish.Miss
}

func (e *NotFetchedError) Error() string { return "no key was found for " + e.Query.String() }

// WrongKey is the first place that gave another key than the one asked for, nil for none.
func (e *NotFetchedError) WrongKey() *publish.WrongKeyError {
	for _, m := range e.Misses {
		var wrong *publish.WrongKeyError
		if errors.As(m.Err, &wrong) {
			return wrong
		}
	}
	return nil
}
