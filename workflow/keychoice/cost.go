package keychoice

import (
	"context"
	"fmt"
	"time"

	"bulla/keys"
	"bulla/workflow/finding"
	"bulla/workflow/world"
)

// MuchTime is from when on the time for a release's signatures is worth a word.
const MuchTime = 3 * time.Second

// listOnlyHint is the way out of RuleSignatures, in every face.
const listOnlyHint = "--checksums-only (in the walk: l at the step Artifacts) signs SHA256SUMS alone, which lists them all"

// Cost says what n signatures over files by a key behind gpg-agent cost, where that is much.
// gpg-agent stretches the passphrase anew for each signature, also while it remembers it; a card may
// want a touch for each.
func Cost(ctx context.Context, w *world.World, k keys.SigningKey, n int) (finding.Finding, bool) {
	if w.GnuPG == nil || n < 2 || !k.Protected || k.Source == keys.SourceStore {
		return finding.Finding{}, false
	}
	f := finding.Finding{Rule: RuleSignatures, Severity: finding.Warning, Hint: listOnlyHint}
	if k.Source == keys.SourceCard {
		held, err := w.GnuPG.Overview(ctx)
		if err != nil {
			return finding.Finding{}, false
		}
		for _, h := range held {
			if p := h.Part(k.Fingerprint); p != nil && p.Touch {
				f.Message = fmt.Sprintf("Card %s wants a touch for each signature: %d files, %d touches.", p.Card, n, n)
				return f, true
			}
		}
		return finding.Finding{}, false
	}
	each, measured := w.GnuPG.StretchTime(ctx)
	if total := time.Duration(n) * each; total >= MuchTime {
		f.Message = fmt.Sprintf("gpg-agent opens this key anew for each signature, which takes about %s: %d files take about %s.", seconds(each), n, seconds(total))
		if !measured {
			f.Message = fmt.Sprintf("gpg-agent opens this key anew for each signature, which takes 0.1 s or more: %d files take at least %s.", n, seconds(total))
		}
		return f, true
	}
	return finding.Finding{}, false
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
