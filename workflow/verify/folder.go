package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/artifacts"
	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/keys/limits"
	"bulla/workflow/record"
)

// maxFolder bounds how many entries of a folder are judged.
const maxFolder = 20_000

// checksumsName recognises checksums files by what projects call them: SHA256SUMS, SHA512SUMS,
// checksums.txt, widget_1.0_checksums.txt, sha256sum.txt, widget.tar.gz.sha256.
var checksumsName = regexp.MustCompile(`(?i)^(.*[-_.])?(sha(256|384|512)sums?|checksums)([-_][^.]*)?(\.txt)?$|\.sha(256|384|512)$`)

func isChecksums(base string) bool { return checksumsName.MatchString(base) }

// Folder is what lies in a folder as it was downloaded, or in one where files of releases are kept,
// read once. It is safe for concurrent use.
type Folder struct {
	v       *Verifier
	dir     string
	record  bool
	lists   []string        // checksums files
	files   []string        // everything else that should be vouched for
	signed  map[string]bool // files with a signature beside them
	orphans []string        // signatures whose file is not there

	judged map[string]func() (artifacts.ChecksumList, error) // by the name of the list
	naming func() map[string][]string                        // the lists that name a file
}

// folder judges a folder as it was downloaded.
func (v *Verifier) folder(ctx context.Context, dir string) ([]keys.Verdict, error) {
	f, err := v.ReadFolder(dir)
	if err != nil {
		return []keys.Verdict{keys.NotChecked(keys.KindArtifact, dir, "The folder cannot be read: "+rootCause(err).Error()+".")}, nil
	}
	return f.Verify(ctx, nil)
}

// Verify judges the folder. already are the clean paths of what the caller has verdicts on, from a
// record: they are vouched for.
//
// A folder that holds a release record, a checksums file or a signature is a release, or a part
// of one: every file directly in it must be vouched for, by its own signature, by a signed list
// or by the record, and one that is not is unsigned: else a file could be exchanged, or slipped
// in, by removing its signature. What a list names and is not there is passed over, as people
// download what they need; a record is the whole release, and misses what is missing. Public
// keys and hidden files are passed over. Folders in it count as far as a list or the record
// names files in them.
//
// Any other folder gets one verdict: nothing in it is signed. The error is ctx's.
func (f *Folder) Verify(ctx context.Context, already map[string]bool) ([]keys.Verdict, error) {
	j := newFolderJudge(f, already)
	if !f.record && len(f.lists)+len(f.signed)+len(f.orphans)+len(j.vouched) == 0 {
		return []keys.Verdict{keys.Unsigned(keys.KindArtifact, f.dir, "Nothing in this folder is signed.")}, nil
	}
	return j.all(ctx)
}

// VerifySet judges some of the Names of a folder in which other things lie too, by the same rules as
// Verify: each by its own signature and by every list in the folder that names it. A record in the
// folder does not count. The error is ctx's.
func (f *Folder) VerifySet(ctx context.Context, names []string, already map[string]bool) ([]keys.Verdict, error) {
	set := make(map[string]bool, len(names))
	relevant := make(map[string]bool)
	for _, n := range names {
		set[n], relevant[n] = true, true
		for _, list := range f.naming()[n] {
			relevant[list] = true
		}
	}
	part := *f
	part.record = false
	part.lists = chosen(f.lists, relevant)
	part.files = chosen(f.files, set)
	part.orphans = chosen(f.orphans, set)
	j := newFolderJudge(&part, already)
	j.wanted = func(name string) bool { return set[name] }
	return j.all(ctx)
}

func chosen(names []string, set map[string]bool) (out []string) {
	for _, n := range names {
		if set[n] {
			out = append(out, n)
		}
	}
	return out
}

// Names are those of everything directly in the folder that gets a verdict of its own: files, lists,
// and signatures whose file is not there; sorted. The record is not among them.
func (f *Folder) Names() []string {
	names := slices.Concat(f.files, f.lists, f.orphans)
	slices.Sort(names)
	return names
}

// Empty reports a folder with nothing in it to judge.
func (f *Folder) Empty() bool { return !f.record && len(f.signed)+len(f.Names()) == 0 }

