// Package history is the timeline of a repository's releases: every tag there is, newest first,
// with a verdict on the tag, its commit, its files, its images and its record, as far as they can
// be found without the network.
//
// The rows are known at once; the verdicts follow as they are reached. Verdicts on tags and
// commits are remembered on disk until a key, the judge or the passing of time could change them.
package history

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"time"

	"bulla/gitops"
	"bulla/keys"
	"bulla/workflow/verify"
)

// Options say how a Timeline works.
type Options struct {
	// CacheDir is where verdicts are remembered, most likely BULLA_HOME/cache; "" remembers none.
	CacheDir string
	// Program is the version of the program: verdicts of another one are not believed.
	Program string
	// Workers is how many signatures are judged at once; 0 for as many as there are processors.
	Workers int
}

// Part is a part of a release that is judged by itself.
type Part int

// The parts, in the order in which they are judged.
const (
	PartTag    Part = iota
	PartCommit      // the commit that the tag points to
	PartFiles       // the record, the files and images that it binds, files found elsewhere
	parts
)

// Release is one row: a tag, and all that belongs to it. Text from the repository is raw.
type Release struct {
	Tag      string
	ObjectID string // of the tag object, or of what a lightweight tag names
	// TargetType is what the tag points at: "commit", "tag" for a nested one, "tree", "blob".
	TargetType string
	CommitID   string // peeled; "" for a tag of a tree or blob
	InnerName  string // the name inside the tag object
	// Date is the tagger's, or of the commit; zero where neither has one.
	Date        time.Time
	Tagger      gitops.Ident
	Subject     string // first line of the message
	Lightweight bool
	Signed      bool
	Version     string // in the tag, by the configured pattern; "" if it does not follow it
	Problem     error  // why the tag cannot be read; nil for a sound one

	// Verdicts are on the tag, one for each signature; Commit on the commit it points to; Files on
	// artifacts and checksums; Images on the images in the record; Record on the record.
	Verdicts, Commit, Files, Images, Record []keys.Verdict
	// RecordPath is the record that was found, "" for none.
	RecordPath string
	judged     [parts]bool
}

// Judged reports whether the verdicts on a part are there. A part that is judged and has no
// verdicts is one that the release does not have.
func (r *Release) Judged(p Part) bool { return r.judged[p] }

// Parts are the verdicts on everything of the release, the tag's first.
func (r *Release) Parts() [5][]keys.Verdict {
	return [...][]keys.Verdict{r.Verdicts, r.Commit, r.Record, r.Files, r.Images}
}

// All are the verdicts of Parts in one list.
func (r *Release) All() (out []keys.Verdict) {
	for _, vs := range r.Parts() {
		out = append(out, vs...)
	}
	return out
}

// Verdict is the one verdict on the tag that stands for all of them. Before the tag is judged it
// says not-checked.
func (r *Release) Verdict() keys.Verdict {
	switch len(r.Verdicts) {
	case 0:
		return keys.Verdict{Kind: keys.KindTag, Target: r.Tag, Status: keys.StatusNotChecked}
	case 1:
		return r.Verdicts[0]
	}
	return keys.Summarize(r.Verdicts)
}

// Signer is the signer who counts for the tag; nil where none was proved.
func (r *Release) Signer() *keys.Signatory { return r.Verdict().Signer }

// Update is what was found out about a part of one release.
type Update struct {
	Index int // of the release
	Part  Part
	// Verdicts are those of PartTag or PartCommit; of PartFiles all, of every kind.
	Verdicts   []keys.Verdict
	RecordPath string
}

// Apply puts what was found into the row.
func (r *Release) Apply(u Update) {
	r.judged[u.Part] = true
	switch u.Part {
	case PartTag:
		r.Verdicts = u.Verdicts
	case PartCommit:
		r.Commit = u.Verdicts
	case PartFiles:
		r.RecordPath = u.RecordPath
		r.Files, r.Images, r.Record = nil, nil, nil
		for _, v := range u.Verdicts {
			switch v.Kind {
			case keys.KindImage:
				r.Images = append(r.Images, v)
			case keys.KindRecord, keys.KindTag:
				r.Record = append(r.Record, v)
			default:
				r.Files = append(r.Files, v)
			}
		}
	}
}

// Timeline judges the releases of one repository. It is safe for concurrent use; emit functions
// are called by one goroutine at a time for each call.
type Timeline struct {
	verifier *verify.Verifier
	repo     *gitops.Repo
	tags     []gitops.Tag
	rows     []Release
	cache    *cache
	shelf    func() *shelf
	workers  int
}

// Open reads the tags. It judges nothing yet. Errors: gitops.ErrNotRepository, or what stood in
// the way of reading the repository; a tag that cannot be read is a row with its Problem.
func Open(ctx context.Context, v *verify.Verifier, o Options) (*Timeline, error) {
	repo := v.Repository()
	if repo == nil {
		return nil, gitops.ErrNotRepository
	}
	tags, err := repo.Tags(ctx)
	if err != nil {
		return nil, err
	}
	t := &Timeline{verifier: v, repo: repo, tags: tags, workers: o.Workers}
	if t.workers <= 0 {
		t.workers = runtime.GOMAXPROCS(0)
	}
	t.rows = make([]Release, len(tags))
	for i := range tags {
		t.rows[i] = row(&tags[i])
		t.rows[i].Version = v.VersionOf(tags[i].Name)
		tags[i].Message = "" // Message reads it again: ten thousand of them would fill the memory
	}
	t.shelf = sync.OnceValue(func() *shelf { return newShelf(t) })
	if o.CacheDir != "" {
		t.cache = openCache(o.CacheDir, v.GitDir(), state{Program: o.Program, Judge: keys.JudgeVersion, Keys: v.KeyState()}, v.Now())
	}
	return t, nil
}

