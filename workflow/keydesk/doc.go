// Package keydesk looks after keys, wherever they are: in bulla's store, in GnuPG, on key servers and
// forges. It lists and examines them, moves, changes, backs up, publishes and fetches them, and lets
// one give way to another.
package keydesk
