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

	"bulla/keys"
	"bulla/keys/limits"
)

// VerifyChecksums judges a checksums file's own signatures (found beside it, as by Verify) and
// then every file it names, in the list's order. A named file is as good as the list's best
// signature if it has the digest that the list gives, and bad if it has not. Names that are
// absolute, lead out of the list's folder or pass through a symbolic link that does, digests
// that prove nothing (MD5, SHA-1, unknown ones) and files that are missing or can't be read are
// not checked, and the verdict says why.
//
// The list's verdicts have the target path, a file's has its path in the list's folder; all that
// could be read carry the digest of what was read. An
// error is about the list: it can't be read, or its lines can't (*SyntaxError, ErrTooLarge);
// the verdicts on its signatures are returned all the same where there are any.
func VerifyChecksums(ctx context.Context, path string, j *keys.Judge) ([]keys.Verdict, error) {
	l, err := JudgeChecksums(path, j)
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
func JudgeChecksums(path string, j *keys.Judge) (l ChecksumList, err error) {
	data, err := limits.ReadFile(path, maxChecksums)
	if err != nil {
		return l, err
	}
	sigs, verdicts, err := signaturesOf(keys.KindChecksum, path, "")
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
	of := listed{root: root, dir: dir, list: keys.Summarize(l.Verdicts)}
	return of.verify(ctx, sums)
}

// listed checks files against a list that was judged already.
type listed struct {
	root *os.Root
	dir  string
	list keys.Verdict
}

func (l *listed) verify(ctx context.Context, sums []Checksum) ([]keys.Verdict, error) {
	verdicts := make([]keys.Verdict, len(sums))
	err := inParallel(ctx, runtime.GOMAXPROCS(0), len(sums), func(ctx context.Context, i int) (err error) {
		verdicts[i], err = l.file(ctx, sums[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return verdicts, nil
}

// file judges one line. Its only error is that of ctx.
func (l *listed) file(ctx context.Context, c Checksum) (keys.Verdict, error) {
	name := filepath.FromSlash(c.Name)
	target := filepath.Join(l.dir, name)
	if !filepath.IsLocal(name) {
		// Not joined: "/etc/passwd" must not turn into a file of the list's folder on paper.
		return keys.NotChecked(keys.KindArtifact, c.Name, "The list names a file outside its own folder."), nil
	}
	id := c.hash()
	if id == 0 {
		return keys.NotChecked(keys.KindArtifact, target, "The list gives only a digest that proves nothing here."), nil
	}
	sums := newStates(nil, id, crypto.SHA256)
	err := rootSource(l.root, name, target).feed(ctx, sums, quietly)
	if ctx.Err() != nil {
		return keys.Verdict{}, ctx.Err()
	}
	if err != nil {
		return keys.NotChecked(keys.KindArtifact, target, unreadReason(err)), nil
	}
	v := l.judged(target, sums.hex(id) == c.Digest, id.String())
	v.SHA256 = sums.hex(crypto.SHA256)
	return v, nil
}

// judged makes the verdict on a file from that on the list.
func (l *listed) judged(target string, same bool, algorithm string) keys.Verdict {
	if !same {
		return keys.Verdict{
			Target: target, Kind: keys.KindArtifact, Status: keys.StatusBad, Claim: l.list.Claim,
			Reason: "Its " + algorithm + " digest is not the one in the list.",
		}
	}
	v := l.list
	v.Target, v.Kind = target, keys.KindArtifact
	v.Reason = "Its " + algorithm + " digest is the one in the list, and the list is signed: " + l.list.Reason
	if !l.list.Status.Sound() {
		v.Reason = "Its " + algorithm + " digest is the one in the list, but of the list holds: " + l.list.Reason
	}
	return v
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
