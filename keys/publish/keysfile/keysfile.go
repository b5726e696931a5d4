// Package keysfile edits a project's KEYS file as the Apache Software Foundation keeps it: text for
// people, and for each key a listing and an armored block. A key that is there already gets its own
// block replaced; whatever else stands in the file stays as it is, to the byte.
package keysfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"bulla/keys"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 16 << 20

// Kind is what an update did.
type Kind string

// The kinds of changes.
const (
	Unchanged Kind = "unchanged" // everything was there already
	Added     Kind = "added"     // the key was not there, or only in a block with others
	Replaced  Kind = "replaced"  // its block was replaced
)

// Change is the outcome of an update.
type Change struct {
	Kind Kind
	// Data is the whole file.
	Data []byte
	// Shared says that the key stands in a block together with others too, which was not touched.
	Shared bool
}

// ErrTooBig says that the file is larger than MaxSize.
var ErrTooBig = fmt.Errorf("the file has more than %d MiB", MaxSize>>20)

// ErrSecret says that the file holds a secret key.
var ErrSecret = errors.New("the file holds a secret key; take it out, and treat that key as known to everyone")

// Update puts a binary public key into the file. What its block has beyond that, a user id or a
// certification, is kept: the file was public.
func Update(file []byte, public []byte) (Change, error) {
	if len(file) > MaxSize {
		return Change{}, ErrTooBig
	}
	ring, err := keys.ReadKeyring(public, keys.SourceFile)
	if err != nil || ring.Len() != 1 {
		return Change{}, fmt.Errorf("not one public key: %w", errors.Join(err, keys.ErrNoKeys))
	}
	f := ring.Keys()[0].Fingerprint
	bs := blocks(file)
	if slices.ContainsFunc(bs, func(b block) bool { return b.secret }) {
		return Change{}, ErrSecret
	}
	c := Change{Kind: Added}
	own := -1
	var there []*keys.Keyring
	for i, b := range bs {
		switch {
		case !slices.Contains(b.keys, f):
			continue
		case len(b.keys) == 1:
			own = i
		default:
			c.Shared = true
		}
		there = append(there, only(b.ring, f))
	}
	if all := keys.MergeKeyrings(there...); all.Len() > 0 && keys.MergeKeyrings(all, ring).Digest() == all.Digest() {
		c.Kind, c.Data = Unchanged, file
		return c, nil
	}
	lineEnd := "\n"
	if i := bytes.IndexByte(file, '\n'); i > 0 && file[i-1] == '\r' {
		lineEnd = "\r\n"
	}
	if own < 0 {
		c.Data = slices.Clone(file)
		if len(file) > 0 {
			if !bytes.HasSuffix(file, []byte("\n")) {
				c.Data = append(c.Data, lineEnd...)
			}
			c.Data = append(c.Data, lineEnd...)
		}
		c.Data = append(c.Data, entry(ring, f, lineEnd)...)
		return c, nil
	}
	b := bs[own]
	c.Kind = Replaced
	c.Data = slices.Concat(file[:b.listing], entry(keys.MergeKeyrings(only(b.ring, f), ring), f, lineEnd), file[b.end:])
	return c, nil
}

// only is the key f of a keyring, with all that stands at it.
func only(r *keys.Keyring, f keys.Fingerprint) *keys.Keyring {
	out, err := keys.ReadKeyring(r.ExportWith(f, keys.ExportOptions{Certifications: true, Unproven: true}), keys.SourceFile)
	if err != nil {
		return nil
	}
	return out
}

// Keys are the public keys that stand in a file.
func Keys(file []byte) (*keys.Keyring, error) {
	if len(file) > MaxSize {
		return nil, ErrTooBig
	}
	return keys.ReadKeyring(file, keys.SourceFile)
}

