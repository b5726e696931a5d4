package verify

import (
	"bytes"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"bulla/artifacts"
	"bulla/keys"
)

// maxInline limits documents that carry their signature within, in bytes.
const maxInline = 32 << 20

// inline judges a file without a signature beside it that carries one within: a clear-signed
// document (RFC 9580, section 7), as Debian's .dsc and InRelease files are. It returns nil for a
// file that is no such thing.
func (v *Verifier) inline(path string, judged artifacts.Verified) []keys.Verdict {
	data, problem := readJudged(path, maxInline, judged)
	if problem != "" || len(data) == 0 {
		return nil
	}
	switch {
	case bytes.Contains(data, []byte("-----BEGIN PGP SIGNED MESSAGE-----")):
		doc, err := keys.ParseCleartext(data)
		if err != nil {
			return []keys.Verdict{{Kind: keys.KindArtifact, Target: path, Status: keys.StatusMalformed, Reason: "A clear-signed document that cannot be read: " + err.Error() + "."}}
		}
		return outside(doc, v.judge.VerifyCleartext(keys.KindArtifact, path, doc))
	case isMessage(data):
		return []keys.Verdict{{Kind: keys.KindArtifact, Target: path, Status: keys.StatusUnsupported,
			Reason: "An OpenPGP message that wraps its content: unpack it with gpg, and sign files beside themselves."}}
	}
	return nil
}

// outside makes no verdict a sound one where a file holds more than its signed part: whoever uses the
// file uses all of it.
func outside(doc *keys.Cleartext, vs []keys.Verdict) []keys.Verdict {
	if len(doc.Outside) == 0 {
		return vs
	}
	where := make([]string, len(doc.Outside))
	for i, l := range doc.Outside {
		where[i] = l.String()
	}
	for i := range vs {
		v := &vs[i]
		v.Weak = append(slices.Clone(v.Weak), keys.WeakOutside)
		if v.Status.Sound() {
			v.Status = keys.StatusWeak
		}
		if v.Status == keys.StatusWeak {
			v.Reason = "The file must not be accepted: text outside the signature is not signed (" + strings.Join(where, ", ") + ")."
		}
	}
	return vs
}

// isMessage reports an armored OpenPGP message, or a binary one that begins with a one-pass
// signature or a compressed packet as gpg --sign writes it (RFC 9580, section 4.2).
func isMessage(data []byte) bool {
	if block, err := armor.Decode(bytes.NewReader(data[:min(len(data), 4096)])); err == nil {
		return block.Type == "PGP MESSAGE"
	}
	return data[0] == 0x90 && len(data) > 2 && data[1] == 0x0d && data[2] == 0x03 || data[0] == 0xa3 && len(data) > 1 && data[1] <= 3
}
