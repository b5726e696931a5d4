// Package kit makes what a project hands to the strangers who want to check its releases: the
// public keys, the commands for exactly this project's files, and snippets for CI. Every command
// is run in an empty home before it is written down.
package kit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/workflow/record"
)

// The files of a kit.
const (
	KeysName           = "KEYS"
	AllowedSignersName = "allowed_signers"
	ImageKeyName       = "image.pub"
	GuideName          = "VERIFY.md"
	ScriptName         = "ci/check.sh"
)

// Options say what a kit is made of.
type Options struct {
	// Record is the path of the release record that the commands are for. Its files and their
	// signatures must lie beside it, as they were published.
	Record string
	// Keyring holds the signer's public key; Others are keys of the project that are published
	// beside it: those of former signers, and SSH keys.
	Keyring, Others *keys.Keyring
	// Repository is a repository with the tag, to try the commands on; Remote is where
	// strangers clone it from, "" if that is not known.
	Repository, Remote string
	// Bulla is the program that is tried as bulla, "" for none.
	Bulla string
	// Path is the PATH in which a shell finds the other programs, and LookPath finds them as
	// exec.LookPath does.
	Path     string
	LookPath func(string) (string, error)
	// Reachable says whether an image can be asked for here; nil for never.
	Reachable func(ctx context.Context, reference string) error
	// Trying is told of each command before it is run; it may be nil.
	Trying func(command string)
}

// Kit is a finished kit, in memory.
type Kit struct {
	Files    []File
	Commands []Command
}

// File is one file of a kit.
type File struct {
	Name string // slashes
	Data []byte
	Mode fs.FileMode
}

// Command is one command of VERIFY.md.
type Command struct {
	Tool string // "gpg", "sq", …
	Text string // for a POSIX shell, in the folder that the guide describes
	Why  string // what it shows
	// Tried says that it was run here and succeeded; otherwise Reason says why it was not.
	Tried  bool
	Reason string
	// Version is what the tool calls itself.
	Version string
}

// FailedError says that a command did not succeed when it was tried: a kit with it would mislead.
type FailedError struct {
	Command string
	Output  string // raw, at most a few kilobytes
	Err     error
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("the command that would be written down fails: %s (%v)", e.Command, e.Err)
}

func (e *FailedError) Unwrap() error { return e.Err }

// MissingKeyError says that the public key that made the release is not at hand.
type MissingKeyError struct{ Key keys.Fingerprint }

func (e *MissingKeyError) Error() string {
	return fmt.Sprintf("the public key %s, which signed this release, is not at hand", e.Key)
}

// ErrNotEmpty says that the folder for a kit holds something.
var ErrNotEmpty = errors.New("the folder is not empty")

// release is what the parts of a kit are made from.
type release struct {
	Options
	rec    record.Statement
	dir    string // of the record
	signer keys.Key
	images []record.ImageSeal // signed with a cosign key
	trust  []record.ImageSeal // signed in Docker Content Trust
}

// maxRecord is the largest record that is read, in bytes: as package record has it.
const maxRecord = 8 << 20

// Make makes a kit and tries its commands. It writes nothing that stays.
func Make(ctx context.Context, o Options) (*Kit, error) {
	data, err := limits.ReadFile(o.Record, maxRecord)
	if err != nil {
		return nil, err
	}
	rec, err := record.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Record, err)
	}
	r := &release{Options: o, rec: rec, dir: filepath.Dir(o.Record)}
	for _, img := range rec.Predicate.Images {
		if img.ContentTrust != nil {
			r.trust = append(r.trust, img)
		}
		if img.PublicKey != "" || img.ContentTrust == nil {
			r.images = append(r.images, img)
		}
	}
	k := &Kit{}
	if err := r.keys(k); err != nil {
		return nil, err
	}
	k.Commands = r.commands()
	if err := r.try(ctx, k); err != nil {
		return nil, err
	}
	k.add(GuideName, r.guide(k))
	r.ci(k)
	return k, nil
}

func (k *Kit) add(name, text string) {
	mode := fs.FileMode(0o644)
	if strings.HasSuffix(name, ".sh") {
		mode = 0o755
	}
	k.Files = append(k.Files, File{Name: name, Data: []byte(text), Mode: mode})
}

// keys makes KEYS, allowed_signers and image.pub.
func (r *release) keys(k *Kit) error {
	who := r.rec.Predicate.Signer
	for _, key := range r.Keyring.Keys() {
		if key.Fingerprint == who.Primary {
			r.signer = key
		}
	}
	block := r.Keyring.Export(who.Primary)
	if block == nil {
		return &MissingKeyError{Key: who.Primary}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The public keys that sign the releases of %s.\nBoth gpg --import KEYS and bulla verify --keys KEYS read this file.\n", plain(r.rec.Predicate.Project))
	writeKey(&b, r.signer, block)
	for _, key := range r.Others.Keys() {
		if block := r.Others.Export(key.Fingerprint); block != nil && key.Fingerprint != who.Primary {
			writeKey(&b, key, block)
		}
	}
	k.add(KeysName, b.String())
	var lines strings.Builder
	for _, s := range r.Others.AllowedSigners() {
		lines.WriteString(s.Line() + "\n")
	}
	if lines.Len() > 0 {
		k.add(AllowedSignersName, lines.String())
	}
	return r.imageKeys(k)
}

func (r *release) imageKeys(k *Kit) error {
	if len(r.images) == 0 {
		return nil
	}
	pub, err := cosign.ParsePublicKey([]byte(r.images[0].PublicKey))
	if err != nil {
		return fmt.Errorf("the public key of the image in the record: %w", err)
	}
	k.add(ImageKeyName, string(pub.PEM()))
	return nil
}

// writeKey writes a key as the KEYS files of the Apache projects have them: who, then the block.
func writeKey(b *strings.Builder, key keys.Key, block []byte) {
	fmt.Fprintf(b, "\npub   %s  %s\n      %s\n", key.Algorithm, key.Created.UTC().Format("2006-01-02"), grouped(key.Fingerprint))
	for _, u := range key.UserIDs {
		fmt.Fprintf(b, "uid   %s\n", plain(u))
	}
	b.WriteByte('\n')
	b.Write(block)
}

// grouped is a fingerprint in groups of four, as people compare it.
func grouped(f keys.Fingerprint) string {
	var groups []string
	for chunk := range slices.Chunk([]byte(f), 4) {
		groups = append(groups, string(chunk))
	}
	return strings.Join(groups, " ")
}

// plain takes from a text of others what could pose as a line of its own, an armor block or
// Markdown.
func plain(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || strings.ContainsRune("`|\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	clean = strings.ReplaceAll(clean, "-----", "?????")
	if runes := []rune(clean); len(runes) > 200 {
		clean = string(runes[:200]) + "…"
	}
	return clean
}

// Write writes the kit into dir, which must be empty or not exist yet. Nothing is replaced.
func (k *Kit) Write(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s: %w", dir, ErrNotEmpty)
	}
	for _, f := range k.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := atomicfile.Create(path, f.Data, f.Mode); err != nil {
			return err
		}
	}
	return nil
}
