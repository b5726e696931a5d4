package imagedeed

import (
	"context"
	"strings"

	"bulla/docker/dct"
	"bulla/ui/component/human"
	"bulla/ui/component/imageword"
	"bulla/ui/component/sheet"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/workflow/images"
)

// ViewOf tells the trust data of the repository, or why there is none; begin is what a person types before
// the name of an action, "" where the actions are listed below.
func ViewOf(v images.TrustView, begin string) Story {
	rows := []Row{head(safetext.Line(v.GUN)), fact("server", host(v.Server))}
	if v.Ending {
		rows = append(rows, caution("ends", "on "+human.Date(v.End.Day)+", says "+v.End.Source+". cosign signatures stay in the registry."))
	}
	if v.State == nil {
		x := explain.Error(v.Err)
		if v.Untouched() {
			x.Next = nil
			if begin != "" {
				x.Next = []string{begin + Of(Initialise).Name}
			}
		}
		rows = append(rows, space(), Row{Kind: Explained, X: x}, space())
		return Story{"Content Trust", append(rows, rootKeys(v)...)}
	}
	rows = append(append(rows, roots(v)...), roles(v)...)
	if len(v.State.Tags) == 0 {
		rows = append(rows, space(), small("No tag is released."))
	}
	rows = append(append(rows, tags("released", v.State.Tags)...), tags("signed, and not released", v.State.Pending)...)
	return Story{"Content Trust", rows}
}

// roots are the root keys, and where they live.
func roots(v images.TrustView) (rows []Row) {
	for _, r := range v.Roots {
		rows = append(rows, space(), head("Root certificate, which others pin"), para(r.ID), small("its key"), para(r.KeyID))
		if r.Path == "" {
			rows = append(rows, caution("lives", "not in "+safetext.Line(v.Dir)))
		} else {
			rows = append(rows, fact("lives", safetext.Line(r.Path)))
		}
		if r.Path != "" || r.Custody.Backup != "" {
			rows = append(rows, custody(r.Custody))
		}
	}
	rows = append(rows, fact("until", human.Date(v.State.Root.Expires)))
	if v.State.Rotated {
		rows = append(rows, caution("mind", "It was replaced since it was pinned, with the old one's signature: pin the present one."))
	}
	return rows
}

// custody says what is known of a root key's backup.
func custody(c dct.Custody) Row {
	text, opened := imageword.Backup(c)
	if !opened {
		return caution("backup", text)
	}
	return fact("backup", text)
}

// rootKeys are the root keys at hand, where no trust data names one.
func rootKeys(v images.TrustView) (rows []Row) {
	for _, k := range v.RootKeys() {
		rows = append(rows, fact("root key", safetext.Line(k.Path)), custody(k.Backup))
	}
	if rows == nil {
		rows = []Row{fact("root keys", "none in "+safetext.Line(v.Dir))}
	}
	return rows
}

// roles say who may sign.
func roles(v images.TrustView) []Row {
	rows := []Row{space()}
	ids := func(list []string) {
		for _, id := range list {
			r := Row{Kind: ShortID}
			if r.ID = id; v.Held(id) {
				r.Text = ", at hand"
			}
			rows = append(rows, r)
		}
	}
	for _, r := range v.State.Roles {
		if r.Name == "targets" || r.Name == "snapshot" || r.Name == "timestamp" {
			rows = append(rows, fact(r.Name, "until "+human.Date(r.Expires)))
			ids(r.KeyIDs)
		}
	}
	for _, g := range v.State.Signers {
		rows = append(rows, fact("signer", safetext.Line(g.Name)))
		ids(g.KeyIDs)
	}
	for _, name := range v.State.Broken {
		rows = append(rows, caution("mind", safetext.Line(name)+" counts for nothing: it has expired, or no valid signature is under it."))
	}
	return rows
}

func tags(title string, list []dct.Tag) (rows []Row) {
	if len(list) == 0 {
		return nil
	}
	rows = []Row{space(), head(human.Count(len(list), "tag") + " " + title)}
	for _, tag := range list {
		rows = append(rows, para(safetext.Line(tag.Name+", by "+Signers(tag))), small(safetext.Line(tag.Digest)))
	}
	return rows
}

// Pinned is which root the repository must have, and the rule of a policy that says the same, "" for none.
func Pinned(ctx context.Context, d Desk) (p images.PinView, rule string, err error) {
	if p, err = d.Pins(ctx); err != nil {
		return p, "", err
	}
	r, err := d.PinRule(ctx)
	if err == nil && p.Pinned() && len(r.Roots) > 0 {
		rule = r.TOML()
	}
	return p, rule, err
}

// PinsOf tells what Pinned found out, and where that is written.
func PinsOf(name string, p images.PinView, rule string) Story {
	rows := []Row{head(safetext.Line(name))}
	switch {
	case p.ByPolicy:
		rows = append(rows, fact("said by", "the policy in bulla.toml, or the command line"))
	case p.Pinned():
		rows = append(rows, fact("said by", safetext.Line(p.Path)))
	default:
		rows = append(rows, para("Nothing says which root key it must have: nothing in Content Trust is believed. Ask the publisher for the id of the root certificate, in another way than through the trust server, and pin it."))
	}
	list := func(what string, ids []string) {
		for _, id := range ids {
			rows = append(rows, space(), small(what), para(id))
		}
	}
	if p.ByPolicy { // an id of whichever kind stands in both lists
		list("root certificate, or root key", p.Trust.RootKeys)
	} else {
		list("root certificate", p.Trust.Certificates)
		list("root key", p.Trust.RootKeys)
	}
	rows = append(rows, fact("signed by", safetext.Line(p.Trust.CA)))
	if p.ByPolicy && p.OwnPinned() {
		rows = append(rows, space(), mind("bulla's own pins name a root too ("+safetext.Line(p.Path)+"): the policy goes before them."))
	}
	if rule != "" && !p.ByPolicy {
		rows = append(rows, space(), small("As a rule of the policy, for bulla.toml:"))
		for l := range strings.Lines(rule) {
			rows = append(rows, Row{Kind: Verbatim, Effect: sheet.Effect{Text: safetext.Line(strings.TrimSuffix(l, "\n"))}})
		}
	}
	return Story{"The root that it must have", rows}
}