// entry writes a key: a listing for people, then the block.
func entry(ring *keys.Keyring, f keys.Fingerprint, lineEnd string) []byte {
	data := ring.ExportWith(f, keys.ExportOptions{Certifications: true, Unproven: true})
	var k keys.Key
	for _, have := range ring.Keys() {
		if have.Fingerprint == f {
			k = have
		}
	}
	text := Listing(k) + "\n" + string(keys.ArmorPublicKey(data))
	return []byte(strings.ReplaceAll(text, "\n", lineEnd))
}

// Listing describes a key the way gpg --list-keys does, for people.
func Listing(k keys.Key) string {
	var b strings.Builder
	day := func(t time.Time) string { return t.UTC().Format("2006-01-02") }
	until := func(t time.Time, revoked bool) string {
		switch {
		case revoked:
			return " [revoked]"
		case t.IsZero():
			return ""
		}
		return " [expires: " + day(t) + "]"
	}
	fmt.Fprintf(&b, "pub   %s %s%s\n      %s\n", k.Algorithm, day(k.Created), until(k.Expires, k.Revoked), k.Fingerprint)
	for _, u := range k.UserIDs {
		fmt.Fprintf(&b, "uid           %s\n", oneLine(u))
	}
	for _, s := range k.Subkeys {
		fmt.Fprintf(&b, "sub   %s %s%s\n", s.Algorithm, day(s.Created), until(s.Expires, s.Revoked))
	}
	return b.String()
}

// oneLine keeps a user id from beginning a line, or a block, of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// block is an armored block of a file.
type block struct {
	// listing is where the text about the key before it begins, or where the block does; start and
	// end bound the block with its line end.
	listing, start, end int
	ring                *keys.Keyring
	keys                []keys.Fingerprint
	secret              bool
}

const (
	begin  = "-----BEGIN PGP "
	finish = "-----END PGP "
)

// blocks finds the armored blocks of public keys. One that has no end is none.
func blocks(file []byte) (out []block) {
	open, pos := -1, 0
	var before []line // since the last block
	var label string
	for raw := range bytes.Lines(file) {
		l := line{pos, string(bytes.TrimRight(raw, " \t\r\n"))}
		pos += len(raw)
		switch {
		case strings.HasPrefix(l.text, begin):
			open, label = l.start, strings.TrimSuffix(strings.TrimPrefix(l.text, begin), "-----")
		case open >= 0 && strings.HasPrefix(l.text, finish):
			b := block{listing: open, start: open, end: pos, secret: label == "PRIVATE KEY BLOCK"}
			if label == "PUBLIC KEY BLOCK" {
				b.read(file[open:pos])
				b.findListing(before)
			}
			if b.secret || len(b.keys) > 0 {
				out = append(out, b)
			}
			open, before = -1, nil
		case open < 0:
			before = append(before, l)
		}
	}
	return out
}

func (b *block) read(data []byte) {
	ring, err := keys.ReadKeyring(data, keys.SourceFile)
	if err != nil {
		return
	}
	b.ring = ring
	for _, k := range ring.Keys() {
		b.keys = append(b.keys, k.Fingerprint)
	}
}

// line is a line without its end.
type line struct {
	start int
	text  string
}

// findListing looks for the listing directly before the block: lines as GnuPG prints them, from one
// with "pub" on, that name the key. Any other text is not the block's.
func (b *block) findListing(before []line) {
	if len(b.keys) != 1 {
		return
	}
	f := b.keys[0]
	named := false
	for _, l := range slices.Backward(before) {
		compact := strings.ToUpper(strings.ReplaceAll(l.text, " ", ""))
		named = named || strings.Contains(compact, string(f)) || strings.Contains(compact, f.KeyID())
		switch {
		case strings.HasPrefix(l.text, "pub ") || strings.HasPrefix(l.text, "sec "):
			if named {
				b.listing = l.start
			}
			return
		case l.text == "", strings.HasPrefix(l.text, "      "):
		case slices.ContainsFunc([]string{"uid", "sub", "ssb", "sig", "rev"}, func(p string) bool { return strings.HasPrefix(l.text, p) }):
		default:
			return
		}
	}
}
