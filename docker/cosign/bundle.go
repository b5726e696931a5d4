package cosign

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"bulla/keys"
)

// The media types and names of the bundle form.
const (
	bundleType        = "application/vnd.dev.sigstore.bundle.v0.3+json"
	bundleTypeFamily  = "application/vnd.dev.sigstore.bundle"
	payloadType       = "application/vnd.in-toto+json"
	statementType     = "https://in-toto.io/Statement/v1"
	signPredicateType = "https://sigstore.dev/cosign/sign/v1"
)

// maxSubjects bounds the subjects of a statement that are compared; an image signature has one.
const maxSubjects = 1000

// maxTag is the longest tag, in bytes (distribution specification 1.1, "Pulling manifests").
const maxTag = 128

type bundle struct {
	MediaType string   `json:"mediaType"`
	Material  material `json:"verificationMaterial"`
	DSSE      *dsse    `json:"dsseEnvelope,omitempty"`
}

type material struct {
	PublicKey *publicKeyHint `json:"publicKey,omitempty"`
	// The two ways to carry a certificate; only their presence matters here.
	Certificate json.RawMessage `json:"certificate,omitempty"`
	Chain       json.RawMessage `json:"x509CertificateChain,omitempty"`
}

type publicKeyHint struct {
	Hint string `json:"hint"`
}

type dsse struct {
	Payload     []byte          `json:"payload"`
	PayloadType string          `json:"payloadType"`
	Signatures  []dsseSignature `json:"signatures"`
}

type dsseSignature struct {
	Sig []byte `json:"sig"`
}

type statement struct {
	Type          string          `json:"_type"`
	Subject       []subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

type subject struct {
	Digest      map[string]string `json:"digest"`
	Annotations map[string]any    `json:"annotations,omitempty"`
}

// tagAnnotation says under which tag the signer saw the image. It is covered by the signature, as
// every annotation is that cosign sign -a writes; cosign verify -a tag=… demands it. Without it a
// signature binds no name, and a tag that is moved to another signed image looks well.
const tagAnnotation = "tag"

// pae is the pre-authentication encoding of DSSE 1.0: the bytes that are signed.
func pae(payloadType string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

// newStatement says that the image with this digest ("sha256:…") is signed, under a tag or under
// none ("").
func newStatement(digest, tag string) ([]byte, error) {
	algorithm, value, _ := strings.Cut(digest, ":")
	s := subject{Digest: map[string]string{algorithm: value}}
	if tag != "" {
		s.Annotations = map[string]any{tagAnnotation: tag}
	}
	return json.Marshal(statement{
		Type:          statementType,
		Subject:       []subject{s},
		PredicateType: signPredicateType,
		Predicate:     json.RawMessage("{}"),
	})
}

// newBundle wraps a statement and its signature.
func newBundle(payload, sig []byte, p PublicKey) ([]byte, error) {
	h := sha256.Sum256(p.spki)
	return json.Marshal(bundle{
		MediaType: bundleType,
		Material:  material{PublicKey: &publicKeyHint{Hint: base64.StdEncoding.EncodeToString(h[:])}},
		DSSE:      &dsse{Payload: payload, PayloadType: payloadType, Signatures: []dsseSignature{{Sig: sig}}},
	})
}

// found is a signature that lies beside an image, before anything about it is proved.
type found struct {
	form     Form
	manifest string     // digest of the manifest that holds it
	tag      string     // under which it was signed, as the signed bytes say; "" for none
	claim    keys.Claim // what it says of itself
	message  []byte     // the bytes that were signed
	sig      []byte
	// names says that the signed bytes name the image's digest.
	names bool
	// hinted says that its form carries a key hint, as bundles do and .sig does not.
	hinted bool
	// states is the predicate type of a bundle that is no signature, else "".
	states string
	// problem is set if it cannot be judged: malformed, unsupported, not checked.
	problem keys.Status
	reason  string
}

// notSignature is what parseBundle returns for a bundle that signs something else about the
// image: an attestation of how it was built, a bill of materials.
type notSignature struct{ predicate string }

func (notSignature) Error() string { return "the bundle holds an attestation, not a signature" }

// unjudged is a signature that cannot be judged.
func unjudged(status keys.Status, reason string) found { return found{problem: status, reason: reason} }

// parseBundle reads a bundle that lies beside the image with this digest. The only error is
// notSignature; what cannot be read or judged is a found with a problem.
func parseBundle(raw []byte, digest string) (found, error) {
	var b bundle
	if err := json.Unmarshal(raw, &b); err != nil {
		return unjudged(keys.StatusMalformed, "the bundle is not readable"), nil
	}
	if isBundle(b.MediaType) == 0 {
		return unjudged(keys.StatusMalformed, "what is listed as a bundle does not say that it is one"), nil
	}
	if b.MediaType != bundleType {
		return unjudged(keys.StatusUnsupported, "the bundle is of another version than 0.3"), nil
	}
	if b.DSSE == nil {
		return unjudged(keys.StatusUnsupported, "the bundle holds no signed statement (DSSE envelope)"), nil
	}
	if b.DSSE.PayloadType != payloadType {
		return unjudged(keys.StatusUnsupported, "the bundle signs something other than an in-toto statement"), nil
	}
	var st statement
	if err := json.Unmarshal(b.DSSE.Payload, &st); err != nil || st.Type == "" {
		return unjudged(keys.StatusMalformed, "the signed statement in the bundle is not readable"), nil
	}
	if st.PredicateType != signPredicateType {
		return found{}, notSignature{st.PredicateType}
	}
	if b.Material.PublicKey == nil {
		return unjudged(keys.StatusUnsupported, "signed with a certificate (keyless); only signatures by key are checked"), nil
	}
	// DSSE allows several signatures, a sigstore bundle exactly one.
	if len(b.DSSE.Signatures) != 1 || len(st.Subject) > maxSubjects || st.Type != statementType {
		return unjudged(keys.StatusMalformed, "the bundle is not formed as the specification says"), nil
	}
	f := found{message: pae(b.DSSE.PayloadType, b.DSSE.Payload), sig: b.DSSE.Signatures[0].Sig, hinted: true}
	f.claim.Fingerprint = hintFingerprint(b.Material.PublicKey.Hint)
	f.claim.KeyID = f.claim.Fingerprint.KeyID()
	for _, s := range st.Subject {
		algorithm, value, _ := strings.Cut(digest, ":")
		if value == "" || s.Digest[algorithm] != value {
			continue
		}
		f.names = true
		if t, ok := s.Annotations[tagAnnotation].(string); ok && len(t) <= maxTag {
			f.tag = t
		}
	}
	return f, nil
}

// hintFingerprint reads cosign's hint: the base64 of the SHA-256 of the public key info. Other
// hints name nothing.
func hintFingerprint(hint string) keys.Fingerprint {
	h, err := base64.StdEncoding.DecodeString(hint)
	if err != nil || len(h) != sha256.Size {
		return ""
	}
	return keys.FingerprintOf(h)
}

// isDigest reports whether s is "sha256:" and 64 lower-case hexadecimal digits.
func isDigest(s string) bool {
	h, ok := strings.CutPrefix(s, "sha256:")
	_, err := hex.DecodeString(h)
	return ok && err == nil && len(h) == 64 && h == strings.ToLower(h)
}