func row(t *gitops.Tag) Release {
	subject, _, _ := strings.Cut(strings.TrimLeft(t.Message, "\n"), "\n")
	if len(subject) > maxSubject {
		subject = subject[:maxSubject]
	}
	return Release{
		Tag: t.Name, ObjectID: t.ObjectID, TargetType: t.TargetType, CommitID: t.CommitID, InnerName: t.InnerName,
		Date: t.Date, Tagger: t.Tagger, Subject: strings.Clone(subject), Lightweight: t.Lightweight,
		Signed: len(t.Signature) > 0, Problem: t.Problem,
	}
}

// maxSubject limits the first lines that are kept, in bytes.
const maxSubject = 1 << 10

// Project is how people call the project.
func (t *Timeline) Project(ctx context.Context) string { return t.verifier.Project(ctx) }

// Releases are the rows as they were read, without verdicts. The slice belongs to the caller.
func (t *Timeline) Releases() []Release { return append([]Release(nil), t.rows...) }

// Tags judges the tags and hands over each row's verdicts, newest first. The error is ctx's.
func (t *Timeline) Tags(ctx context.Context, emit func(Update)) error {
	err := inOrder(ctx, len(t.tags), t.workers, t.tag, func(i int, vs []keys.Verdict) {
		emit(Update{Index: i, Part: PartTag, Verdicts: vs})
	})
	t.cache.save()
	return err
}

func (t *Timeline) tag(i int) []keys.Verdict {
	tag := &t.tags[i]
	if tag.Problem != nil && len(tag.Signature) == 0 {
		return []keys.Verdict{unreadable(keys.KindTag, tag.Name, tag.Problem)}
	}
	key := "tag " + tag.ObjectID
	vs, known := t.cache.get(key)
	if !known {
		j := t.verifier.TagSignatures(*tag)
		vs = j.Verdicts
		t.cache.put(key, j)
	}
	for k := range vs {
		vs[k].Target = tag.Name // several tags may share an object
	}
	return t.verifier.FinishTag(*tag, vs)
}

// unreadable is the verdict on an object that could not be judged as a whole.
func unreadable(kind keys.Kind, target string, err error) keys.Verdict {
	var malformed *gitops.MalformedError
	var large *gitops.TooLargeError
	v := keys.NotChecked(kind, target, "The "+string(kind)+" was not checked: it is missing here or cannot be read.")
	switch {
	case errors.As(err, &malformed):
		v.Status, v.Reason = keys.StatusMalformed, "The "+string(kind)+" is damaged: "+malformed.Reason+"."
	case errors.As(err, &large):
		v.Reason = "The " + string(kind) + " was not checked: it is larger than bulla reads."
	}
	return v
}

// commitsAtOnce is how many commits are held in memory.
const commitsAtOnce = 256

// Commits judges the commits that the tags point to and hands over each row's verdicts, newest
// first. The error is ctx's, or that of reading the repository.
func (t *Timeline) Commits(ctx context.Context, emit func(Update)) error {
	defer t.cache.save()
	for from := 0; from < len(t.rows); from += commitsAtOnce {
		to := min(from+commitsAtOnce, len(t.rows))
		found, err := t.readCommits(ctx, from, to)
		if err != nil {
			return err
		}
		judge := func(i int) []keys.Verdict { return t.commit(t.rows[from+i].CommitID, found) }
		err = inOrder(ctx, to-from, t.workers, judge, func(i int, vs []keys.Verdict) {
			emit(Update{Index: from + i, Part: PartCommit, Verdicts: vs})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readCommits reads the commits of some rows that are not remembered.
func (t *Timeline) readCommits(ctx context.Context, from, to int) (map[string]gitops.CommitResult, error) {
	found := map[string]gitops.CommitResult{}
	var ids []string
	for _, r := range t.rows[from:to] {
		if _, asked := found[r.CommitID]; r.CommitID == "" || asked || t.cache.has("commit "+r.CommitID) {
			continue
		}
		found[r.CommitID] = gitops.CommitResult{}
		ids = append(ids, r.CommitID)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	commits, err := t.repo.Commits(ctx, ids)
	for _, c := range commits {
		found[c.ID] = c
	}
	return found, err
}

func (t *Timeline) commit(id string, found map[string]gitops.CommitResult) []keys.Verdict {
	if id == "" {
		return nil
	}
	key := "commit " + id
	if vs, ok := t.cache.get(key); ok {
		for k := range vs {
			vs[k].Target = id
		}
		return t.verifier.FinishCommit(id, vs)
	}
	c := found[id]
	if c.Problem != nil {
		return []keys.Verdict{unreadable(keys.KindCommit, id, c.Problem)}
	}
	j := t.verifier.CommitSignatures(id, c.Commit)
	t.cache.put(key, j)
	return t.verifier.FinishCommit(id, j.Verdicts)
}

// Message is the message of the i-th release's tag, without its signature: raw text.
func (t *Timeline) Message(ctx context.Context, i int) (string, error) {
	tag, err := t.repo.Tag(ctx, t.rows[i].Tag)
	if err != nil {
		return "", err
	}
	if tag.Lightweight && tag.CommitID != "" {
		c, err := t.repo.Commit(ctx, tag.CommitID)
		return c.Message, err
	}
	return tag.Message, tag.Problem
}
