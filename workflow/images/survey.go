package images

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
)

const (
	// workers is how many tags are looked at at the same time; the client bounds the requests.
	workers = 8
	// maxStrays is how many signed digests that no tag names are looked at.
	maxStrays = 200
	// patience is how many failures in a row, of a kind that may pass, end the asking.
	patience = 10
)

// ErrGaveUp marks tags that were not looked at, since the registry had stopped answering.
var ErrGaveUp = errors.New("not asked: the registry had stopped answering")

// ErrOffline says that the network was not to be used.
var ErrOffline = errors.New("the network was not to be used")

// Survey is a look at all tags of a repository.
type Survey struct {
	repository docker.Repository
	verifier   *verify.Verifier
	repo       *docker.Repo
	client     *docker.Client
	tags       docker.Tags
	rule       policy.ImageRule
	pinned     bool // the root was named beforehand
	options    Options
	trust      TrustData // nil where it says nothing or was not asked
	trustErr   error

	waits atomic.Bool // only the trust server is waited for

	mu       sync.Mutex
	seen     map[string]*inspection // by digest
	failures int                    // in a row
	strays   []Tag
	recorded []verify.RecordedImage // of this repository, once they were looked for
}

// inspection is what lies beside one digest, read once for all tags that name it.
type inspection struct {
	once   sync.Once
	report cosign.Report
	err    error
}

// Open lists the tags of a repository. Errors are *docker.RegistryError and ErrOffline.
func Open(ctx context.Context, v *verify.Verifier, repository docker.Repository, o Options) (*Survey, error) {
	client := v.Registry()
	if client == nil {
		return nil, ErrOffline
	}
	s := newSurvey(v, client, repository, o)
	tags, err := client.In(repository).Tags(ctx)
	if err != nil {
		return nil, err
	}
	s.tags = tags
	s.repo = client.In(repository).Knowing(tags)
	return s, ctx.Err()
}

func newSurvey(v *verify.Verifier, client *docker.Client, repository docker.Repository, o Options) *Survey {
	s := &Survey{repository: repository, verifier: v, client: client, repo: client.In(repository), options: o, seen: map[string]*inspection{}}
	rule, _ := v.Policy().Policy.ImageRule(repository)
	s.rule = o.before(rule)
	s.pinned = len(s.rule.Roots) > 0 || !o.FirstUse
	return s
}

// Repository is where the tags lie.
func (s *Survey) Repository() docker.Repository { return s.repository }

// Names are the tags, in the registry's order; signatures' own are left out.
func (s *Survey) Names() []string { return slices.Clone(s.tags.Images) }

// Truncated reports whether the repository has more tags than are listed.
func (s *Survey) Truncated() bool { return s.tags.Truncated }

// TrustProblem says why Content Trust could not be asked, or nil. It is known once Judge has ended.
func (s *Survey) TrustProblem() error { return s.trustErr }

// Waits reports whether Judge has heard of the registry all there is, and waits for the trust server now.
func (s *Survey) Waits() bool { return s.waits.Load() }

// Strays are signed digests that no tag names, known once Judge has ended. Only registries that
// keep no list of referrers show them: there the signatures' own tags do.
func (s *Survey) Strays() []Tag { return slices.Clone(s.strays) }

// Judge looks at every tag and calls emit with its place in Names, in any order, one call at a
// time. Tags that turn out to have moved are emitted again. What could not be read is a Tag with
// an error; Judge's own error is that of ctx.
//
// The trust server is asked meanwhile, and waited for no longer than listPatience. What needs no
// answer of it is emitted at once, and again where it adds something.
func (s *Survey) Judge(ctx context.Context, emit func(int, Tag)) error {
	list := make([]Tag, len(s.tags.Images))
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		ctx, cancel := context.WithTimeout(ctx, listPatience)
		defer cancel()
		s.readTrust(ctx)
	}()
	s.judgeAll(ctx, list, asked, emit)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.findStrays(ctx, list)
	s.findRecorded(ctx, list)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i := range list {
		before := list[i]
		if s.settleMoves(&list[i]); list[i].Blind || len(list[i].Moved) > len(before.Moved) {
			emit(i, list[i])
		}
	}
	return nil
}

