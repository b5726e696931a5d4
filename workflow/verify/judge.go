package verify

import (
	"errors"
	"time"

	"bulla/gitops"
	"bulla/keys"
	"bulla/workflow/policy"
)

// JudgeTag judges the signatures of a tag, and its names.
func JudgeTag(j *keys.Judge, t gitops.Tag) []keys.Verdict {
	vs, _ := tagSignatures(j, t)
	return judgeNames(t, vs)
}

// tagSignatures judges the signatures of a tag alone. The verdicts are the same until the time
// that is returned with them; zero for always.
func tagSignatures(j *keys.Judge, t gitops.Tag) ([]keys.Verdict, time.Time) {
	var malformed *gitops.MalformedError
	switch {
	case errors.As(t.Problem, &malformed):
		return []keys.Verdict{{Kind: keys.KindTag, Target: t.Name, Status: keys.StatusMalformed, Reason: "The tag object is not as git makes them: " + malformed.Reason + "."}}, time.Time{}
	case t.Problem != nil:
		return []keys.Verdict{keys.NotChecked(keys.KindTag, t.Name, "The tag cannot be read: "+t.Problem.Error()+".")}, time.Time{}
	}
	if t.Lightweight {
		return []keys.Verdict{keys.Unsigned(keys.KindTag, t.Name, "A lightweight tag is only a name: it cannot be signed.")}, time.Time{}
	}
	if len(t.Signature) == 0 {
		return []keys.Verdict{keys.Unsigned(keys.KindTag, t.Name, "The tag is not signed.")}, time.Time{}
	}
	return judgeUntil(j, keys.KindTag, t.Name, t.Payload, t.Signature, t.Tagger.When)
}

// judgeNames adds what the names of a tag say to its verdicts: one whose object bears another name
// than its ref is not trusted whoever signed it, because an old tag could pose as a new one.
func judgeNames(t gitops.Tag, vs []keys.Verdict) []keys.Verdict {
	if t.InnerName != t.Name && len(t.Signature) > 0 {
		for i := range vs {
			no := false
			vs[i].Weak = append(vs[i].Weak, weakTagName)
			vs[i].Trusted = &no
			vs[i].PolicyReason = "the tag object is named differently than the ref that points to it"
		}
	}
	return vs
}

const weakTagName = policy.FindingTagName

// judgeCommit judges the signatures of a commit.
func judgeCommit(j *keys.Judge, target string, c gitops.Commit) []keys.Verdict {
	if len(c.Signature) == 0 {
		return []keys.Verdict{keys.Unsigned(keys.KindCommit, target, "The commit is not signed.")}
	}
	return JudgeBytes(j, keys.KindCommit, target, c.Payload, c.Signature, c.Committer.When)
}

// JudgeBytes judges signatures over data that is in memory. made is when the data says it was
// made, for signatures that carry no time of their own (SSH); zero for not known.
func JudgeBytes(j *keys.Judge, kind keys.Kind, target string, payload, signature []byte, made time.Time) []keys.Verdict {
	vs, _ := judgeUntil(j, kind, target, payload, signature, made)
	return vs
}

// judgeUntil is JudgeBytes that also tells until when the verdicts hold; zero for always.
func judgeUntil(j *keys.Judge, kind keys.Kind, target string, payload, signature []byte, made time.Time) ([]keys.Verdict, time.Time) {
	sigs, err := keys.ParseSignatures(signature)
	if err != nil {
		return []keys.Verdict{keys.NotChecked(kind, target, "The signature was not checked: "+err.Error()+".")}, time.Time{}
	}
	check := j.Begin(sigs)
	if !made.IsZero() {
		check.MadeAt(made)
	}
	_, _ = check.Write(payload) // a Check only hashes: it cannot fail
	return check.Verdicts(kind, target), check.Until()
}
