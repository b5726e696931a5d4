// Package store is bulla's own key store: a folder of OpenPGP keys that needs no GnuPG.
//
// Every key has a folder named by the fingerprint of its primary key:
//
//	keys/
//	  .lock                      held while something is written
//	  <FINGERPRINT>/             0700
//	    public.pgp               0600, the transferable public key
//	    secret.pgp               0600, the secret key packets, absent for a public-only key
//	    public.previous.pgp      what the latest change replaced; a file that it left alone
//	    secret.previous.pgp      has none
//	    backed-up                when a backup was last tried
//	revocations/
//	  <FINGERPRINT>.asc          made at creation, kept apart from the key
//
// Packets are kept as they came, byte for byte: reading a key into a library's model and
// writing it out again drops photo ids, unknown subpackets, card stubs and the order of things.
// What the public part says lives in public.pgp alone; secret.pgp holds nothing but secret key
// packets, still under their passphrase, and is opened only to sign or to export.
//
// Writers hold the lock. Readers need none: a new key appears by the rename of its finished
// folder, a changed file by the rename of its finished successor.
package store
