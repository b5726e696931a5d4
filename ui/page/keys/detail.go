package keys

import (
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"bulla/keys"
	"bulla/ui/component/agentword"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/ui/component/layout"
	"bulla/ui/component/sheet"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// story tells everything about a key.
func story(t theme.Theme, r *row, w int, now time.Time) []string {
	s := &sheet.Sheet{Theme: t, Width: w}
	name := safetext.Line(r.name())
	switch {
	case r.Err != nil:
		name = "a key that cannot be read"
	case name == "":
		name = "a key without a user id"
	}
	s.Text(t.Strong, name)
	s.Lines = append(s.Lines, human.FingerprintLines(r.Fingerprint, w)...)
	s.Space()
	if !r.Read {
		s.Text(t.Muted, "It is being read. Nothing of what is shown is checked yet.")
		return s.Lines
	}
	if r.Err != nil {
		s.Lines = append(s.Lines, unreadable(t, r.Err, w)...)
		if keydeed.Fault(keydeed.Aside, &r.State) == "" {
			s.Space()
			s.Text(t.Accent, t.Signs.Arrow+" m: "+keydeed.Of(keydeed.Aside).Name)
		}
		return s.Lines
	}
	facts(s, r, now)
	findings(s, r)
	userIDs(s, r)
	subkeys(s, r, now)
	published(s, r, now)
	agentView(s, r)
	return s.Lines
}

func unreadable(t theme.Theme, err error, w int) []string {
	e := explain.Error(err)
	var out []string
	for _, l := range []struct {
		style lipgloss.Style
		text  string
	}{{t.Bad, e.Headline}, {t.Body, e.Cause}, {t.Good, e.Untouched}} {
		if l.text == "" {
			continue
		}
		for _, line := range layout.Wrap(safetext.Line(l.text), w) {
			out = append(out, l.style.Render(line))
		}
	}
	return out
}

func facts(s *sheet.Sheet, r *row, now time.Time) {
	t := s.Theme
	s.Fact("kind", keydeed.Kind(&r.State))
	s.Fact("algorithm", safetext.Line(r.Algorithm)+", may "+keydeed.Uses(r.CanCertify, r.CanSign, false))
	s.Fact("made", human.Date(r.Created)+", "+keydeed.Ago(now, r.Created))
	style := t.Body
	switch {
	case r.Revoked, r.ExpiredAt(now):
		style = t.Bad
	case !r.Expires.IsZero() && r.Expires.Sub(now) < keys.ExpiringSoon:
		style = t.Caution
	}
	s.Styled("valid", "", style, keydeed.Validity(r.Expires, r.Revoked, now))
	if r.InStore && r.Secret {
		backup, tried := keydeed.Backup(&r.State, now)
		style := t.Body
		if !tried {
			style = t.Caution
		}
		s.Styled("backup", "", style, backup)
		if moved := keydeed.RevocationPlace(&r.State); moved != "" {
			s.Fact("revoking", "certificate "+safetext.Line(moved))
		}
	}
	if r.Changed {
		s.Fact("changed", "the version before the latest change is kept; u goes back to it")
	}
}

// findings tell what the health check found, and which action mends it.
func findings(s *sheet.Sheet, r *row) {
	t := s.Theme
	heading(s, "Health")
	if len(r.Findings) == 0 {
		s.Lines = append(s.Lines, sign(t, "")+" "+t.Good.Render("Nothing is wrong with it."))
		return
	}
	for _, f := range r.Findings {
		icon := sign(t, f.Severity)
		indent := strings.Repeat(" ", layout.Width(icon)+1)
		for i, l := range layout.Wrap(safetext.Line(f.Message), s.Width-len(indent)) {
			before := indent
			if i == 0 {
				before = icon + " "
			}
			s.Lines = append(s.Lines, before+style(t, f.Severity).Render(l))
		}
		if len(f.RefusedBy) > 0 {
			for _, l := range layout.Wrap("refused by "+strings.Join(f.RefusedBy, ", "), s.Width-len(indent)) {
				s.Lines = append(s.Lines, indent+t.Muted.Render(l))
			}
		}
		mend := "mend: " + safetext.Line(f.Action)
		if a, ok := keydeed.Mend(f); ok && r.Secret {
			mend = t.Signs.Arrow + " m: " + keydeed.Of(a).Name
		} else if f.Action == "" || !r.Secret { // others mend theirs
			continue
		}
		for _, l := range layout.Wrap(mend, s.Width-len(indent)) {
			s.Lines = append(s.Lines, indent+t.Accent.Render(l))
		}
	}
}

func heading(s *sheet.Sheet, text string) {
	s.Space()
	s.Lines = append(s.Lines, s.Theme.Muted.Render(text))
}

func userIDs(s *sheet.Sheet, r *row) {
	heading(s, "User ids")
	if len(r.UserIDs) == 0 {
		s.Text(s.Theme.Caution, "none that is valid")
	}
	for _, u := range r.UserIDs {
		s.Text(s.Theme.Body, safetext.Line(u))
	}
}

func subkeys(s *sheet.Sheet, r *row, now time.Time) {
	if len(r.Subkeys) == 0 {
		return
	}
	t := s.Theme
	heading(s, "Subkeys")
	for _, k := range r.Subkeys {
		style := t.Body
		if k.Revoked || !k.Expires.IsZero() && !now.Before(k.Expires) {
			style = t.Muted
		}
		s.Lines = append(s.Lines, style.Render(layout.Cut(human.Key(t, k.Fingerprint)+"  "+safetext.Line(k.Algorithm)+", "+keydeed.Uses(false, k.CanSign, k.CanEncrypt), s.Width, t.Signs.Ellipsis)))
		for _, l := range layout.Wrap(keydeed.SubkeyLife(&r.State, k, now), s.Width-2) {
			s.Lines = append(s.Lines, "  "+t.Muted.Render(l))
		}
	}
}

// published tells where the key was published from here, and whether that is current.
func published(s *sheet.Sheet, r *row, now time.Time) {
	t := s.Theme
	heading(s, "Published")
	switch {
	case !r.PlacesKnown:
		s.Text(t.Muted, "looking"+t.Signs.Ellipsis)
		return
	case len(r.Places) == 0 && r.Secret:
		s.Text(t.Body, "Nowhere, as far as bulla knows.")
		return
	case len(r.Places) == 0:
		s.Text(t.Body, "Not from here.")
		return
	}
	for _, e := range r.Places {
		icon, style := t.Icon(theme.Done), t.Body
		line, well := keydeed.PlaceState(&r.State, e, now)
		if !well {
			icon, style = t.Icon(theme.Waiting), t.Caution
		}
		s.Lines = append(s.Lines, icon+" "+style.Render(layout.Cut(keydeed.PlaceName(e.Target), s.Width-layout.Width(icon)-1, t.Signs.Ellipsis)))
		for _, l := range layout.Wrap(line, s.Width-2) {
			s.Lines = append(s.Lines, "  "+t.Muted.Render(l))
		}
	}
}

// agentView tells what gpg-agent says of the secret parts.
func agentView(s *sheet.Sheet, r *row) {
	if len(r.Parts) == 0 {
		return
	}
	heading(s, "In gpg-agent")
	if !r.AgentAsked {
		s.Text(s.Theme.Muted, agentword.NotAsked)
	}
	for _, p := range r.Parts {
		state, word := agentword.Part(p, r.AgentAsked)
		name := "primary key"
		if p.Fingerprint != r.Fingerprint {
			name = human.Tail(p.Fingerprint)
		}
		s.Styled(name, s.Theme.Icon(state)+" ", s.Theme.Body, word)
	}
}
