package gitops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Tag is a tag of any kind. Text in it is raw: clean it before showing it.
type Tag struct {
	Name string // of the ref, without refs/tags/
	// ObjectID is what the ref points at: the tag object, or whatever a lightweight tag names.
	ObjectID string
	// TargetID and TargetType are what the tag object names, or a lightweight tag itself.
	TargetID, TargetType string
	// InnerName is the name written inside the tag object, "" for a lightweight tag. If it is
	// not Name, an old tag may be posing as a new one.
	InnerName string
	Tagger    Ident  // zero for lightweight and some very old tags
	Message   string // without the signature
	// Payload is what Signature signs. Signature is nil for an unsigned tag.
	Payload, Signature []byte
	Lightweight        bool
	CommitID           string // peeled through nested tags; "" for a tag of a tree or blob
	// Date is the tagger's date, else that of the peeled commit, else zero.
	Date time.Time
	// Problem says why the tag object cannot be used; nil for a sound one.
	Problem error
}

// Tags lists all tags, newest first by Date, then by name. A tag that cannot be read is listed
// with its Problem.
func (r *Repo) Tags(ctx context.Context) ([]Tag, error) {
	refs, err := r.bulk.tagRefs(ctx)
	if err != nil {
		return nil, err
	}
	tags, err := r.readTags(ctx, refs)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(tags, func(a, b Tag) int {
		return cmp.Or(b.Date.Compare(a.Date), cmp.Compare(b.Name, a.Name))
	})
	return tags, nil
}

// Tag reads one tag by its name. ErrNotFound if there is none.
func (r *Repo) Tag(ctx context.Context, name string) (Tag, error) {
	if f := refNameFault(name); f != "" {
		return Tag{}, fmt.Errorf("tag %q: %w", name, ErrNotFound)
	}
	id, err := r.own.ref(ctx, tagPrefix+name)
	if err != nil {
		return Tag{}, err
	}
	tags, err := r.readTags(ctx, []tagRef{{name: name, id: id}})
	if err != nil {
		return Tag{}, err
	}
	return tags[0], nil
}

// readTags reads the objects behind refs in few round trips: all tags, then what is nested in
// them, then the commits whose date stands in for a tagger's.
func (r *Repo) readTags(ctx context.Context, refs []tagRef) ([]Tag, error) {
	ids := make([]string, len(refs))
	for i, ref := range refs {
		ids[i] = ref.id
	}
	objects, err := r.bulk.objects(ctx, ids)
	if err != nil {
		return nil, err
	}
	tags := make([]Tag, len(refs))
	for i, o := range objects {
		tags[i] = describeTag(refs[i], o)
	}
	if err := r.peel(ctx, tags); err != nil {
		return nil, err
	}
	return tags, r.dateByCommit(ctx, tags)
}

// describeTag turns what a tag ref points at into a Tag, nothing peeled.
func describeTag(ref tagRef, o object) Tag {
	t := Tag{Name: ref.name, ObjectID: ref.id}
	switch {
	case o.typ == "":
		t.Problem = fmt.Errorf("object %s: %w", ref.id, ErrNotFound)
	case o.typ != "tag":
		t.Lightweight, t.TargetID, t.TargetType = true, o.id, o.typ
		if o.typ == "commit" {
			t.CommitID = o.id
			t.Date = committedAt(o.data)
		}
	case o.size > maxObject:
		t.Problem = &TooLargeError{What: "tag object " + ref.id, Size: o.size, Limit: maxObject}
	default:
		p, err := parseTag(o.id, o.data)
		t.TargetID, t.TargetType, t.InnerName, t.Tagger, t.Message = p.target, p.typ, p.name, p.tagger, p.message
		t.Payload, t.Signature, t.Problem, t.Date = p.payload, p.signature, err, p.tagger.When
		if p.typ == "commit" && err == nil {
			t.CommitID = p.target
		}
	}
	return t
}

// peel follows nested tags to their commits.
func (r *Repo) peel(ctx context.Context, tags []Tag) error {
	next := map[int]string{} // index of a tag → the tag object it has been followed to
	for i, t := range tags {
		if t.TargetType == "tag" && t.Problem == nil {
			next[i] = t.TargetID
		}
	}
	for depth := 0; len(next) > 0 && depth < maxNesting; depth++ {
		var where []int
		var ids []string
		for i, id := range next {
			where, ids = append(where, i), append(ids, id)
		}
		objects, err := r.bulk.objects(ctx, ids)
		if err != nil {
			return err
		}
		clear(next)
		for k, o := range objects {
			inner, err := parseTag(o.id, o.data)
			switch {
			case o.typ != "tag" || err != nil:
			case inner.typ == "tag":
				next[where[k]] = inner.target
			case inner.typ == "commit":
				tags[where[k]].CommitID = inner.target
			}
		}
	}
	return nil
}

// dateByCommit dates tags that have no tagger's date by their commits.
func (r *Repo) dateByCommit(ctx context.Context, tags []Tag) error {
	var where []int
	var ids []string
	for i, t := range tags {
		if t.Date.IsZero() && t.CommitID != "" && !t.Lightweight {
			where, ids = append(where, i), append(ids, t.CommitID)
		}
	}
	objects, err := r.bulk.objects(ctx, ids)
	if err != nil {
		return err
	}
	for k, o := range objects {
		tags[where[k]].Date = committedAt(o.data)
	}
	return nil
}

