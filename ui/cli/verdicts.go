package cli

import (
	"strings"
	"time"

	"bulla/keys"
	"bulla/ui/contract"
	"bulla/ui/explain"
	"bulla/workflow/verify"
)

// verdictJSON is a verdict as `--json` prints it.
type verdictJSON = contract.Verdict

func toJSON(v keys.Verdict) verdictJSON { return contract.Of(v) }

func rfc3339(t time.Time) string { return contract.Time(t) }

// printVerdict prints one verdict as a line of JSON, or as a line of text and its reason where
// it is not simply good.
func (p *printer) verdict(v keys.Verdict) {
	if p.json {
		p.object(toJSON(v))
		return
	}
	p.line("%-12s %-8s %s%s", statusWord(v), v.Kind, v.Target, signedBy(v))
	if v.Status != keys.StatusGood || (v.Trusted != nil && !*v.Trusted) || len(v.Weak) > 0 {
		p.line("             %s", v.Reason)
		if v.Signer == nil && v.Claim.Subject != "" {
			p.line("             it names, and nothing proves it: %s", v.Claim.Subject)
		}
		if v.PolicyReason != "" {
			p.line("             %s", v.PolicyReason)
		}
		if len(v.Weak) > 0 {
			p.line("             noted: %s", strings.Join(v.Weak, ", "))
		}
	}
}

// statusWord is the status as text shows it.
func statusWord(v keys.Verdict) string {
	if v.Trusted != nil && !*v.Trusted {
		return "not trusted"
	}
	return string(v.Status)
}

func signedBy(v keys.Verdict) string {
	if v.Signer == nil {
		return ""
	}
	on := ""
	if !v.Signer.SignedAt.IsZero() {
		on = ", " + v.Signer.SignedAt.UTC().Format("2006-01-02")
	}
	return "  by " + signerName(v.Signer) + on
}

// signerName names a signer by its first user id and its short fingerprint.
func signerName(s *keys.Signatory) string {
	if len(s.UserIDs) == 0 {
		return s.Primary.Short()
	}
	return s.UserIDs[0] + " " + s.Primary.Short()
}

// codeOf is the exit code for a set of verdicts: 0 where all pass, 1 where something is wrong, 3
// where something could not be checked and nothing is worse.
func codeOf(vs []keys.Verdict, allowWeak bool) int {
	code := explain.CodeOK
	for _, v := range verify.Failing(vs, allowWeak) {
		if !v.Status.Undecided() || (v.Trusted != nil && !*v.Trusted) {
			return explain.CodeFailed
		}
		code = explain.CodeUnchecked
	}
	return code
}