// judgeAll fills list, and returns once the trust server was asked.
func (s *Survey) judgeAll(ctx context.Context, list []Tag, asked <-chan struct{}, emit func(int, Tag)) {
	var one sync.Mutex
	waiting := make([]bool, len(list))
	forEach(ctx, len(list), func(i int) {
		t := s.find(ctx, s.tags.Images[i])
		if ctx.Err() != nil {
			return
		}
		one.Lock()
		defer one.Unlock()
		list[i] = t
		select {
		case <-asked:
			s.judge(&list[i])
			emit(i, list[i])
		default:
			waiting[i] = true
			if s.judgeCosign(&t); t.Err != nil || t.Verdict().OK(false) {
				emit(i, t)
			}
		}
	})
	s.waits.Store(true)
	<-asked
	s.waits.Store(false)
	for i := range list {
		if waiting[i] && ctx.Err() == nil {
			s.judge(&list[i])
			emit(i, list[i])
		}
	}
}

// listPatience bounds how long a list waits for a trust server: the rest of it says enough alone.
const listPatience = Patience

// settleMoves fills in what is known of former digests of a tag, once everything was looked at.
func (s *Survey) settleMoves(t *Tag) {
	for _, m := range s.movesOf(*t) {
		t.addMove(m)
	}
	t.Blind = t.Err == nil && len(t.Moved) == 0 && t.Reference.Tag() != "" && !t.Cosign.Sound() && !t.Trust.Sound() &&
		t.Cosign.API && len(s.recordedAs(*t)) == 0
}

// forEach calls f for 0 to n-1, several at a time, until ctx ends.
func forEach(ctx context.Context, n int, f func(int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, workers) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
}

// find finds out about one tag, and judges nothing.
func (s *Survey) find(ctx context.Context, name string) Tag {
	ref, err := s.repository.WithTag(name)
	if err != nil {
		return Tag{Reference: ref, Err: err}
	}
	return s.lookAt(ctx, ref)
}

// lookAt finds out about one reference, without Content Trust.
func (s *Survey) lookAt(ctx context.Context, ref docker.Reference) Tag {
	t := Tag{Reference: ref}
	if s.gaveUp() {
		t.Err = ErrGaveUp
		return t
	}
	t.Image, t.Err = s.client.Resolve(ctx, ref)
	if t.Err == nil {
		t.Cosign, t.Err = s.inspect(ctx, t.Image.Digest)
	}
	s.count(t.Err)
	if t.Err != nil {
		return t
	}
	if t.Image.Index && t.Cosign.Sound() {
		t.Children = s.children(ctx, t.Image)
	}
	return t
}

// children looks whether the images of a signed index are signed on their own.
func (s *Survey) children(ctx context.Context, img docker.Image) []Child {
	out := make([]Child, 0, len(img.Children))
	for _, c := range img.Children {
		if c.Platform == "" {
			continue // an attestation of the build tool: nobody pulls it
		}
		r, err := s.inspect(ctx, c.Digest)
		out = append(out, Child{Child: c, Signed: err == nil && r.Sound(), Err: err})
	}
	return out
}

func (s *Survey) inspect(ctx context.Context, digest string) (cosign.Report, error) {
	s.mu.Lock()
	x := s.seen[digest]
	if x == nil {
		x = &inspection{}
		s.seen[digest] = x
	}
	s.mu.Unlock()
	x.once.Do(func() { x.report, x.err = cosign.Inspect(ctx, s.repo, digest, s.verifier.ImageKeys()) })
	return x.report, x.err
}

// count keeps track of a registry that has stopped answering.
func (s *Survey) count(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var re *docker.RegistryError
	if errors.As(err, &re) && re.Temporary() {
		s.failures++
	} else {
		s.failures = 0
	}
}

func (s *Survey) gaveUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures >= patience
}

// reason words an error for a verdict, without what a registry said.
func reason(err error) string {
	var re *docker.RegistryError
	switch {
	case errors.Is(err, ErrGaveUp):
		return "Not asked: the registry had stopped answering."
	case errors.As(err, &re):
		return re.Sentence()
	}
	return "It could not be read."
}