// ReadFolder reads what lies in a folder. Errors: *fs.PathError, or that it has too many entries.
func (v *Verifier) ReadFolder(dir string) (*Folder, error) {
	f := &Folder{v: v, dir: dir, signed: map[string]bool{}, judged: map[string]func() (artifacts.ChecksumList, error){}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxFolder {
		return nil, fmt.Errorf("it has more than %d entries", maxFolder)
	}
	there := map[string]bool{} // what a signature can belong to
	for _, e := range entries {
		there[e.Name()] = !e.IsDir()
	}
	for _, e := range entries {
		name := e.Name()
		info, err := os.Stat(filepath.Join(dir, name))
		if strings.HasPrefix(name, ".") || (err == nil && info.IsDir()) {
			continue
		}
		f.sort(name, there)
	}
	for _, name := range f.lists {
		path := filepath.Join(dir, name)
		f.judged[name] = sync.OnceValues(func() (artifacts.ChecksumList, error) { return artifacts.JudgeChecksums(path, "", v.judge) })
	}
	f.naming = sync.OnceValue(f.readLists)
	return f, nil
}

// sort puts a name where it belongs.
func (f *Folder) sort(name string, there map[string]bool) {
	ext := filepath.Ext(name)
	base := strings.TrimSuffix(name, ext)
	switch {
	case (ext == ".asc" || ext == ".sig") && there[base]:
		f.signed[base] = true
	case !there[name+".asc"] && !there[name+".sig"] && f.isKey(name):
	case ext == ".asc" || ext == ".sig":
		f.orphans = append(f.orphans, name)
	case name == record.Name:
		f.record = true
	case isChecksums(name):
		f.lists = append(f.lists, name)
	default:
		f.files = append(f.files, name)
	}
}

// readLists finds out which lists name the files that lie directly in the folder. Lists with lines
// that cannot be read name none, as VerifyChecksums has it.
func (f *Folder) readLists() map[string][]string {
	there := make(map[string]bool, len(f.files))
	for _, n := range f.files {
		there[n] = true
	}
	out := map[string][]string{}
	for _, list := range f.lists {
		for _, n := range namesInList(filepath.Join(f.dir, list)) {
			if there[n] && !slices.Contains(out[n], list) {
				out[strings.Clone(n)] = append(out[n], list)
			}
		}
	}
	return out
}

func namesInList(path string) (names []string) {
	data, err := limits.ReadIfThere(path, 16<<20)
	if err != nil {
		return nil
	}
	sums, err := artifacts.ParseChecksums(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	for _, s := range sums {
		names = append(names, filepath.ToSlash(filepath.Clean(filepath.FromSlash(s.Name))))
	}
	return names
}

// isKey reports a file with public keys and nothing else that could be run or unpacked. Its name
// must say so too: a key block within a script makes no key of it.
func (f *Folder) isKey(name string) bool {
	switch filepath.Ext(name) {
	case ".pub", ".pgp", ".gpg", ".asc":
	default:
		if name != "KEYS" && name != "allowed_signers" {
			return false
		}
	}
	data, err := limits.ReadIfThere(filepath.Join(f.dir, name), 16<<20)
	if err != nil {
		return false
	}
	if _, err := cosign.ParsePublicKey(data); err == nil {
		return true
	}
	if !isText(data) && !onlyKeyPackets(data) {
		return false
	}
	ring, err := keys.ReadKeyring(data, keys.SourceFile)
	return err == nil && ring.Len() > 0
}

// isText reports whether data is text, as armored keys and KEYS files with their remarks are.
func isText(data []byte) bool {
	return utf8.Valid(data) && !bytes.ContainsFunc(data, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) })
}

// onlyKeyPackets reports whether data is a binary keyring to its last byte: keys, user ids,
// attributes and signatures (RFC 9580, section 10.1).
func onlyKeyPackets(data []byte) bool {
	r := packet.NewOpaqueReader(bytes.NewReader(data))
	for {
		p, err := r.Next()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		switch p.Tag {
		case 2, 6, 12, 13, 14, 17:
		default:
			return false
		}
	}
}
