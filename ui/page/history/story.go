package history

import (
	"strings"
	"time"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/sheet"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/history"
)

// teller writes a story.
type teller struct {
	sheet.Sheet
	now time.Time
}

// story tells everything about one release: each signature in plain words, then its commit, files,
// images and record.
func story(t theme.Theme, r *history.Release, c history.Change, w int, now time.Time) []string {
	s := &teller{Sheet: sheet.Sheet{Theme: t, Width: w}, now: now}
	s.Lines = append(s.Lines, t.Strong.Render(layout.Cut(safetext.Line(r.Tag), w, t.Signs.Ellipsis)))
	if subject := safetext.Line(r.Subject); subject != "" {
		s.Text(t.Body, subject)
	}
	if !r.Date.IsZero() {
		s.Text(t.Muted, human.Date(r.Date)+", "+ago(now, r.Date))
	}
	if !r.Judged(history.PartTag) {
		s.Space()
		s.Text(t.Body, "Its signature is not judged yet.")
		return s.Lines
	}
	if v := r.Verdict(); v.OK(false) && badness(r) > weightGood {
		if text := remark(r, history.Change{}, false); text != "" && tagRemark(r, v) == "" {
			s.Text(t.Bad, "Not all of it is good: "+text+".")
		}
	}
	for _, v := range r.Verdicts {
		s.Space()
		s.signature(v)
	}
	if r.Signed && r.InnerName != "" && r.InnerName != r.Tag {
		s.Space()
		s.Text(t.Bad, "Inside, the tag calls itself "+safetext.Line(r.InnerName)+". An old tag may be posing as a new one.")
	}
	if c.From != nil {
		s.Space()
		s.change(c)
	}
	s.rest(r)
	return s.Lines
}

// signature tells the story of one signature on a tag.
func (s *teller) signature(v keys.Verdict) {
	s.Lines = append(s.Lines, icon(s.Theme, v)+" "+style(s.Theme, v).Render(layout.Cut(long(v), s.Width-4, s.Theme.Signs.Ellipsis)))
	s.Text(s.Theme.Body, safetext.Line(v.Reason))
	s.Space()
	if g := v.Signer; g != nil {
		for i, id := range g.UserIDs {
			if i == maxUserIDs {
				s.Fact("", human.Count(len(g.UserIDs)-i, "more name"))
				break
			}
			s.Fact(pick(i == 0, "signer", ""), safetext.Line(id))
		}
		s.Key("key", g.Primary)
		if g.Fingerprint != g.Primary {
			s.Key("subkey", g.Fingerprint)
		}
		if g.Authority != "" {
			s.Key("certified", g.Authority)
		}
		s.Fact("signed", moment(g.SignedAt)+pick(g.SignedAt.IsZero(), "", ", "+ago(s.now, g.SignedAt)))
		s.Fact("then", thenText(v))
		s.Fact("today", todayText(v, s.now))
		s.Fact("made with", g.Algorithm+", "+g.Hash)
	} else if v.Claim != (keys.Claim{}) {
		s.Text(s.Theme.Muted, "It says of itself, and nothing proves it:")
		s.Fact("by", safetext.Line(v.Claim.Subject))
		if v.Claim.Fingerprint != "" {
			s.Key("key", v.Claim.Fingerprint)
		} else {
			s.Fact("key id", v.Claim.KeyID)
		}
		s.Fact("signed", moment(v.Claim.SignedAt))
		s.Fact("made with", strings.Trim(v.Claim.Algorithm+", "+v.Claim.Hash, ", "))
	}
	s.Fact("noted", safetext.Line(strings.Join(v.Weak, ", ")))
	s.Fact("policy", policyText(v))
	s.Fact("to do", explain.Advice(v))
}

const maxUserIDs = 3

func pick(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return no
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 Jan 2006 15:04 UTC")
}

// ago says how long before now something was.
func ago(now, t time.Time) string {
	switch {
	case t.After(now):
		return "which is in the future"
	case now.Sub(t) < time.Minute:
		return "just now"
	}
	return human.Span(now.Sub(t)) + " ago"
}

// thenText says what the key was worth when it signed.
func thenText(v keys.Verdict) string {
	g := v.Signer
	switch {
	case v.Status == keys.StatusRevoked:
		return "the key is revoked, and the revocation covers this signature"
	case v.Status == keys.StatusNotYetValid:
		return "the key did not exist yet, or the date lies ahead"
	case v.Status == keys.StatusAfterExpiry || !g.KeyExpires.IsZero() && !g.SignedAt.Before(g.KeyExpires):
		return "the key had expired already"
	case v.Status == keys.StatusBad:
		return "the key may not make such signatures"
	}
	return "the key was valid"
}

// todayText says what the key is worth now.
func todayText(v keys.Verdict, now time.Time) string {
	g := v.Signer
	switch {
	case v.Status == keys.StatusRevoked:
		return "revoked"
	case !g.KeyExpires.IsZero() && !now.Before(g.KeyExpires):
		return "the key expired on " + human.Date(g.KeyExpires)
	case v.Status == keys.StatusGoodExpiredSince:
		return "the key was retired or replaced by its owner"
	case g.KeyExpires.IsZero():
		return "the key is valid and never expires"
	}
	return "the key is valid until " + human.Date(g.KeyExpires)
}

func policyText(v keys.Verdict) string {
	switch {
	case v.Trusted == nil:
		return "none says who may sign this"
	case *v.Trusted:
		return pick(v.PolicyReason == "", "this signer is allowed", safetext.Line(v.PolicyReason))
	}
	return "refused: " + safetext.Line(v.PolicyReason)
}

func (s *teller) change(c history.Change) {
	text := "The release before it was signed by " + nameOf(c.From) + " (" + human.Tail(c.From.Primary) + "). "
	if c.New {
		text += "This is the first one by " + nameOf(c.To) + " (" + human.Tail(c.To.Primary) + "): make sure that the change was announced."
	} else {
		text += nameOf(c.To) + " had signed older ones too."
	}
	s.Text(s.Theme.Caution, text)
}

// rest tells of what goes with the tag.
func (s *teller) rest(r *history.Release) {
	s.Space()
	switch {
	case r.Lightweight && r.CommitID == "", r.TargetType == "tree", r.TargetType == "blob":
		s.Fact("points to", "a "+r.TargetType+", not a commit")
	case r.TargetType == "tag":
		s.Fact("points to", "another tag; its commit is "+human.Commit(r.CommitID))
	}
	for _, v := range r.Commit {
		text := human.Commit(v.Target) + ": " + long(v)
		if v.Signer != nil {
			text += ", by " + nameOf(v.Signer)
		}
		s.Styled("commit", "", style(s.Theme, v), text)
	}
	if r.Judged(history.PartFiles) && len(r.Files)+len(r.Images)+len(r.Record) == 0 {
		s.Styled("files", "", s.Theme.Muted, "none found; [history] in bulla.toml names where they are kept")
	}
	s.things("record", r.Record)
	s.things("files", r.Files)
	s.things("images", r.Images)
}

// things lists verdicts on files or images, each with its reason where it is not good.
func (s *teller) things(label string, vs []keys.Verdict) {
	for _, v := range keys.Distinct(vs) {
		s.Styled(label, icon(s.Theme, v)+" ", style(s.Theme, v), base(v.Target)+": "+long(v))
		if !v.OK(false) {
			s.Fact("", safetext.Line(v.Reason))
		}
		label = ""
	}
}