// findStrays looks at signed digests that no tag names, nor an index that a tag names.
func (s *Survey) findStrays(ctx context.Context, list []Tag) {
	named := map[string]bool{}
	for _, t := range list {
		if t.Err != nil {
			// What this tag names is not known: nothing may be called a stray.
			return
		}
		named[t.Image.Digest] = true
		for _, c := range t.Image.Children {
			named[c.Digest] = true
		}
	}
	var digests []string
	for _, d := range s.tags.Signed {
		if !named[d] && len(digests) < maxStrays {
			digests = append(digests, d)
		}
	}
	found := make([]Tag, len(digests))
	forEach(ctx, len(digests), func(i int) {
		ref, err := s.repository.WithDigest(digests[i])
		if err != nil {
			return
		}
		t := Tag{Reference: ref, Image: docker.Image{Reference: ref, Digest: digests[i]}}
		t.Cosign, t.Err = s.inspect(ctx, digests[i])
		s.judge(&t)
		found[i] = t
	})
	if ctx.Err() != nil {
		return
	}
	for _, t := range found {
		if len(t.Cosign.Signatures) > 0 { // other attachments name a digest too
			s.strays = append(s.strays, t)
		}
	}
}

// findRecorded looks for records of releases that name an image of a tag that is not signed where it is, and
// reads what lies beside the digests in them.
func (s *Survey) findRecorded(ctx context.Context, list []Tag) {
	wanted := func(t Tag) bool { return t.Err == nil && !t.signedHere() && t.Reference.Tag() != "" }
	if !slices.ContainsFunc(list, wanted) {
		return
	}
	all, err := s.verifier.RecordedImages(ctx)
	if err != nil {
		return // of ctx
	}
	for _, r := range all {
		if r.Reference.Repository().String() == s.repository.String() {
			s.recorded = append(s.recorded, r)
		}
	}
	var digests []string
	for _, t := range list {
		for _, r := range s.recordedAs(t) {
			if wanted(t) && r.Digest != t.Image.Digest && !slices.Contains(digests, r.Digest) {
				digests = append(digests, r.Digest)
			}
		}
	}
	forEach(ctx, len(digests), func(i int) { _, _ = s.inspect(ctx, digests[i]) }) // what is not there says nothing
}

// recordedAs is what records say of a tag.
func (s *Survey) recordedAs(t Tag) (out []verify.RecordedImage) {
	for _, r := range s.recorded {
		if r.Reference.Tag() == t.Reference.Tag() {
			out = append(out, r)
		}
	}
	return out
}

// addMove adds what is known of a former digest, each of which is told of once: it may be signed in two
// forms, by several keys, and in Content Trust.
func (t *Tag) addMove(m Move) {
	i := slices.IndexFunc(t.Moved, func(x Move) bool { return x.From == m.From })
	if i < 0 {
		t.Moved = append(t.Moved, m)
	} else if known := &t.Moved[i]; known.SignedAt.IsZero() {
		known.By, known.SignedAt = m.By, m.SignedAt
	}
}

// movesOf are the digests that were signed under the name of a tag which is not signed where it is now.
func (s *Survey) movesOf(t Tag) (out []Move) {
	if t.Err != nil || t.signedHere() || t.Reference.Tag() == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, digest := range slices.Sorted(maps.Keys(s.seen)) {
		for _, sig := range s.seen[digest].report.Signatures {
			if digest != t.Image.Digest && sig.Status.Sound() && sig.Tag == t.Reference.Tag() {
				out = append(out, Move{From: digest, By: sig.Signer.Fingerprint, SignedAt: sig.Claim.SignedAt, System: policy.SystemCosign})
			}
		}
	}
	for _, r := range s.recordedAs(t) {
		known := func(m Move) bool { return m.From == r.Digest }
		if r.Digest != t.Image.Digest && !slices.ContainsFunc(out, known) && !slices.ContainsFunc(t.Moved, known) {
			out = append(out, Move{From: r.Digest, By: r.Signer, SignedAt: r.On, Release: r.Release})
		}
	}
	return out
}
