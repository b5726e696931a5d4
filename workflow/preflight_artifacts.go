package workflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"bulla/artifacts"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/limits"
	"bulla/workflow/journal"
	"bulla/workflow/keychoice"
	"bulla/workflow/project"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// files: present, readable, in a folder that can take signatures, and the ones people expect.
func (x *examination) files(ctx context.Context) {
	list, ok := x.chosenFiles(ctx)
	if !ok {
		return
	}
	if len(list) == 0 {
		x.inform(RuleNoArtifacts, StepArtifacts, "No files are part of this release.", "name them with --artifact GLOB, or once and for all in bulla.toml")
		x.here("name them at Artifacts, or once and for all in bulla.toml")
	}
	x.place(list)
	x.readable(list)
	x.existing(ctx, list)
	x.signable()
	x.stale(ctx, list)
	x.compareWithLast(list)
}

// place settles the folder of the checksums and the record.
func (x *examination) place(list []artifacts.File) {
	x.plan.Dir = x.s.root()
	if len(list) == 0 {
		return
	}
	dir := artifacts.CommonDir(list)
	if top := dir == "" || filepath.Dir(dir) == dir; top && dir != x.plan.Dir {
		x.refuse(RuleArtifact, StepArtifacts, nil, "The artifacts have no folder in common that SHA256SUMS and the record could lie in.",
			"release files of one folder, or of folders in it")
	}
	x.plan.Dir = dir
}

func (x *examination) chosenFiles(ctx context.Context) ([]artifacts.File, bool) {
	if x.c.Files != nil {
		return x.c.Files, true
	}
	globs := x.c.Artifacts
	if globs == nil {
		globs = x.s.Config().Release.Artifacts
	}
	if len(globs) == 0 {
		return nil, true
	}
	list, err := artifacts.Find(ctx, x.s.root(), project.WithVersion(globs, x.plan.Version))
	if err == nil {
		return list, true
	}
	var none *artifacts.NoMatchError
	if errors.As(err, &none) {
		x.refuse(RuleNoArtifacts, StepArtifacts, err, fmt.Sprintf("No file matches %q in %s.", none.Glob, x.s.root()), "build the artifacts first, or correct the pattern")
	} else {
		x.refuse(RuleArtifact, StepArtifacts, err, "An artifact cannot be signed: "+err.Error()+".", artifactHint(err))
	}
	return nil, false
}

// artifactHint says what mends an artifact that cannot be signed.
func artifactHint(err error) string {
	var duplicate *artifacts.DuplicateNameError
	var irregular *artifacts.NotRegularError
	switch {
	case errors.As(err, &duplicate):
		return "the checksums and the record list files by name: rename one, or release them apart"
	case errors.As(err, &irregular):
		return "let the pattern match regular files alone"
	}
	return "correct the pattern, or the file"
}

func (x *examination) readable(list []artifacts.File) {
	for _, f := range list {
		r, _, err := limits.Open(f.Path)
		if err != nil {
			x.refuse(RuleArtifact, StepArtifacts, err, fmt.Sprintf("%s cannot be read: %v.", f.Name, rootCause(err)), "make it readable for you, or leave it out")
			continue
		}
		_ = r.Close()
	}
}

// rootCause is the system's own word for what went wrong with a path.
func rootCause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// signable: each folder that gets an output can be written to.
func (x *examination) signable() {
	for _, d := range x.plan.outputDirs() {
		if err := artifacts.CheckWritable(d); err != nil {
			x.refuse(RuleArtifact, StepArtifacts, err, fmt.Sprintf("Signatures cannot be written to %s: %v.", x.s.displayPath(d), rootCause(err)), "make the folder writable, or copy the artifacts elsewhere")
		}
	}
}

// existing: what stands where signatures, checksums and the record will go. A valid signature by
// the chosen key is kept; anything else needs --replace.
func (x *examination) existing(ctx context.Context, list []artifacts.File) {
	for _, f := range list {
		planned := PlannedFile{File: f, Existing: artifacts.StateNone}
		if x.plan.Key.Primary != "" {
			ring, err := keyringOf(x.plan.Key)
			if err == nil {
				var in artifacts.Inspection
				if in, err = artifacts.Inspect(ctx, f, x.plan.Key, ring, x.plan.Created); err == nil {
					planned.Existing = in.State
				}
			}
			var long *artifacts.NameTooLongError
			switch {
			case errors.As(err, &long) && x.plan.ChecksumsOnly: // none is made
			case errors.As(err, &long):
				x.refuse(RuleArtifact, StepArtifacts, err, fmt.Sprintf("The name of %s is too long: .asc does not fit behind it.", f.Name), "give it a shorter name, or sign SHA256SUMS alone with --checksums-only")
				x.here("give it a shorter name, or let SHA256SUMS alone be signed")
			case err != nil:
				x.refuse(RuleArtifact, StepArtifacts, err, fmt.Sprintf("The signature beside %s cannot be read: %v.", f.Name, rootCause(err)), "")
			}
		}
		x.plan.Files = append(x.plan.Files, planned)
		x.existingSignature(planned)
	}
	x.existingLists(ctx)
}

