// Package policy decides which signers a project trusts for what. A signature may be sound and
// still be somebody else's; the policy, a table in bulla.toml with a file of public keys beside it,
// says whose count.
//
// # The [policy] table
//
//	[policy]
//	keyring = ".bulla/keys.asc"       # the public keys, from the root of the repository
//
//	[[policy.signer]]                 # who may sign what, and when
//	name = "Rhea Release"             # one person; entries of the same name count as one signer
//	keys = ["3E9C…", "SHA256:…"]      # full fingerprints of any of their keys
//	signs = ["tag", "artifact", "record"]
//	from = 2019-03-01                 # first day, or moment; left out: always
//	until = 2024-05-31                # last day, or moment; left out: for good
//
//	[policy.need]                     # how many different signers; one where nothing is said
//	tag = 2
//
//	[policy.algorithms]
//	hashes = ["sha256", "sha512"]     # of signatures; left out: every one that is not weak
//	keys = ["ed25519", "rsa"]         # kinds of keys; left out: every one that is not weak
//	rsa_bits = 3072                   # the shortest RSA key
//	allow_weak = false                # let weak signatures count (SHA-1, DSA, short RSA)
//	refuse_sha1_self_signatures = false
//
//	[[policy.image]]                  # who must vouch for the images of a repository
//	repository = "registry.example.org/base/*"
//	by = ["cosign"]                   # cosign, content-trust, or both
//	keys = ["9F86…"]                  # cosign keys; left out: the signers listed for images
//
//	[[policy.exception]]              # one object that is accepted although something is wrong
//	kind = "tag"
//	target = "v0.9"
//	id = "5f0c…"                      # object id of a tag or commit, SHA-256 of anything else
//	allow = ["weak"]
//	reason = "Signed with SHA-1 in 2011; compared with the announcement."
//
// Kinds are tag, commit, artifact, image and record; a checksums file counts as an artifact. The
// policy speaks of a kind as soon as a signer is listed for it; of others it says nothing, and
// signatures on them are judged as if there were no policy.
//
// A key is named by its full fingerprint: 40 or 64 hexadecimal digits for OpenPGP, SHA256:… as
// ssh-keygen -l prints it for SSH, the 64 digits of the SHA-256 of its public key for cosign. An
// OpenPGP fingerprint is that of the primary key, and then covers its subkeys, or that of one
// subkey.
//
// A window is compared with the time in the signature. Whoever has the secret key can write any
// time into it: a window keeps order among honest people, a revocation stops a thief. A signature
// that carries no time (cosign's) counts as made now.
//
// What an exception may allow:
//
//	weak, after-expiry, expired, revoked, unsigned, unknown-key   the status of that name
//	tag-name         the tag object is named differently than its ref
//	self-signature   the key's self-signature is by SHA-1
//	algorithm        the policy's minimum algorithms
//	signer           a signer who is not listed, not for this kind or not at this time
//	threshold        fewer signers than needed
//
// A signature that does not fit is never accepted, whatever is written. An exception holds for the
// object with that id and no other, and for tags, files and images under that name alone.
//
// # Who may change it
//
// Whoever can push can change bulla.toml, so a policy is worth as much as the way to it. A Chain
// begins at a commit that the verifier chose and follows the first parents to HEAD: every commit
// that changed the policy or its keyring must be signed by someone whom the policy before it
// trusted for commits (for tags, where it lists nobody for commits), or a tag further on must be.
// A signed tag vouches for the policy as it stands in the tagged commit.
package policy
