// Package verify judges what others, or a release, have made: tags and commits, files and whole
// folders, release records and images, each by its signatures and by the policy of the project.
// A [Verifier] has one set of public keys and changes nothing in the repository; it proposes a
// policy and writes it only when it is told to.
package verify
