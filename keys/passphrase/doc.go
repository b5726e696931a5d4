// Package passphrase makes passphrases of words and says how strong a typed one can be at most.
//
// The words are the English list of BIP 39: 2048 of them, easy to spell, no two with the same
// first four letters. Passphrases are bytes behind keys.Secret all the way; none becomes a string.
package passphrase
