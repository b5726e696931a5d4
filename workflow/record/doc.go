// Package record has the form of the release record, bulla-release.json: an in-toto Statement that
// binds the tag, the files and the images of a release to one another. Package workflow writes it,
// package verify judges what it binds.
package record
