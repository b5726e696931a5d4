package history

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/verdictsign"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/history"
)

// short is the verdict in at most seven letters, for a column.
func short(v keys.Verdict) string {
	if v.Trusted != nil && !*v.Trusted && v.Status.Sound() {
		return "refused"
	}
	switch v.Status {
	case keys.StatusGood:
		return "good"
	case keys.StatusGoodExpiredSince:
		return "good*"
	case keys.StatusWeak:
		return "weak"
	case keys.StatusAfterExpiry:
		return "late"
	case keys.StatusExpired:
		return "expired"
	case keys.StatusRevoked:
		return "revoked"
	case keys.StatusNotYetValid:
		return "not yet"
	case keys.StatusUnknownKey:
		return "no key"
	case keys.StatusBad:
		return "bad"
	case keys.StatusMalformed:
		return "damaged"
	case keys.StatusUnsupported:
		return "unknown"
	case keys.StatusUnsigned:
		return "none"
	}
	return "?"
}

// long is the verdict in words.
func long(v keys.Verdict) string {
	if v.Trusted != nil && !*v.Trusted && v.Status.Sound() {
		return "sound, but refused"
	}
	switch v.Status {
	case keys.StatusGoodExpiredSince:
		return "good, the key has ended since"
	case keys.StatusAfterExpiry:
		return "made after the key had expired"
	case keys.StatusExpired:
		return "the signature has expired"
	case keys.StatusRevoked:
		return "the key is revoked"
	case keys.StatusNotYetValid:
		return "not valid yet"
	case keys.StatusUnknownKey:
		return "the key is not at hand"
	case keys.StatusMalformed:
		return "damaged"
	case keys.StatusUnsupported:
		return "of a kind that bulla cannot judge"
	case keys.StatusUnsigned:
		return "not signed"
	case keys.StatusNotChecked:
		return "not checked"
	}
	return string(v.Status)
}

// style is the colour of a verdict.
func style(t theme.Theme, v keys.Verdict) lipgloss.Style { return t.StateStyle(verdictsign.State(v)) }

// icon is the sign beside a verdict.
func icon(t theme.Theme, v keys.Verdict) string { return t.Icon(verdictsign.State(v)) }

// badness orders releases by how much there is to worry about.
func badness(r *history.Release) int {
	worst := -1
	for _, vs := range r.Parts() {
		for _, v := range vs {
			if !aside(v) {
				worst = max(worst, weight(v))
			}
		}
	}
	return worst
}

// The weights at which a release is no longer plainly good, and plainly bad.
const (
	weightGood    = 1
	weightCaution = 5
	weightBad     = 7
)

// weight is how much there is to worry about one verdict.
func weight(v keys.Verdict) int {
	switch {
	case v.OK(false):
		return weightGood
	case v.Status == keys.StatusBad:
		return weightBad + 2
	case v.Trusted != nil && !*v.Trusted:
		return weightBad + 1
	}
	switch v.Status {
	case keys.StatusNotChecked:
		return 2
	case keys.StatusUnsigned:
		return 3
	case keys.StatusUnsupported:
		return 4
	case keys.StatusUnknownKey:
		return weightCaution
	case keys.StatusWeak:
		return weightCaution + 1
	}
	return weightBad
}

// signerName is how the table calls the signer of a tag: by the name in the user id, and "unknown"
// where no key proves it. It is safe to show.
func signerName(r *history.Release) string {
	if s := r.Signer(); s != nil {
		return nameOf(s)
	}
	if r.Signed {
		return "unknown"
	}
	return ""
}

// nameOf is the name in the first user id, or its address, or the end of the fingerprint.
func nameOf(s *keys.Signatory) string {
	if len(s.UserIDs) == 0 {
		return human.Tail(s.Primary)
	}
	name, address, _ := strings.Cut(s.UserIDs[0], "<")
	if name = strings.TrimSpace(name); name == "" {
		name = strings.TrimSuffix(address, ">")
	}
	return safetext.Line(name)
}

