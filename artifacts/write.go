package artifacts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bulla/keys/limits"
)

// WriteChecksums writes SHA256SUMS and, if o asks for SHA-512, SHA512SUMS into dir, each with a
// detached signature, and returns the paths of all that stand afterwards, also after an error.
// Names are relative to dir; lines are sorted; sha256sum -c in dir accepts the list.
//
// A file with the same content is kept, and so is this key's valid signature over it. Anything
// else in the way is an *ExistsError or a *SignatureExistsError before anything is written,
// unless o.Replace. Lists are signed before the first one is written. *OutsideError names a
// file that is not below dir.
func WriteChecksums(ctx context.Context, dir string, signed []Signed, o SignOptions) (paths []string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	r, err := newSigning(nil, o)
	if err != nil {
		return nil, err
	}
	lists, err := r.lists(dir, signed)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i := range lists {
		errs = append(errs, r.compare(&lists[i]))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for i := range lists {
		if err := r.signList(ctx, &lists[i]); err != nil {
			return nil, err
		}
	}
	for _, l := range lists {
		for _, f := range []output{l.list, l.signature} {
			if !f.kept {
				if err := r.publish(f.path, f.data); err != nil {
					return paths, err
				}
			}
			paths = append(paths, f.path)
		}
	}
	return paths, r.files.Sync()
}

// output is a file to be written, unless it is there already.
type output struct {
	path string
	data []byte
	kept bool
}

// unwrittenList is a checksums file and its signature on their way to the disk.
type unwrittenList struct {
	list, signature output
	states          *states
}

// lists makes the content of the checksums files.
func (r *signing) lists(dir string, signed []Signed) ([]unwrittenList, error) {
	sha256, err := checksumsOf(dir, signed, func(s Signed) string { return s.SHA256 })
	if err != nil {
		return nil, err
	}
	lists := []unwrittenList{r.newList(filepath.Join(dir, SHA256Name), sha256)}
	if r.o.SHA512 {
		sha512, err := checksumsOf(dir, signed, func(s Signed) string { return s.SHA512 })
		if err != nil {
			return nil, err
		}
		lists = append(lists, r.newList(filepath.Join(dir, SHA512Name), sha512))
	}
	return lists, nil
}

func (r *signing) newList(path string, sums []Checksum) unwrittenList {
	data := formatChecksums(sums)
	st := newStates(nil, r.key.Hash)
	_, _ = st.Write(data) // hash states never fail
	return unwrittenList{list: output{path: path, data: data}, signature: output{path: path + ".asc"}, states: st}
}

// checksumsOf lists files by their names relative to dir, with the digest that is asked for.
func checksumsOf(dir string, signed []Signed, digest func(Signed) string) ([]Checksum, error) {
	list := make([]Checksum, 0, len(signed))
	for _, s := range signed {
		if !within(dir, s.Path) {
			return nil, &OutsideError{Path: s.Path, Dir: dir}
		}
		rel, err := filepath.Rel(dir, s.Path)
		if err != nil {
			return nil, err
		}
		d := digest(s)
		if d == "" {
			return nil, fmt.Errorf("no digest of %s was made for this checksums file", s.Path)
		}
		list = append(list, Checksum{Digest: d, Name: filepath.ToSlash(rel)})
	}
	return list, nil
}

// compare looks at what is on the disk and says what stands in the way.
func (r *signing) compare(l *unwrittenList) error {
	switch was, err := limits.ReadFile(l.list.path, maxChecksums); {
	case err == nil && bytes.Equal(was, l.list.data):
		l.list.kept = true
	case errors.Is(err, fs.ErrNotExist) && !exists(l.list.path):
	case !r.o.Replace:
		return &ExistsError{Path: l.list.path}
	}
	there := readExisting(l.signature.path, r.key)
	if there.state == StateClaimed {
		check := r.judge.Begin(there.sigs)
		if _, err := check.Write(l.list.data); err != nil {
			return err
		}
		there.decide(check, r.key)
	}
	l.signature.kept = there.state == StateValid
	return r.obstacle(there)
}

// exists reports whether anything has this name, a dangling symbolic link included.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (r *signing) signList(ctx context.Context, l *unwrittenList) error {
	if l.signature.kept {
		return nil
	}
	sig, err := r.sign(ctx, l.states.of(r.key.Hash))
	if err != nil {
		return fmt.Errorf("sign %s: %w", l.list.path, err)
	}
	l.signature.data = sig
	return nil
}
