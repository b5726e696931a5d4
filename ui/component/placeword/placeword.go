// Package placeword puts into lines of text what would become public of a key, and what became of it
// at the places where it was sent. The commands, line mode and the screens say the same.
package placeword

import (
	"errors"
	"fmt"
	"strings"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/component/layout"
	"bulla/ui/explain"
	"bulla/ui/safetext"
)

// Plan is exactly what would become public, in lines of at most width columns. The lines are safe to
// show.
func Plan(plan publish.Plan, width int) []string {
	var p page
	p.width = width
	var before *publish.Item
	for n := range plan.Items {
		i := &plan.Items[n]
		if before == nil || string(before.Data) != string(i.Data) {
			p.key(*i)
		}
		before = i
		p.add("")
		p.field("to", i.Target.Name())
		for _, s := range append([]string{i.Sentence}, i.Notes...) {
			p.wrapped(labelWidth, s)
		}
	}
	return p.lines
}

// Result is what became of a key at a place: first one line with the place and the state, then what
// there is to know. An error is told only if withError is set.
func Result(r publish.Result, withError bool, width int) []string {
	p := page{width: width}
	p.add(r.Target.Name() + ": " + r.State())
	for _, a := range r.Addresses {
		p.wrapped(4, a.Address+": "+Address(a))
	}
	if r.Err != nil && withError {
		x := explain.Error(r.Err)
		if differs := (*publish.DifferenceError)(nil); errors.As(r.Err, &differs) {
			x.Cause = "" // the differences, which follow
		}
		p.wrapped(4, strings.TrimSpace(x.Headline+" "+x.Cause))
	}
	for _, d := range r.Differences {
		p.wrapped(4, d.String())
	}
	for _, s := range r.Notes {
		p.wrapped(4, s)
	}
	for _, s := range r.Commands {
		for _, l := range layout.Command(safetext.Line(s), max(20, width-6)) {
			p.lines = append(p.lines, "      "+l)
		}
	}
	return p.lines
}

// Address says what became of an address, raw.
func Address(a publish.Address) string {
	word := map[publish.AddressState]string{
		publish.AddressFound: "findable", publish.AddressWaiting: "a mail was sent to it; open the link in it, then check again: bulla keys status",
		publish.AddressHidden: "not confirmed there", publish.AddressUpload: "written; not seen online yet", publish.AddressMissing: "not found by it",
		publish.AddressOtherKey: "another key is found by it", publish.AddressUnknown: "could not be checked",
	}[a.State]
	if a.Detail != "" {
		word += " (" + a.Detail + ")"
	}
	return word
}

// Until says when a key ends.
func Until(k keys.Key) string {
	switch {
	case k.Revoked:
		return "revoked"
	case k.Expires.IsZero():
		return "never expires"
	}
	return "expires " + k.Expires.UTC().Format("2 January 2006")
}

// labelWidth is where what belongs to a label begins.
const labelWidth = 13

// page is text that is being written.
type page struct {
	width int
	lines []string
}

func (p *page) add(raw string) { p.lines = append(p.lines, safetext.Line(raw)) }

// field adds a label, and what belongs to it.
func (p *page) field(label, raw string) {
	for _, l := range layout.Wrap(safetext.Line(raw), max(20, p.width-labelWidth)) {
		p.lines = append(p.lines, fmt.Sprintf("  %-*s%s", labelWidth-2, label, l))
		label = ""
	}
}

// wrapped adds a sentence behind an indent.
func (p *page) wrapped(indent int, raw string) {
	for _, l := range layout.Wrap(safetext.Line(raw), max(20, p.width-indent)) {
		p.lines = append(p.lines, fmt.Sprintf("%*s%s", indent, "", l))
	}
}

// key adds what is sent of a key, and what is not.
func (p *page) key(i publish.Item) {
	if len(p.lines) > 0 {
		p.add("")
	}
	p.field("key", i.Key.Fingerprint.Grouped())
	p.field("", fmt.Sprintf("%s, %d bytes, %s", i.Key.Algorithm, len(i.Data), Until(i.Key)))
	for n, u := range i.Key.UserIDs {
		p.field(label(n, "user id"), u)
	}
	for n, u := range i.LeftOut {
		p.field(label(n, "not sent"), u)
	}
	for n, s := range i.Key.Subkeys {
		p.field(label(n, "subkey"), s.Fingerprint.Grouped()+"  "+s.Algorithm)
	}
}

// label stands before the first of several.
func label(n int, s string) string {
	if n > 0 {
		return ""
	}
	return s
}
