// Package foundkey words what is looked for on key servers, and what they gave.
package foundkey

import (
	"strings"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/component/human"
	"bulla/ui/safetext"
)

// Query is what is looked for: a fingerprint in groups of four, else the text.
func Query(q publish.Query) string {
	if f, err := keys.ParseFingerprint(q.String()); err == nil {
		return f.Grouped()
	}
	return safetext.Line(q.String())
}

// Asked says who would be asked, and what they learn.
func Asked(from []publish.Target) string {
	var names []string
	for _, t := range from {
		names = append(names, safetext.Line(t.Name()))
	}
	return "Asked would be: " + strings.Join(names, ", ") + ". They learn that somebody here looks for it. You see the key before it is kept."
}

// Lines show a key that was found.
func Lines(f publish.Found) (out []string) {
	if f.Key.Fingerprint != "" {
		out = append(out, f.Key.Fingerprint.Grouped())
	}
	for _, u := range f.Key.UserIDs[:min(len(f.Key.UserIDs), 3)] {
		out = append(out, safetext.Line(u))
	}
	if n := len(f.Key.UserIDs) - 3; n > 0 {
		out = append(out, human.Count(n, "more user id"))
	}
	switch {
	case f.Key.Revoked:
		out = append(out, "It is revoked.")
	case !f.Key.Expires.IsZero():
		out = append(out, "Valid until "+f.Key.Expires.UTC().Format("2 January 2006")+".")
	}
	out = append(out, "From "+safetext.Line(f.From)+".")
	if f.Note != "" {
		out = append(out, "", safetext.Line(f.Note))
	}
	return out
}

// Name is a key that was found in a line, for a choice among several.
func Name(f publish.Found) string {
	name := "a key without a user id"
	if len(f.Key.UserIDs) > 0 {
		name = safetext.Line(f.Key.UserIDs[0])
	}
	if f.Key.Fingerprint == "" {
		return name
	}
	return name + "  " + human.Tail(f.Key.Fingerprint)
}

// Caution is what stands below a key that can be kept.
const Caution = "Anyone can upload a key with any name: compare the fingerprint with one that you have from elsewhere."
