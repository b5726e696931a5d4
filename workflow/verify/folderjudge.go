package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"bulla/artifacts"
	"bulla/keys"
	"bulla/workflow/record"
)

// folderJudge collects the verdicts on a folder.
type folderJudge struct {
	v      *Verifier
	folder *Folder
	// wanted chooses among the files that lists name; nil for all.
	wanted func(name string) bool
	// vouched are the names, slashes, on which there is a verdict; recorded those that the record
	// has judged by their own signature too.
	vouched, recorded map[string]bool
	out               []keys.Verdict
}

func newFolderJudge(f *Folder, already map[string]bool) *folderJudge {
	j := &folderJudge{v: f.v, folder: f, vouched: map[string]bool{}, recorded: map[string]bool{}}
	for path := range already {
		if name, err := filepath.Rel(f.dir, path); err == nil && filepath.IsLocal(name) {
			name = filepath.ToSlash(name)
			j.vouched[name], j.recorded[name] = true, true
		}
	}
	return j
}

func (j *folderJudge) all(ctx context.Context) ([]keys.Verdict, error) {
	for _, step := range []func(context.Context) error{j.byRecord, j.bySignedLists, j.bySignature, j.byOtherLists, j.theRest} {
		if err := step(ctx); err != nil {
			return j.out, err
		}
	}
	return j.out, ctx.Err()
}

func (j *folderJudge) path(name string) string {
	return filepath.Join(j.folder.dir, filepath.FromSlash(name))
}

func (j *folderJudge) byRecord(ctx context.Context) error {
	if !j.folder.record || j.vouched[record.Name] {
		return nil
	}
	path := j.path(record.Name)
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
		vs, err := j.checksums(ctx, name)
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
		vs, err := j.checksums(ctx, name)
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

// checksums is Verifier.checksums for a list in the folder and the files that are wanted.
func (j *folderJudge) checksums(ctx context.Context, name string) ([]keys.Verdict, error) {
	l, err := j.folder.judged[name]()
	vs := slices.Clone(l.Verdicts)
	if err == nil {
		var files []keys.Verdict
		files, err = l.Files(ctx, j.wanted)
		vs = append(vs, files...)
	}
	return j.v.listed(ctx, j.path(name), vs, err)
}

// checksums judges a checksums file, by the signatures in sig or for "" beside it, and the files it names. What is wrong with its lines is a
// verdict like any other.
func (v *Verifier) checksums(ctx context.Context, path, sig string) ([]keys.Verdict, error) {
	vs, err := artifacts.VerifyChecksums(ctx, path, sig, v.judge)
	return v.listed(ctx, path, vs, err)
}

// listed makes a verdict of the error of VerifyChecksums, and lets the policy decide.
func (v *Verifier) listed(ctx context.Context, path string, vs []keys.Verdict, err error) ([]keys.Verdict, error) {
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
