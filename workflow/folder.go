package workflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/artifacts"
	"bulla/docker/cosign"
	"bulla/keys"
)

// maxFolder bounds how many entries of a folder are judged.
const maxFolder = 20_000

// checksumsName recognises checksums files by what projects call them: SHA256SUMS, SHA512SUMS,
// checksums.txt, widget_1.0_checksums.txt, sha256sum.txt, widget.tar.gz.sha256.
var checksumsName = regexp.MustCompile(`(?i)^(.*[-_.])?(sha(256|384|512)sums?|checksums)([-_][^.]*)?(\.txt)?$|\.sha(256|384|512)$`)

func isChecksums(base string) bool { return checksumsName.MatchString(base) }

// folder is what lies in a folder as it was downloaded, by its name.
type folder struct {
	dir     string
	record  bool
	lists   []string        // checksums files
	files   []string        // everything else that should be vouched for
	signed  map[string]bool // files with a signature beside them
	orphans []string        // signatures whose file is not there
}

// folder judges a folder as it was downloaded.
//
// A folder that holds a release record, a checksums file or a signature is a release, or a part
// of one: every file directly in it must be vouched for, by its own signature, by a signed list
// or by the record, and one that is not is unsigned: else a file could be exchanged, or slipped
// in, by removing its signature. What a list names and is not there is passed over, as people
// download what they need; a record is the whole release, and misses what is missing. Public
// keys and hidden files are passed over. Folders in it count as far as a list or the record
// names files in them.
//
// Any other folder gets one verdict: nothing in it is signed.
func (v *Verifier) folder(ctx context.Context, dir string) ([]keys.Verdict, error) {
	f, err := readFolder(dir)
	if err != nil {
		return []keys.Verdict{keys.NotChecked(keys.KindArtifact, dir, "The folder cannot be read: "+rootCause(err).Error()+".")}, nil
	}
	if !f.record && len(f.lists)+len(f.signed)+len(f.orphans) == 0 {
		return []keys.Verdict{keys.Unsigned(keys.KindArtifact, dir, "Nothing in this folder is signed.")}, nil
	}
	j := folderJudge{v: v, folder: f, vouched: map[string]bool{}, recorded: map[string]bool{}}
	for _, step := range []func(context.Context) error{j.byRecord, j.bySignedLists, j.bySignature, j.byOtherLists, j.theRest} {
		if err := step(ctx); err != nil {
			return j.out, err
		}
	}
	return j.out, ctx.Err()
}