// committedAt is the committer's date of a commit object.
func committedAt(data []byte) time.Time {
	headers, _ := splitObject(data)
	for _, h := range headers {
		if h.key == "committer" {
			return parseIdent(h.value).When
		}
	}
	return time.Time{}
}

// TagSpec says what tag to make.
type TagSpec struct {
	Name   string
	Target string // any revision; "" for HEAD
	// Message loses lines that begin with the comment character, as git tag drops them, with -m too.
	Message string
	Tagger  Ident // as from Identity; the time's zone is kept
}

// TagPayload makes the bytes to be signed: byte for byte the tag object that git tag -s would
// sign. Errors: *TagNameError, *MessageError, *IdentityError, ErrNoCommits, ErrNotFound.
func (r *Repo) TagPayload(ctx context.Context, spec TagSpec) ([]byte, error) {
	if err := ValidTagName(spec.Name); err != nil {
		return nil, err
	}
	tagger, err := spec.Tagger.cleaned()
	if err != nil {
		return nil, err
	}
	cfg, err := r.config(ctx)
	if err != nil {
		return nil, err
	}
	message := cleanMessage(spec.Message, cfg.commentPrefix())
	if err := checkMessage(message); err != nil {
		return nil, err
	}
	id, typ, err := r.Resolve(ctx, spec.Target)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "object %s\ntype %s\ntag %s\ntagger %s\n\n%s", id, typ, spec.Name, tagger, message), nil
}

// CreateTag stores the tag object made of payload, from TagPayload, and its armored signature,
// and creates the ref. It never replaces a tag: *ExistsError. The tag it returns is read back
// from the repository. HEAD may have moved since TagPayload: what payload names is tagged.
func (r *Repo) CreateTag(ctx context.Context, spec TagSpec, payload, signature []byte) (Tag, error) {
	raw, err := r.assemble(spec.Name, payload, signature)
	if err != nil {
		return Tag{}, err
	}
	ref := tagPrefix + spec.Name
	if is, err := r.own.ref(ctx, ref); err == nil {
		return Tag{}, &ExistsError{Ref: ref, ID: is}
	} else if !errors.Is(err, ErrNotFound) {
		return Tag{}, err
	}
	t, _ := parseTag("", payload)
	target, err := r.bulk.objects(ctx, []string{t.target})
	if err != nil {
		return Tag{}, err
	}
	if target[0].typ != t.typ {
		return Tag{}, fmt.Errorf("the %s %s that is to be tagged: %w", t.typ, t.target, ErrNotFound)
	}
	id, err := r.own.writeTag(ctx, raw)
	if err != nil {
		return Tag{}, err
	}
	// From here on the tag may be there. Whoever cancels now is told what is true.
	sure := context.WithoutCancel(ctx)
	if err := r.own.createRef(ctx, ref, id); err != nil {
		if is, e := r.own.ref(sure, ref); ctx.Err() == nil || e != nil || is != id {
			return Tag{}, err
		}
	}
	made, err := r.Tag(sure, spec.Name)
	if err != nil {
		return Tag{}, err
	}
	if made.ObjectID != id || string(made.Payload)+string(made.Signature) != string(raw) {
		return Tag{}, fmt.Errorf("%s reads back differently from what was written", ref)
	}
	return made, nil
}

// assemble joins payload and signature after making sure that every reader will take them
// apart again at the same place.
func (r *Repo) assemble(name string, payload, signature []byte) ([]byte, error) {
	if err := ValidTagName(name); err != nil {
		return nil, err
	}
	raw := slices.Concat(payload, signature)
	if len(raw) > 0 && raw[len(raw)-1] != '\n' {
		raw = append(raw, '\n')
	}
	fault := func(reason string) error { return &MalformedError{ID: name, Type: "tag", Reason: reason} }
	t, err := parseTag(name, raw)
	switch {
	case err != nil:
		return nil, err
	case t.name != name:
		return nil, fault("the payload names another tag")
	case len(payload) == 0 || payload[len(payload)-1] != '\n' || string(t.payload) != string(payload),
		splitSignature(payload) < len(payload):
		return nil, fault("payload and signature cannot be told apart")
	case len(t.signature) == 0:
		return nil, fault("it has no signature")
	case len(raw) > maxObject:
		return nil, &TooLargeError{What: "the tag", Size: int64(len(raw)), Limit: maxObject}
	case (len(t.target) == 64) != (r.format == formatSHA256):
		return nil, fault("the object id is of another format than the repository's")
	}
	return raw, nil
}

// DeleteTag removes a tag that is still the object objectID: *MovedError if it is another by
// now, ErrNotFound if it is gone. The object itself stays until git collects garbage.
func (r *Repo) DeleteTag(ctx context.Context, name, objectID string) error {
	if f := refNameFault(name); f != "" || !isObjectID(objectID) {
		return fmt.Errorf("tag %q: %w", name, ErrNotFound)
	}
	return r.own.deleteRef(ctx, tagPrefix+name, objectID)
}
