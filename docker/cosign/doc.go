// Package cosign signs images and checks their signatures the way cosign does, with a key pair
// and without cosign: what it makes, cosign verify --key accepts, and it accepts what cosign
// sign --key makes.
//
// A signature is a sigstore bundle, version 0.3: a DSSE envelope around an in-toto Statement
// that names the digest of the image, of predicate type
// https://sigstore.dev/cosign/sign/v1. It lies in the image's repository as an OCI manifest
// whose subject is the image, so the registry (or the index under the fallback tag) lists it.
// The older form, simple-signing payloads under the tag sha256-DIGEST.sig, is read, and written
// only where asked for (SignLegacy): cosign itself ignores it as soon as one bundle exists.
//
// No transparency log and no certificate takes part: the key is the identity.
//
// Formats: github.com/sigstore/protobuf-specs (sigstore_bundle.proto),
// github.com/in-toto/attestation (spec/v1/statement.md), github.com/secure-systems-lab/dsse,
// and cosign's specs/SIGNATURE_SPEC.md and specs/BUNDLE_SPEC.md.
package cosign