func readFolder(dir string) (folder, error) {
	f := folder{dir: dir, signed: map[string]bool{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return f, err
	}
	if len(entries) > maxFolder {
		return f, fmt.Errorf("it has more than %d entries", maxFolder)
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
		ext := filepath.Ext(name)
		base := strings.TrimSuffix(name, ext)
		switch {
		case (ext == ".asc" || ext == ".sig") && there[base]:
			f.signed[base] = true
		case !there[name+".asc"] && !there[name+".sig"] && f.isKey(name):
		case ext == ".asc" || ext == ".sig":
			f.orphans = append(f.orphans, name)
		case name == RecordName:
			f.record = true
		case isChecksums(name):
			f.lists = append(f.lists, name)
		default:
			f.files = append(f.files, name)
		}
	}
	return f, nil
}

// isKey reports a file with public keys and nothing else that could be run or unpacked. Its name
// must say so too: a key block within a script makes no key of it.
func (f folder) isKey(name string) bool {
	switch filepath.Ext(name) {
	case ".pub", ".pgp", ".gpg", ".asc":
	default:
		if name != "KEYS" && name != "allowed_signers" {
			return false
		}
	}
	data, err := readLimited(filepath.Join(f.dir, name), 16<<20)
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

// folderJudge collects the verdicts on a folder.
type folderJudge struct {
	v      *Verifier
	folder folder
	// vouched are the names, slashes, on which there is a verdict; recorded those that the record
	// has judged by their own signature too.
	vouched, recorded map[string]bool
	out               []keys.Verdict
}

func (j *folderJudge) path(name string) string {
	return filepath.Join(j.folder.dir, filepath.FromSlash(name))
}

func (j *folderJudge) byRecord(ctx context.Context) error {
	if !j.folder.record {
		return nil
	}
	path := j.path(RecordName)
	vs, rec, err := j.v.parsedRecord(ctx, path, "")
	for i := range vs {
		if (vs[i].Kind == keys.KindArtifact || vs[i].Kind == keys.KindChecksum) && !filepath.IsAbs(vs[i].Target) {
			vs[i].Target = j.path(vs[i].Target)
		}
	}
	j.out = append(j.out, vs...)
	if rec != nil {
		for _, n := range slices.Concat(rec.Predicate.Files, rec.Predicate.Checksums) {
			j.vouched[n], j.recorded[n] = true, true
		}
	}
	return err
}

func (j *folderJudge) bySignedLists(ctx context.Context) error {
	for _, name := range j.folder.lists {
		if !j.folder.signed[name] || j.vouched[name] {
			continue
		}
		vs, err := j.v.checksums(ctx, j.path(name))
		if err != nil {
			return err
		}
		j.vouched[name] = true
		for _, v := range vs {
			if v.Kind == keys.KindChecksum {
				j.out = append(j.out, v)
			} else if j.present(v) {
				j.vouch(v)
			}
		}
	}
	return nil
}

// present reports whether the file that a list's verdict is on is there.
func (j *folderJudge) present(v keys.Verdict) bool {
	_, err := os.Lstat(v.Target)
	return !errors.Is(err, fs.ErrNotExist)
}

// vouch takes over a list's verdict on a file.
func (j *folderJudge) vouch(v keys.Verdict) {
	if rel, err := filepath.Rel(j.folder.dir, v.Target); err == nil {
		j.vouched[filepath.ToSlash(rel)] = true
	}
	j.out = append(j.out, v)
}

// bySignature judges the files with a signature of their own.
func (j *folderJudge) bySignature(ctx context.Context) error {
	for _, name := range j.folder.files {
		if !j.folder.signed[name] || j.recorded[name] {
			continue
		}
		vs, err := j.v.artifact(ctx, j.path(name), "")
		if err != nil {
			return err
		}
		j.vouched[name] = true
		j.out = append(j.out, vs...)
	}
	return nil
}

// byOtherLists compares the files with lists that are not signed. Such a list vouches for nothing,
// but a file that it contradicts is not what was published.
func (j *folderJudge) byOtherLists(ctx context.Context) error {
	for _, name := range j.folder.lists {
		if j.vouched[name] {
			continue
		}
		vs, err := j.v.checksums(ctx, j.path(name))
		if err != nil {
			return err
		}
		j.vouched[name] = true
		needed := false
		var own []keys.Verdict
		for _, v := range vs {
			rel, err := filepath.Rel(j.folder.dir, v.Target)
			known := err == nil && j.vouched[filepath.ToSlash(rel)]
			switch {
			case v.Kind == keys.KindChecksum:
				own = append(own, v)
			case !j.present(v) || (known && v.Status != keys.StatusBad):
			default:
				needed = true
				j.vouch(v)
			}
		}
		if needed || len(own) == len(vs) {
			j.out = append(j.out, own...)
		}
	}
	return nil
}

func (j *folderJudge) theRest(context.Context) error {
	for _, name := range j.folder.files {
		if !j.vouched[name] {
			j.out = append(j.out, keys.Unsigned(keys.KindArtifact, j.path(name), "Nothing vouches for it: it has no signature, and no signed list or record here names it."))
		}
	}
	for _, name := range j.folder.orphans {
		j.out = append(j.out, keys.NotChecked(keys.KindArtifact, j.path(name), "It looks like a signature, but the file that it belongs to is not here."))
	}
	return nil
}

// checksums judges a checksums file and the files it names. What is wrong with its lines is a
// verdict like any other.
func (v *Verifier) checksums(ctx context.Context, path string) ([]keys.Verdict, error) {
	vs, err := artifacts.VerifyChecksums(ctx, path, v.judge)
	var syntax *artifacts.SyntaxError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return vs, ctx.Err()
	case errors.As(err, &syntax):
		reason := fmt.Sprintf("Line %d is not a checksum, so that the list may cover less than it seems to.", syntax.Line)
		vs = append(vs, keys.Verdict{Kind: keys.KindChecksum, Target: path, Status: keys.StatusMalformed, Reason: reason})
	case errors.Is(err, artifacts.ErrTooLarge):
		vs = append(vs, keys.NotChecked(keys.KindChecksum, path, "The list is too large."))
	default:
		vs = append(vs, keys.NotChecked(keys.KindChecksum, path, "The list cannot be read: "+rootCause(err).Error()+"."))
	}
	return v.decideFiles(vs), nil
}
