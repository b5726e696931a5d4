// Package dct signs image tags and checks their signatures by Docker Content Trust: The Update
// Framework (TUF) as github.com/theupdateframework/notary has it, with a trust server beside the
// registry. What it publishes, docker trust and the notary command accept, and it accepts theirs.
// It shares their private keys: the files under trust/private in Docker's folder.
//
// A repository (its name here is the GUN, the globally unique name) has a root key that vouches
// for all others, a targets key ("repository key"), and perhaps signers, which TUF calls
// delegations: targets/NAME for each and targets/releases for what is released. Snapshot and
// timestamp are kept by the server. What gets signed is a tag: its name, the digest and the size
// of the manifest.
//
// The notary library does the formats and the mathematics. This package stands between it and
// the world, because left alone the library
//
//   - takes the timestamp it saw last, for up to 14 days, when the server is dead, slow, or
//     answers 401, 404 or 5xx. Here the server's own answer is needed for every check; what was
//     seen before counts only where Offline is called for.
//   - makes a new root key and publishes it when a server says that it does not know the
//     repository. Here only Initialize does.
//   - passes over an expired or badly signed targets/releases and takes an older entry from
//     targets. Here that is an error.
//   - trusts whatever root comes first. Here a root certificate is pinned, or it is said that the
//     first one is to be trusted.
//   - lets a root that it has seen before overrule pins. Here each set of pins has a memory of
//     its own.
//   - tells a wrong passphrase as a missing key, keeps a list of changes on disk that a later
//     publish would carry, logs to standard error, and knows no context.
//
// Formats and rules: the notary repository's docs, docker/cli's cli/trust (roles, folders) and
// theupdateframework.io.
package dct

import (
	"io"

	"github.com/sirupsen/logrus"
)

// The library logs through logrus' one global logger, to standard error: lines in the middle of
// a screen, about what is reported here as errors anyway.
func init() {
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.PanicLevel)
}
