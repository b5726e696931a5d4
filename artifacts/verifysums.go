package artifacts

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"bulla/keys"
	"bulla/keys/limits"
)

// VerifyChecksums judges a checksums file's own signatures (in the file sig, or for "" beside it, as
// by Verify) and then every file it names, in the list's order. A named file that has the digest that the list
// gives gets a verdict for each of the list's signatures, as if they were its own, so that a policy
// can count the signers; one that has another digest is bad. Names that are
// absolute, lead out of the list's folder or pass through a symbolic link that does, digests
// that prove nothing (MD5, SHA-1, unknown ones) and files that are missing or can't be read are
// not checked, and the verdict says why.
//
// The list's verdicts have the target path, a file's has its path in the list's folder; all that
// could be read carry the digest of what was read. An
// error is about the list: it can't be read, or its lines can't (*SyntaxError, ErrTooLarge);
// the verdicts on its signatures are returned all the same where there are any.
func VerifyChecksums(ctx context.Context, path, sig string, j *keys.Judge) ([]keys.Verdict, error) {
	l, err := JudgeChecksums(path, sig, j)
	if err != nil {
		return l.Verdicts, err
	}
	files, err := l.Files(ctx, nil)
	return append(l.Verdicts, files...), err
}

// ChecksumList is a checksums file whose own signatures were judged, and its lines as they were then.
type ChecksumList struct {
	// Verdicts are those on its signatures.
	Verdicts []keys.Verdict
	path     string
	sums     []Checksum
}

// JudgeChecksums is the first half of VerifyChecksums: it judges the list alone, and has its errors.
// With an error about the lines the verdicts are there all the same.
func JudgeChecksums(path, sig string, j *keys.Judge) (l ChecksumList, err error) {
	data, err := limits.ReadFile(path, maxChecksums)
	if err != nil {
		return l, err
	}
	sigs, verdicts, err := signaturesOf(keys.KindChecksum, path, sig)
	if err != nil {
		return l, err
	}
	if verdicts == nil {
		check := j.Begin(sigs)
		if _, err := check.Write(data); err != nil {
			return l, err
		}
		verdicts = check.Verdicts(keys.KindChecksum, path)
	}
	sum := sha256.Sum256(data)
	for i := range verdicts {
		verdicts[i].SHA256 = hex.EncodeToString(sum[:])
	}
	l = ChecksumList{Verdicts: verdicts, path: path}
	if l.sums, err = ParseChecksums(bytes.NewReader(data)); err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// Files is the second half of VerifyChecksums: it judges the files that the list names. wanted, if it
// is not nil, chooses among them by their clean path in the list's folder, with slashes.
func (l ChecksumList) Files(ctx context.Context, wanted func(name string) bool) ([]keys.Verdict, error) {
	dir := filepath.Dir(l.path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	sums := l.sums
	if wanted != nil {
		sums = nil
		for _, c := range l.sums {
			if wanted(filepath.ToSlash(filepath.Clean(filepath.FromSlash(c.Name)))) {
				sums = append(sums, c)
			}
		}
	}
	of := listed{root: root, dir: dir, list: distinct(l.Verdicts), claim: keys.Summarize(l.Verdicts).Claim}
	return of.verify(ctx, sums)
}

// maxUnproved bounds how many of a list's signatures that prove no signer are handed on to each
// file: 30,000 lines with thousands of planted signatures would fill the memory.
const maxUnproved = 16

// distinct leaves out the verdicts on a list that say the same as another one, and of those without
// a proved signer what exceeds maxUnproved, but for the first of each status.
func distinct(list []keys.Verdict) (out []keys.Verdict) {
	type kind struct {
		status keys.Status
		claim  keys.Claim
		by     keys.Fingerprint
		proved bool
	}
	seen, statuses, unproved := map[kind]bool{}, map[keys.Status]bool{}, 0
	for _, v := range list {
		k := kind{status: v.Status, claim: v.Claim, proved: v.Signer != nil}
		if k.proved {
			k.by = v.Signer.Fingerprint
		} else if unproved++; unproved > maxUnproved && statuses[v.Status] {
			continue
		}
		if !seen[k] {
			seen[k], statuses[v.Status] = true, true
			out = append(out, v)
		}
	}
	return out
}

// listed checks files against a list that was judged already.
type listed struct {
	root  *os.Root
	dir   string
	list  []keys.Verdict // at least one
	claim keys.Claim     // of the signature that stands for all
}

func (l *listed) verify(ctx context.Context, sums []Checksum) (all []keys.Verdict, err error) {
	verdicts := make([][]keys.Verdict, len(sums))
	err = inParallel(ctx, runtime.GOMAXPROCS(0), len(sums), func(ctx context.Context, i int) (err error) {
		verdicts[i], err = l.file(ctx, sums[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return slices.Concat(verdicts...), nil
}

// file judges one line. Its only error is that of ctx.
func (l *listed) file(ctx context.Context, c Checksum) ([]keys.Verdict, error) {
	name := filepath.FromSlash(c.Name)
	target := filepath.Join(l.dir, name)
	unread := func(target, reason string) ([]keys.Verdict, error) {
		return []keys.Verdict{keys.NotChecked(keys.KindArtifact, target, reason)}, nil
	}
	if !filepath.IsLocal(name) {
		// Not joined: "/etc/passwd" must not turn into a file of the list's folder on paper.
		return unread(c.Name, "The list names a file outside its own folder.")
	}
	id := c.hash()
	if id == 0 {
		return unread(target, "The list gives only a digest that proves nothing here.")
	}
	sums := newStates(nil, id, crypto.SHA256)
	err := rootSource(l.root, name, target).feed(ctx, sums, quietly)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return unread(target, unreadReason(err))
	}
	vs := l.judged(target, sums.hex(id) == c.Digest, id.String())
	for i := range vs {
		vs[i].SHA256 = sums.hex(crypto.SHA256)
	}
	return vs, nil
}

// judged makes the verdicts on a file from those on the list.
func (l *listed) judged(target string, same bool, algorithm string) []keys.Verdict {
	if !same {
		return []keys.Verdict{{
			Target: target, Kind: keys.KindArtifact, Status: keys.StatusBad, Claim: l.claim,
			Reason: "Its " + algorithm + " digest is not the one in the list.",
		}}
	}
	vs := slices.Clone(l.list)
	for i := range vs {
		v := &vs[i]
		v.Target, v.Kind = target, keys.KindArtifact
		but := ", but of the list holds: "
		if v.Status.Sound() {
			but = ", and the list is signed: "
		}
		v.Reason = "Its " + algorithm + " digest is the one in the list" + but + v.Reason
	}
	return vs
}

// unreadReason says in a sentence that quotes nothing why a file could not be checked.
func unreadReason(err error) string {
	var special *NotRegularError
	var changed *ChangedError
	switch {
	case errors.As(err, &special):
		return "It is " + special.Kind() + ", not a regular file."
	case errors.As(err, &changed):
		return "It changed while it was read."
	case errors.Is(err, fs.ErrNotExist):
		return "The list names it, but it is missing."
	case errors.Is(err, fs.ErrPermission):
		return "It may not be read."
	}
	return "It cannot be read, or a symbolic link leads out of the list's folder."
}
