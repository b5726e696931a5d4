package history

import (
	"cmp"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/workflow/history"
)

// filter says which releases are shown.
type filter struct {
	text    string // as typed: words, by:signer, is:verdict
	wanting bool   // only those where something is not good
	signer  string // only those by this key, as signerID has it
}

// empty reports whether everything is shown.
func (f filter) empty() bool { return f == filter{} }

// String says what the filter lets through.
func (f filter) String() string {
	var parts []string
	if f.text != "" {
		parts = append(parts, `"`+f.text+`"`)
	}
	if f.wanting {
		parts = append(parts, "not good")
	}
	if f.signer != "" {
		parts = append(parts, "one signer")
	}
	return strings.Join(parts, ", ")
}

// words are the filter's text taken apart, in lower case.
func (f filter) words() []string { return strings.Fields(strings.ToLower(f.text)) }

// lets reports whether a release is shown. hay is what haystack made of it.
func (f filter) lets(r *history.Release, hay string, words []string) bool {
	if f.wanting && r.Judged(history.PartTag) && !wanting(r) || f.wanting && !r.Judged(history.PartTag) {
		return false
	}
	if f.signer != "" && signerID(r) != f.signer {
		return false
	}
	for _, w := range words {
		if status, ok := strings.CutPrefix(w, "is:"); ok {
			if !hasStatus(r, status) {
				return false
			}
			continue
		}
		_, signer, _ := strings.Cut(hay, "\x00")
		if by, ok := strings.CutPrefix(w, "by:"); ok {
			if !strings.Contains(signer, by) {
				return false
			}
		} else if !strings.Contains(hay, w) {
			return false
		}
	}
	return true
}

// haystack is what the filter looks for words in: tag and subject, and after a NUL the signer.
func haystack(r *history.Release) string {
	var b strings.Builder
	b.WriteString(r.Tag + " " + r.Subject + "\x00" + strings.ReplaceAll(r.Tagger.Name, "\x00", " ") + " ")
	for _, v := range r.Verdicts {
		if v.Signer != nil {
			b.WriteString(strings.Join(v.Signer.UserIDs, " ") + " " + string(v.Signer.Fingerprint) + " " + string(v.Signer.Primary) + " ")
		} else {
			b.WriteString(string(v.Claim.Fingerprint) + " " + v.Claim.KeyID + " ")
		}
	}
	return strings.ToLower(b.String())
}

// hasStatus reports whether a verdict on anything of the release begins with the word.
func hasStatus(r *history.Release, word string) bool {
	return slices.ContainsFunc(r.All(), func(v keys.Verdict) bool {
		return strings.HasPrefix(string(v.Status), word) || strings.HasPrefix(short(v), word)
	})
}

// wanting reports whether something of the release is not as it should be.
func wanting(r *history.Release) bool {
	for _, vs := range r.Parts() {
		if slices.ContainsFunc(vs, func(v keys.Verdict) bool { return !v.OK(false) && !aside(v) }) {
			return true
		}
	}
	return false
}

// aside reports whether a verdict that is not good is no reproach to a release: the tag's
// signature covers its commit, whose own need not be there or by a key at hand; and images are not
// asked for unless the person says so.
func aside(v keys.Verdict) bool {
	switch v.Kind {
	case keys.KindCommit:
		return v.Status == keys.StatusUnsigned || v.Status.Undecided() || v.Status == keys.StatusUnsupported
	case keys.KindImage:
		return v.Status == keys.StatusNotChecked
	}
	return false
}

// signerID tells signers apart: by the primary key, or by what an unknown key's signature claims.
func signerID(r *history.Release) string {
	if s := r.Signer(); s != nil {
		return string(s.Primary)
	}
	if len(r.Verdicts) == 0 {
		return ""
	}
	c := r.Verdicts[0].Claim
	return cmp.Or(string(c.Fingerprint), c.KeyID)
}

// sorting is an order of the rows.
type sorting int

const (
	byDate sorting = iota
	byOldest
	byTag
	bySigner
	byVerdict
	sorts
)

func (s sorting) String() string {
	return [...]string{"date, newest first", "date, oldest first", "tag", "signer", "verdict, worst first"}[s]
}

// compare orders two rows; the newer goes first where nothing else decides.
func (s sorting) compare(rows []history.Release, a, b int) int {
	x, y := &rows[a], &rows[b]
	switch s {
	case byOldest:
		return cmp.Compare(b, a)
	case byTag:
		return cmp.Or(human.Naturally(x.Tag, y.Tag), cmp.Compare(a, b))
	case bySigner:
		return cmp.Or(cmp.Compare(signerName(x), signerName(y)), cmp.Compare(signerID(x), signerID(y)), cmp.Compare(a, b))
	case byVerdict:
		return cmp.Or(cmp.Compare(badness(y), badness(x)), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
}
