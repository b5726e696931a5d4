package cosign

import (
	"encoding/base64"
	"encoding/json"

	"bulla/keys"
)

// The names of the older form: simple-signing payloads as layers of one manifest under the tag
// sha256-DIGEST.sig, each with its signature in an annotation.
const (
	simpleSigningType     = "application/vnd.dev.cosign.simplesigning.v1+json"
	simpleSigningKind     = "cosign container image signature"
	legacySignature       = "dev.cosignproject.cosign/signature"
	legacyCertificate     = "dev.sigstore.cosign/certificate"
	legacyTagSuffix       = ".sig"
	maxSignatureBase64Len = 16 << 10
)

// simpleSigning is what the older form signs (containers/image, docs/atomic-signature.md).
type simpleSigning struct {
	Critical struct {
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

// parseLegacy reads one layer of the older form.
func parseLegacy(payload []byte, annotations map[string]string, digest string) found {
	if annotations[legacyCertificate] != "" {
		return unjudged(keys.StatusUnsupported, "signed with a certificate (keyless); only signatures by key are checked")
	}
	text := annotations[legacySignature]
	sig, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sig) == 0 || len(text) > maxSignatureBase64Len {
		return unjudged(keys.StatusMalformed, "the signature under the .sig tag is not readable")
	}
	var p simpleSigning
	if err := json.Unmarshal(payload, &p); err != nil || p.Critical.Type != simpleSigningKind {
		return unjudged(keys.StatusMalformed, "the payload under the .sig tag is not readable")
	}
	f := found{message: payload, sig: sig, names: p.Critical.Image.Digest == digest}
	if t, ok := p.Optional[tagAnnotation].(string); ok && len(t) <= maxTag {
		f.tag = t
	}
	return f
}
