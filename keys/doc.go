// Package keys knows OpenPGP key pairs, the signatures made with them, and what to say of a
// signature when it is checked.
//
// It separates two questions that are often confused. Is the signature sound? That is a
// [Status], reached by bulla's own [Judge] from the packets (RFC 9580). Is its signer allowed
// to sign this? That is policy, and stays apart in [Verdict.Trusted].
//
// The packages below it hold the places where secret keys live: keys/store is bulla's own,
// keys/agent is GnuPG's, reached through gpg-agent. keys/vault keeps passphrases. Whatever
// signs does so through the small interface [Signer].
//
// keys is a library: it prints nothing, reads no environment, and takes its clock and its
// randomness from the caller.
package keys
