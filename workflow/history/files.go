package history

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// Files looks for the record and the files of each release where the journal says that they were
// made, where the configuration builds them, and in the folders of [history]. It judges what it
// finds, newest release first. Images are judged only by CheckImages. The error is ctx's.
func (t *Timeline) Files(ctx context.Context, emit func(Update)) error {
	judge := func(i int) Update { return t.files(ctx, i, t.verifier) }
	return inOrder(ctx, len(t.rows), t.workers, judge, func(_ int, u Update) { emit(u) })
}

// CheckImages judges the record of the i-th release again, and its images at their registries,
// over the network.
func (t *Timeline) CheckImages(ctx context.Context, i int) (Update, error) {
	u := t.files(ctx, i, t.verifier.Online())
	return u, ctx.Err()
}

func (t *Timeline) files(ctx context.Context, i int, v *verify.Verifier) Update {
	u := Update{Index: i, Part: PartFiles}
	r := &t.rows[i]
	own, shared := v.HistoryFolders(r.Tag, r.Version)
	u.RecordPath = t.shelf().record(r.Tag, slices.Concat(v.RecordDirs(r.Tag, r.Version), own, shared))
	if u.RecordPath != "" {
		vs, err := v.VerifyRecord(ctx, u.RecordPath)
		if err != nil {
			return u
		}
		u.Verdicts = withoutTag(vs, r.Tag)
	}
	already := judgedPaths(u)
	for _, dir := range own {
		vs, err := ownFolder(ctx, v, dir, already)
		u.add(withoutTag(vs, r.Tag))
		if err != nil {
			return u
		}
	}
	for _, part := range t.shelf().parts[i] {
		vs, err := part.folder.VerifySet(ctx, part.names, already)
		u.add(vs)
		if err != nil {
			return u
		}
	}
	return u
}

// withoutTag drops the verdicts on the release's own tag that the record led to: the row has its own.
// Where the tag is not the one that the record binds, they stay: that is news.
func withoutTag(vs []keys.Verdict, tag string) []keys.Verdict {
	return slices.DeleteFunc(vs, func(v keys.Verdict) bool {
		return v.Kind == keys.KindTag && v.Target == tag && v.Status != keys.StatusBad
	})
}

// judgedPaths are the clean paths of what the record led to, and its own.
func judgedPaths(u Update) map[string]bool {
	already := map[string]bool{}
	for _, v := range u.Verdicts {
		switch v.Kind {
		case keys.KindArtifact, keys.KindChecksum:
			already[filepath.Clean(cmp.Or(v.Path, v.Target))] = true
		}
	}
	if u.RecordPath != "" {
		already[filepath.Clean(u.RecordPath)] = true
	}
	return already
}

// add takes in verdicts, but for images and tags on which the same is known: a copy of the record in
// another folder names them again.
func (u *Update) add(vs []keys.Verdict) {
	for _, v := range vs {
		known := func(k keys.Verdict) bool { return k.Kind == v.Kind && k.Target == v.Target && k.Status == v.Status }
		if (v.Kind == keys.KindImage || v.Kind == keys.KindTag) && slices.ContainsFunc(u.Verdicts, known) {
			continue
		}
		u.Verdicts = append(u.Verdicts, v)
	}
}

// ownFolder judges a folder in which everything belongs to one release, as it would be judged by
// itself. Where there is none, or an empty one, the release has no files there.
func ownFolder(ctx context.Context, v *verify.Verifier, dir string, already map[string]bool) ([]keys.Verdict, error) {
	f, err := v.ReadFolder(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return []keys.Verdict{keys.NotChecked(keys.KindArtifact, dir, "The folder cannot be read, or has too many entries.")}, nil
	case f.Empty():
		return nil, nil
	}
	return f.Verify(ctx, already)
}

// shelf knows which files in folders that several releases share belong to which release. It does
// not change once it is made.
type shelf struct {
	parts   map[int][]part    // by the index of the release
	records map[string]string // tag that each record is about, by its path
}

// part is what belongs to one release in a folder.
type part struct {
	folder *verify.Folder
	names  []string
}

// newShelf looks through the shared folders once.
func newShelf(t *Timeline) *shelf {
	s := &shelf{parts: map[int][]part{}, records: map[string]string{}}
	versions := map[string]int{}
	for i := len(t.rows) - 1; i >= 0; i-- { // of two tags for one version the newer counts
		r := &t.rows[i]
		for _, name := range []string{r.Version, versionIn(r.Tag)} {
			if name != "" {
				versions[normal(name)] = i
			}
		}
		own, shared := t.verifier.HistoryFolders(r.Tag, r.Version)
		for _, dir := range slices.Concat(t.verifier.RecordDirs(r.Tag, r.Version), own, shared) {
			path := filepath.Join(dir, record.Name)
			if _, known := s.records[path]; !known {
				s.records[path] = record.TagOf(path)
			}
		}
	}
	_, shared := t.verifier.HistoryFolders("", "")
	for _, dir := range shared {
		f, err := t.verifier.ReadFolder(dir)
		if err != nil {
			continue // it is not there, or too full
		}
		names := map[int][]string{}
		for _, name := range f.Names() {
			if i, ok := releaseOf(name, versions); ok {
				names[i] = append(names[i], name)
			}
		}
		for i := range names {
			s.parts[i] = append(s.parts[i], part{f, names[i]})
		}
	}
	return s
}

// record finds the record of a tag in dirs.
func (s *shelf) record(tag string, dirs []string) string {
	for _, dir := range dirs {
		if path := filepath.Join(dir, record.Name); s.records[path] == tag && tag != "" {
			return path
		}
	}
	return ""
}

// versionIn is what looks like a version in a tag that follows no pattern: from the first digit
// that begins a word. "curl-8_0_1" gives "8_0_1".
func versionIn(tag string) string {
	for i := range len(tag) {
		if digit(tag[i]) && (i == 0 || !digit(tag[i-1]) && tag[i-1] != '.' && (!letter(tag[i-1]) || i == 1)) {
			return tag[i:]
		}
	}
	return ""
}

// normal makes the ways to write a version equal: 8_0_1 and 8.0.1.
func normal(version string) string { return strings.ReplaceAll(strings.ToLower(version), "_", ".") }

// releaseOf finds the release that a file belongs to by the longest version that stands in its
// name as a word: "widget-1.4.0.tar.gz" belongs to 1.4.0 and not to 1.4 or 4.0.
func releaseOf(base string, versions map[string]int) (int, bool) {
	name := normal(base)
	best, length := 0, 0
	for i := range len(name) {
		if !digit(name[i]) || (i > 0 && (digit(name[i-1]) || name[i-1] == '.' && i > 1 && digit(name[i-2]))) {
			continue
		}
		for end := len(name); end > i+length; end-- {
			if end < len(name) && (digit(name[end]) || letter(name[end]) || name[end] == '.' && end+1 < len(name) && digit(name[end+1])) {
				continue
			}
			if r, ok := versions[name[i:end]]; ok {
				best, length = r, end-i
				break
			}
		}
	}
	return best, length > 0
}

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