// group sums up verdicts on several things of one kind: "3 good", "2 of 3", "bad". A thing with several
// signatures counts once, by the verdict that stands for all of them.
func group(vs []keys.Verdict) (text string, worst keys.Verdict) {
	good, all := 0, perTarget(vs)
	for i, v := range all {
		if v.OK(false) {
			good++
		}
		if i == 0 || weight(v) > weight(worst) {
			worst = v
		}
	}
	switch {
	case len(all) == 0:
		return "", worst
	case good == len(all):
		return strconv.Itoa(good) + " good", worst
	case good == 0 && len(all) == 1:
		return short(worst), worst
	}
	return strconv.Itoa(good) + " of " + strconv.Itoa(len(all)), worst
}

// perTarget are the verdicts that stand for each target, in the order in which the targets come.
func perTarget(vs []keys.Verdict) (out []keys.Verdict) {
	of := map[string][]keys.Verdict{}
	var order []string
	for _, v := range vs {
		if _, known := of[v.Target]; !known {
			order = append(order, v.Target)
		}
		of[v.Target] = append(of[v.Target], v)
	}
	for _, target := range order {
		out = append(out, keys.Summarize(of[target]))
	}
	return out
}

// remark is the one thing to know about a release, "" where all is plainly well. Its first words tell
// most: a narrow column shows no others.
func remark(r *history.Release, c history.Change, changed bool) string {
	for _, vs := range [][]keys.Verdict{r.Record, r.Files, r.Images} {
		for _, v := range vs {
			if v.Status == keys.StatusBad {
				return base(v.Target) + ": does not fit its signature"
			}
		}
	}
	if len(r.Verdicts) > 0 {
		if text := tagRemark(r, r.Verdict()); text != "" {
			return text
		}
	}
	for _, vs := range [][]keys.Verdict{r.Record, r.Files} {
		for _, v := range vs {
			switch {
			case v.OK(false):
			case v.Status == keys.StatusUnsigned:
				return base(v.Target) + " has no signature"
			default:
				return base(v.Target) + ": " + long(v)
			}
		}
	}
	for _, v := range r.Commit {
		if !v.OK(false) && !aside(v) {
			return "commit: " + long(v)
		}
	}
	if changed && !c.New {
		return "signer changed"
	}
	switch r.TargetType {
	case "tag":
		return "points to another tag"
	case "tree", "blob":
		return "points to a " + r.TargetType
	}
	return ""
}

func tagRemark(r *history.Release, v keys.Verdict) string {
	switch {
	case r.Signed && r.InnerName != "" && r.InnerName != r.Tag:
		return "is " + safetext.Line(r.InnerName) + " inside"
	case v.Trusted != nil && !*v.Trusted:
		return "policy: " + v.PolicyReason
	case r.Lightweight:
		return "lightweight tag"
	}
	switch v.Status {
	case keys.StatusGood:
		return ""
	case keys.StatusGoodExpiredSince:
		return "* key has ended"
	case keys.StatusWeak:
		if len(v.Weak) > 0 {
			return v.Weak[0]
		}
	case keys.StatusBad:
		if strings.Contains(v.Reason, "does not fit") {
			return "does not fit its signature"
		}
		return strings.TrimSuffix(v.Reason, ".") // the key may not make such signatures
	case keys.StatusUnknownKey:
		return "no key " + tail(v.Claim)
	case keys.StatusUnsigned:
		return "unsigned tag"
	case keys.StatusNotChecked, keys.StatusMalformed:
		return strings.TrimSuffix(v.Reason, ".")
	}
	return long(v)
}

// tail is the end of the key id that a signature claims.
func tail(c keys.Claim) string {
	if c.Fingerprint != "" {
		return human.Tail(c.Fingerprint)
	}
	return human.Tail(keys.Fingerprint(c.KeyID))
}

// base is the last part of a path or of an image's name, safe to show.
func base(target string) string {
	if i := strings.LastIndexAny(target, `/\`); i >= 0 {
		target = target[i+1:]
	}
	return safetext.Line(target)
}
