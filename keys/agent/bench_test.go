package agent

import (
	"crypto"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bulla/keys/keystest"
)

// BenchmarkAgentAgainstGPG signs the same document in turn through the agent and by running
// gpg, and reports how many times longer gpg takes. Keys without passphrase: with one, most of
// the time goes into stretching it, which the agent does for each signature either way. With RSA
// most goes into the agent's own arithmetic, which gpg waits for as well: agent-only is the agent
// without what bulla adds: the packet, its check, the armor.
func BenchmarkAgentAgainstGPG(b *testing.B) {
	for _, algorithm := range []string{"ed25519", "nistp256", "rsa3072"} {
		b.Run(algorithm, func(b *testing.B) {
			h := newHome(b)
			fpr := string(h.generate("a@example.org", algorithm, "cert,sign", ""))
			s := h.signer(fpr)
			unlock(b, s, answer())
			doc := filepath.Join(b.TempDir(), "doc")
			if err := os.WriteFile(doc, []byte(document), 0o600); err != nil {
				b.Fatal(err)
			}
			var ours, alone, theirs time.Duration
			digest := sha256.Sum256([]byte(document))
			for b.Loop() {
				start := time.Now()
				sign(b, s)
				ours += time.Since(start)

				start = time.Now()
				if _, err := s.(*signer).link.sign(b.Context(), s.(*signer).grip, "", hashIDs[crypto.SHA256], digest[:], &inquiry{}); err != nil {
					b.Fatal(err)
				}
				alone += time.Since(start)

				start = time.Now()
				if _, stderr, err := keystest.GPG(b, h.dir, nil, "--yes", "--local-user", fpr, "--detach-sign", "--armor", doc); err != nil {
					b.Fatalf("gpg: %v\n%s", err, stderr)
				}
				theirs += time.Since(start)
			}
			n := float64(b.N) * float64(time.Millisecond)
			b.ReportMetric(float64(ours)/n, "agent-ms/op")
			b.ReportMetric(float64(alone)/n, "agent-only-ms/op")
			b.ReportMetric(float64(theirs)/n, "gpg-ms/op")
			b.ReportMetric(float64(theirs)/float64(ours), "gpg/agent")
		})
	}
}
