package history

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bulla/artifacts"
	"bulla/keys"
	"bulla/workflow"
)

// Limits of what is looked at.
const (
	maxFolder       = 20_000 // files in one folder
	maxReleaseFiles = 1_000  // files of one release
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

func (t *Timeline) files(ctx context.Context, i int, v *workflow.Verifier) Update {
	u := Update{Index: i, Part: PartFiles}
	r := &t.rows[i]
	own, shared := v.HistoryFolders(r.Tag, r.Version)
	u.RecordPath = t.shelf().record(r.Tag, slices.Concat(v.RecordDirs(r.Tag, r.Version), own, shared))
	if u.RecordPath != "" {
		vs, err := v.VerifyRecord(ctx, u.RecordPath)
		if err != nil {
			return u
		}
		u.Verdicts = withoutTag(vs)
	}
	for _, dir := range own {
		u.Verdicts = append(u.Verdicts, judgeFiles(ctx, v, listFolder(dir), u)...)
	}
	u.Verdicts = append(u.Verdicts, judgeFiles(ctx, v, t.shelf().files[i], u)...)
	return u
}

// withoutTag drops the verdicts on the tag that the record led to: the row has its own. Where the
// tag is not the one that the record binds, they stay: that is news.
func withoutTag(vs []keys.Verdict) []keys.Verdict {
	return slices.DeleteFunc(vs, func(v keys.Verdict) bool { return v.Kind == keys.KindTag && v.Status != keys.StatusBad })
}

// judgeFiles judges the files of one release that its record did not bind: each by its own
// signature, those without one by a signed list of checksums beside them.
func judgeFiles(ctx context.Context, v *workflow.Verifier, paths []string, known Update) (out []keys.Verdict) {
	bound := map[string]bool{}
	for _, b := range known.Verdicts {
		bound[filepath.Base(b.Target)] = true
	}
	listed := map[string][]keys.Verdict{}
	for _, p := range paths {
		if base := filepath.Base(p); !isList(base) || bound[base] {
			continue
		}
		vs, err := v.VerifyFile(ctx, p)
		if err != nil {
			continue
		}
		for _, verdict := range vs {
			if verdict.Kind == keys.KindChecksum {
				out = append(out, verdict)
			} else {
				name := filepath.Base(verdict.Target)
				listed[name] = append(listed[name], verdict)
			}
		}
	}
	for _, p := range paths[:min(len(paths), maxReleaseFiles)] {
		base := filepath.Base(p)
		if isList(base) || bound[base] || base == workflow.RecordName {
			continue
		}
		if l, ok := listed[base]; ok && !hasSignature(p) {
			out = append(out, l...)
			continue
		}
		vs, err := v.VerifyFile(ctx, p)
		if err != nil {
			return out
		}
		out = append(out, vs...)
	}
	return out
}

func isList(base string) bool { return base == artifacts.SHA256Name || base == artifacts.SHA512Name }

func hasSignature(path string) bool {
	for _, end := range []string{".asc", ".sig"} {
		if _, err := os.Stat(path + end); err == nil {
			return true
		}
	}
	return false
}

// listFolder lists the regular files of a folder that are not signatures, sorted by name. A folder
// that is not there, or is too full, has none.
func listFolder(dir string) (paths []string) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > maxFolder {
		return nil
	}
	for _, e := range entries {
		name := e.Name()
		if e.Type().IsRegular() && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".asc") && !strings.HasSuffix(name, ".sig") {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths
}

// shelf knows which files in folders that several releases share belong to which release. It does
// not change once it is made.
type shelf struct {
	files   map[int][]string  // by the index of the release
	records map[string]string // tag that each record is about, by its path
}

// newShelf looks through the shared folders once.
func newShelf(t *Timeline) *shelf {
	s := &shelf{files: map[int][]string{}, records: map[string]string{}}
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
			path := filepath.Join(dir, workflow.RecordName)
			if _, known := s.records[path]; !known {
				s.records[path] = workflow.TagOfRecord(path)
			}
		}
	}
	_, shared := t.verifier.HistoryFolders("", "")
	for _, dir := range shared {
		for _, p := range listFolder(dir) {
			if i, ok := releaseOf(filepath.Base(p), versions); ok {
				s.files[i] = append(s.files[i], p)
			}
		}
	}
	return s
}

// record finds the record of a tag in dirs.
func (s *shelf) record(tag string, dirs []string) string {
	for _, dir := range dirs {
		if path := filepath.Join(dir, workflow.RecordName); s.records[path] == tag && tag != "" {
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