func (x *examination) existingSignature(f PlannedFile) {
	if x.c.Replace && !x.plan.ChecksumsOnly {
		return
	}
	var what string
	switch f.Existing {
	case artifacts.StateNone, artifacts.StateValid:
		return
	case artifacts.StateStale:
		what = "was made by this key over other content"
	case artifacts.StateForeign:
		what = "is by another key"
	default:
		what = "cannot be read as a signature"
	}
	if x.plan.ChecksumsOnly { // none is made that could replace it, and the check would find it
		x.refuse(RuleArtifact, StepArtifacts, nil, fmt.Sprintf("%s.asc exists and %s, and where the checksums alone are signed none is made in its place.", f.Name, what),
			"look at it, then remove it, or let every file be signed")
		return
	}
	x.refuse(RuleSignatureExists, StepArtifacts, nil, fmt.Sprintf("%s.asc exists and %s.", f.Name, what), "look at it, then remove it or allow --replace")
	x.here("look at it, then remove it or let it be replaced")
}

// existingLists looks at the checksums, the record and their signatures. Checksums that already
// say what this release would write are kept, with a signature by the chosen key over them.
func (x *examination) existingLists(ctx context.Context) {
	if x.c.Replace {
		for _, path := range existing(x.plan.lists()) {
			x.plan.Replaced = append(x.plan.Replaced, filepath.Base(path))
		}
		return
	}
	tag, ofTag := x.formerRelease()
	var former []string
	for _, path := range append(x.plan.checksumLists(), x.plan.recordPath()) {
		same := exists(path) && x.sameChecksums(ctx, path)
		var there []string
		if exists(path) && !same {
			there = append(there, x.s.displayPath(path))
		}
		if exists(path+".asc") && !(same && x.signsOwn(path)) {
			there = append(there, x.s.displayPath(path+".asc"))
		}
		if ofTag[path] {
			former = append(former, there...)
			continue
		}
		for _, name := range there {
			x.refuse(RuleSignatureExists, StepArtifacts, nil, name+" exists already, and it is not this release's.", "look at it, then remove it or allow --replace")
			x.here("look at it, then remove it or let it be replaced")
		}
	}
	if len(former) > 0 {
		x.refuse(RuleSignatureExists, StepArtifacts, nil, fmt.Sprintf("There are files of the release %s already, as its record tells: %s.", tag, firstOf(former, 4)),
			"keep a copy of them if these are the only ones, then remove them or allow --replace")
		x.here("keep a copy of them if these are the only ones; then they can be replaced")
	}
}

// formerRelease reads the record that stands where the new one will: its tag, and which of the lists
// and records here are that release's. A list is if it has the digests of the record.
func (x *examination) formerRelease() (tag string, of map[string]bool) {
	data, err := limits.ReadIfThere(x.plan.recordPath(), record.MaxSize)
	if err != nil {
		return "", nil // told as any other file
	}
	rec, err := record.Parse(data)
	if err != nil {
		return "", nil
	}
	of = map[string]bool{x.plan.recordPath(): true}
	for _, path := range x.plan.checksumLists() {
		of[path] = recordHas(rec, path)
	}
	return rec.Predicate.Tag.Name, of
}

// recordHas reports whether the record has every digest that the checksums file at path lists.
func recordHas(rec record.Statement, path string) bool {
	data, err := limits.ReadIfThere(path, 4<<20)
	if err != nil {
		return false
	}
	sums, err := artifacts.ParseChecksums(bytes.NewReader(data))
	if err != nil {
		return false
	}
	algorithm := "sha256"
	if filepath.Base(path) == artifacts.SHA512Name {
		algorithm = "sha512"
	}
	for _, s := range sums {
		if d, ok := rec.DigestOf(s.Name, algorithm); !ok || d != s.Digest {
			return false
		}
	}
	return len(sums) > 0
}

// signsOwn reports whether the signature beside a checksums file is the chosen key's and good.
func (x *examination) signsOwn(path string) bool {
	ring, err := keyringOf(x.plan.Key)
	if err != nil {
		return false
	}
	data, err := limits.ReadIfThere(path, record.MaxSize)
	if err != nil {
		return false
	}
	sig, err := limits.ReadIfThere(path+".asc", 1<<20)
	if err != nil {
		return false
	}
	j := &keys.Judge{Keyring: ring, Now: x.plan.Created.Add(verify.ClockSlack)}
	for _, v := range verify.JudgeBytes(j, keys.KindChecksum, path, data, sig, time.Time{}) {
		if v.OK(true) && v.Signer != nil && v.Signer.Fingerprint == x.plan.Key.Fingerprint {
			return true
		}
	}
	return false
}

