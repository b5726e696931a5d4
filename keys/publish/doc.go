// Package publish puts public keys where strangers look for them, and gets the keys of others from
// there: key servers, keys.openpgp.org, Web Key Directories, the accounts of forges, a project's
// KEYS file.
//
// Three rules hold everywhere. Nothing is sent that a [Plan] does not show: making a plan touches no
// network. No answer is believed because of its status: what was sent is read back by its
// fingerprint and compared. And what is fetched is refused if it is another key than the one asked
// for.
//
// The protocols have packages of their own below this one: hkp, vks, wkd, forge, keysfile, dns.
package publish
