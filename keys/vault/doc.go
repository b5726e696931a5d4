// Package vault keeps passphrases, so that a person need not type them for every release.
//
// There are three places: the operating system's keychain ([Keychain]), a file that is
// encrypted with a master passphrase ([File]) for machines without a keychain, and the memory
// of the running program ([Memory]). A person picks one, once; [Manager] remembers the pick and
// writes nowhere else. When the chosen place is locked, silent or gone, the person is asked
// for the passphrase and told why: nothing falls back to another place unnoticed.
//
// Every wait is bounded. Where a dialog of the operating system could appear, the caller is
// told before it does.
//
// What an attacker can do who runs programs as the same user is not changed by any of this:
// [Status.Sentence] says so in plain words for each place.
package vault