// sameChecksums reports whether the checksums file at path names exactly the planned files with
// the digests they have now. Reading them once more is the price of knowing before anything is
// done; it is paid only where such a file lies there already.
func (x *examination) sameChecksums(ctx context.Context, path string) bool {
	if filepath.Base(path) == record.Name {
		return false
	}
	data, err := limits.ReadIfThere(path, 4<<20)
	if err != nil {
		return false
	}
	sums, err := artifacts.ParseChecksums(bytes.NewReader(data))
	if err != nil || len(sums) != len(x.plan.Files) {
		return false
	}
	byName := map[string]string{}
	for _, s := range sums {
		byName[s.Name] = s.Digest
	}
	for _, f := range x.plan.Files {
		rel, err := filepath.Rel(x.plan.Dir, f.Path)
		if err != nil {
			return false
		}
		d, err := artifacts.Digest(ctx, f.Path, filepath.Base(path) == "SHA512SUMS")
		if err != nil || byName[filepath.ToSlash(rel)] != d {
			return false
		}
	}
	return true
}

var digits = regexp.MustCompile(`[0-9]+`)

// shapeOf replaces the version and every number in a name, so that the files of two releases
// can be compared.
func shapeOf(name, version string) string {
	if version != "" {
		name = strings.ReplaceAll(name, version, "#")
	}
	return digits.ReplaceAllString(name, "#")
}

// stale warns of a file that is older than the commit it should have been built from.
func (x *examination) stale(ctx context.Context, list []artifacts.File) {
	head := x.state.Head.Committer.When
	if head.IsZero() || !slices.ContainsFunc(list, func(f artifacts.File) bool { return f.ModTime.Before(head) }) {
		return
	}
	built := x.lastBuilt(ctx)
	for _, f := range list {
		if f.ModTime.Before(built) {
			x.warn(RuleArtifactStale, StepArtifacts, fmt.Sprintf("%s is older than the commit to be released (%s).", f.Name, f.ModTime.Format("2 January 2006 15:04")), "was it built from this commit?")
		}
	}
}

// maxSettings is how many commits to bulla's own files alone are passed over at most.
const maxSettings = 10

// lastBuilt is when the newest commit was made that a build could tell from its predecessor: one that
// changes bulla's own files alone changes nothing that is built. What cannot be read ends the search.
func (x *examination) lastBuilt(ctx context.Context) time.Time {
	c := x.state.Head
	tree, err := x.s.repo.Tree(ctx, c.ID)
	for range maxSettings {
		if err != nil || len(c.Parents) != 1 {
			break
		}
		parent, perr := x.s.repo.Commit(ctx, c.Parents[0])
		if perr != nil {
			break
		}
		var before []gitops.TreeEntry
		if before, err = x.s.repo.Tree(ctx, parent.ID); err != nil || !sameSources(before, tree) {
			break
		}
		c, tree = parent, before
	}
	return c.Committer.When
}

// sameSources reports whether two trees differ in nothing but the files that bulla reads: its
// configuration, the keys and what lies in .bulla.
func sameSources(a, b []gitops.TreeEntry) bool {
	settings := func(e gitops.TreeEntry) bool {
		return e.Path == project.ConfigName || e.Path == PublicKeysName || strings.HasPrefix(e.Path, ".bulla/")
	}
	return slices.Equal(slices.DeleteFunc(slices.Clone(a), settings), slices.DeleteFunc(slices.Clone(b), settings))
}

// compareWithLast warns when a kind of file of the last release is missing.
func (x *examination) compareWithLast(list []artifacts.File) {
	have := map[string]bool{}
	for _, f := range list {
		have[shapeOf(f.Base(), x.plan.Version)] = true
	}
	last, ok := journal.Last[*Plan](x.s.state.CommonDir)
	if !ok || len(list) == 0 || x.plan.Version == "" {
		return // without a version nobody knows which part of a name is one
	}
	var missing []string
	for _, f := range last.Files {
		if !have[shapeOf(f.Base(), last.Version)] {
			missing = append(missing, f.Base())
		}
	}
	if len(missing) > 0 {
		x.warn(RuleArtifactSet, StepArtifacts, fmt.Sprintf("The release of %s had files that this one has no counterpart for: %s.", last.Tag, firstOf(missing, 3)), "is a build missing?")
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// cost warns of many slow signatures.
func (x *examination) cost(ctx context.Context) {
	fresh := 0
	for _, f := range x.plan.Files {
		if f.Existing != artifacts.StateValid {
			fresh++
		}
	}
	if x.plan.ChecksumsOnly {
		return
	}
	if f, ok := keychoice.Cost(ctx, x.s.world, x.plan.Key, fresh); ok {
		x.add(Finding{f, StepArtifacts})
	}
}
