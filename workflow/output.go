package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bulla/artifacts"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/workflow/record"
)

// The files that a release writes, in one list: preflight looks at them, the steps write them,
// the journal notes them and an abandoned release removes them.

// signatures are the paths of the signatures of the files.
func (p *Plan) signatures() []string {
	var out []string
	for _, f := range p.Files {
		if p.ChecksumsOnly && f.Existing != artifacts.StateValid {
			continue // none is made
		}
		out = append(out, f.SignaturePath())
	}
	return out
}

// checksumLists are the paths of the checksums files, without their signatures.
func (p *Plan) checksumLists() []string {
	switch {
	case len(p.Files) == 0:
		return nil
	case p.SHA512:
		return []string{filepath.Join(p.Dir, artifacts.SHA256Name), filepath.Join(p.Dir, artifacts.SHA512Name)}
	}
	return []string{filepath.Join(p.Dir, artifacts.SHA256Name)}
}

// recordPath is the path of the release record.
func (p *Plan) recordPath() string { return filepath.Join(p.Dir, record.Name) }

// Shown is how a person is told one of the release's own files, by its base name: its path from the
// root, as the names of the artifacts are; whole, where it lies elsewhere.
func (p *Plan) Shown(base string) string {
	if len(p.Files) == 0 {
		return base // in the root itself
	}
	path := filepath.Join(p.Dir, base)
	for _, f := range p.Files {
		root, ok := strings.CutSuffix(f.Path, filepath.FromSlash(f.Name))
		if !ok || filepath.IsAbs(f.Name) {
			continue
		}
		if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return path
}

// lists are the paths of the checksums files and the record, each with its signature.
func (p *Plan) lists() []string {
	var out []string
	for _, path := range append(p.checksumLists(), p.recordPath()) {
		out = append(out, path, path+".asc")
	}
	return out
}

// outputs are the paths of all files that the release writes.
func (p *Plan) outputs() []string { return append(p.signatures(), p.lists()...) }

// outputDirs are the folders of all outputs.
func (p *Plan) outputDirs() []string {
	var dirs []string
	for _, path := range p.outputs() {
		dirs = append(dirs, filepath.Dir(path))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// cleanTemps removes what a killed run left: temporary files of the outputs and the tag, the lock of
// the tag's ref.
func (r *run) cleanTemps(ctx context.Context) error {
	errs := []error{r.s.repo.RemoveTemps(), r.s.repo.RemoveTagLock(ctx, r.plan.Tag, r.made)}
	bases := map[string][]string{} // by folder: there may be thousands in one
	for _, path := range r.plan.outputs() {
		dir := filepath.Dir(path)
		bases[dir] = append(bases[dir], filepath.Base(path))
	}
	for _, dir := range slices.Sorted(maps.Keys(bases)) {
		errs = append(errs, atomicfile.RemoveTempsOf(dir, bases[dir]...))
	}
	return errors.Join(errs...)
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// writing notes in the journal what is about to be written.
func (r *run) writing(path string, data []byte) error {
	return r.journal.Writing(path, sha256Hex(data))
}

// isOwn reports whether the file at path is one that this release wrote and nobody changed since.
func (r *run) isOwn(path string) (own bool, err error) {
	digests := r.journal.Written(path)
	if len(digests) == 0 {
		return false, nil
	}
	data, err := limits.ReadIfThere(path, record.MaxSize)
	if errors.Is(err, limits.ErrTooLarge) {
		return false, nil
	}
	if err != nil || len(data) == 0 {
		return false, err
	}
	return slices.Contains(digests, sha256Hex(data)), nil
}

// writeOwn writes an output. What this release wrote before is renewed; what others wrote is
// replaced only where the plan allows it.
func (r *run) writeOwn(path string, data []byte) error {
	old, err := limits.ReadFile(path, record.MaxSize)
	if errors.Is(err, limits.ErrTooLarge) { // no release has made it
		old, err = nil, nil
	}
	if err == nil && string(old) == string(data) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	write := atomicfile.Create
	if err == nil {
		own, err := r.isOwn(path)
		if err != nil {
			return err
		}
		if !own && !r.plan.Replace {
			return &artifacts.ExistsError{Path: path}
		}
		write = atomicfile.Write
	}
	if err := r.writing(path, data); err != nil {
		return err
	}
	return write(path, data, 0o644)
}

// removeOutputs takes back the files of a release: each that is still exactly as it was written.
// It fails only when ctx ends.
func (r *run) removeOutputs(ctx context.Context, a *Abandoned, paths []string) error {
	existed := r.journal.Existed()
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := r.s.displayPath(path)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		switch own, err := r.isOwn(path); {
		case err != nil:
			a.keep(name, rootCause(err).Error())
		case own && existed[path]:
			a.remove(path, fmt.Sprintf("%s (what stood there before cannot be brought back)", name))
		case own:
			a.remove(path, name)
		case existed[path]:
			a.keep(name, "it stood there before this release")
		case len(r.journal.Written(path)) > 0:
			a.keep(name, "it was changed since")
		default:
			a.keep(name, "this release did not make it")
		}
	}
	return nil
}

// existing lists those of paths that exist.
func existing(paths []string) (out []string) {
	for _, p := range paths {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			out = append(out, p)
		}
	}
	return out
}
