package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/limits"
	"bulla/workflow/project"
	"bulla/workflow/record"
)

// Options says with which keys, and as of when, a Verifier judges.
type Options struct {
	// Dir is where the repository is looked for; none there is no error.
	Dir string
	// Keys are files with public keys to add; OnlyKeys forbids all others.
	Keys     []string
	OnlyKeys bool
	// Revoked are files that list revoked SSH keys (keys.ReadRevocations). Without OnlyKeys the one
	// that git's configuration names counts too.
	Revoked []string
	// Signature names the signature file of a single file target; "" looks beside it.
	Signature string
	// At judges as if it were this time; zero for now.
	At time.Time
	// Offline forbids every network access; images are then not checked.
	Offline bool
	// Former finds the digests that a tag was signed over before, of an image for which nothing
	// vouches now; nil looks for none.
	Former func(context.Context, *Verifier, docker.Reference) []string
	// Policy says by which policy signers are trusted.
	Policy PolicyOptions
}

// Verifier judges tags, commits, files, checksums, records and images with one set of public
// keys. It changes nothing.
type Verifier struct {
	judge     *keys.Judge
	repo      *gitops.Repo // nil outside a repository
	root      string       // of the repository, "" outside
	commonDir string       // its git directory, "" outside
	config    project.Config
	world     World
	imageKeys []cosign.PublicKey
	trust     PolicyState
	onlyKeys  bool
	signature string
	offline   bool
	former    func(context.Context, *Verifier, docker.Reference) []string
	problems  []error
	progress  func(item string, i, n int)
}

// World is what a Verifier takes from outside of the repository.
type World struct {
	// Git is how repositories are opened.
	Git gitops.Options
	// Keyring gathers the public keys at hand: bulla's, GnuPG's, and those that the repository at
	// root publishes. The errors are keyrings that could not be read.
	Keyring func(ctx context.Context, root string) (*keys.Keyring, []error)
	// ImageKeys is the folder of bulla's own image keys.
	ImageKeys string
	// ReleasedIn is the folder that a finished release of a tag put its record in, "" where no
	// release of it was made in the repository with that git directory.
	ReleasedIn func(gitDir, tag string) string
	// Registry is asked about images, and TrustClient makes a client of a trust server.
	Registry    *docker.Client
	TrustClient func(server string) *dct.Client
	// Now is the clock.
	Now func() time.Time
}

// errNoKeysNamed says why no signature can be proved.
var errNoKeysNamed = errors.New("there is no public key to judge by: only named ones count, and none is named")

// New gathers the keys. A named key file that cannot be read is an error; one without a
// key in it, and problems of keyrings nobody named, are kept in Problems.
func New(ctx context.Context, w World, o Options) (*Verifier, error) {
	v := &Verifier{world: w, signature: o.Signature, offline: o.Offline, former: o.Former, progress: func(string, int, int) {}}
	v.onlyKeys = o.OnlyKeys
	if err := v.openRepository(ctx, o.Dir); err != nil {
		return nil, err
	}
	var err error
	if v.trust, err = ReadPolicy(ctx, v.repo, v.root, o.Policy); err != nil {
		return nil, err
	}
	var rings []*keys.Keyring
	for _, path := range o.Keys {
		ring, err := v.keyFile(path)
		if err != nil {
			return nil, err
		}
		rings = append(rings, ring)
	}
	revoked, err := v.revocations(ctx, o)
	if err != nil {
		return nil, err
	}
	rings = append(rings, revoked...)
	if !o.OnlyKeys {
		ring, problems := w.Keyring(ctx, v.root)
		rings = append(rings, ring)
		v.problems = append(v.problems, problems...)
		rings = append(rings, v.policyKeyring(), v.gitSigners(ctx))
		v.ownImageKeys()
	}
	if o.OnlyKeys && len(o.Keys) == 0 {
		v.problems = append(v.problems, errNoKeysNamed)
	}
	now := o.At
	if now.IsZero() {
		now = w.Now().Add(ClockSlack)
	}
	v.judge = &keys.Judge{Keyring: keys.MergeKeyrings(rings...), Now: now}
	if err := v.followPolicy(ctx, o.Policy); err != nil {
		return nil, err
	}
	return v, nil
}

// Stranger is a Verifier of what a release has just made: with the signer's public keys alone, by a
// policy that was read.
type Stranger struct {
	World     World
	Repo      *gitops.Repo
	Config    project.Config
	Keys      *keys.Keyring
	ImageKeys []cosign.PublicKey
	Policy    PolicyState
	// Progress hears which of n things is looked at.
	Progress func(item string, i, n int)
}

// Verifier judges as s does.
func (s Stranger) Verifier() *Verifier {
	return &Verifier{
		judge: &keys.Judge{Keyring: s.Keys, Now: s.World.Now().Add(ClockSlack)}, repo: s.Repo, config: s.Config,
		world: s.World, imageKeys: s.ImageKeys, trust: s.Policy, progress: s.Progress,
	}
}

// WithKeys is the Verifier with more public keys, as those that World.Fetch finds for MissingKey. The
// policy is not followed again.
func (v *Verifier) WithKeys(ring *keys.Keyring) *Verifier {
	out := *v
	out.judge = &keys.Judge{Keyring: keys.MergeKeyrings(v.judge.Keyring, ring), Now: v.judge.Now}
	return &out
}

func (v *Verifier) openRepository(ctx context.Context, dir string) error {
	o := v.world.Git
	o.ReadOnly = true
	repo, err := gitops.OpenWith(ctx, dir, o)
	if errors.Is(err, gitops.ErrNotRepository) {
		return nil
	}
	if err != nil {
		return err
	}
	v.repo, v.root, v.commonDir = repo, repo.Root(), repo.CommonDir()
	if v.root == "" {
		return nil
	}
	v.config, err = project.ReadConfig(v.root)
	return err
}

// keyFile reads an OpenPGP keyring, git's allowed_signers, or a PEM public key for images.
func (v *Verifier) keyFile(path string) (*keys.Keyring, error) {
	data, err := limits.ReadNamed(path, keys.MaxKeyringBytes)
	if err != nil {
		return nil, err
	}
	if pub, err := cosign.ParsePublicKey(data); err == nil {
		v.imageKeys = append(v.imageKeys, pub)
		return nil, nil
	}
	ring, err := keys.ReadKeyring(data, keys.SourceFile)
	switch {
	case errors.Is(err, keys.ErrNoKeys), err == nil && ring.Len() == 0:
		// No key is one key too few, never too many: the verdicts say which one is missing.
		v.problems = append(v.problems, fmt.Errorf("%s: %w", path, keys.ErrNoKeys))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ring, nil
}

// revocations reads the lists of revoked SSH keys. One that cannot be read is an error, whoever
// named it: what it revokes would pass.
func (v *Verifier) revocations(ctx context.Context, o Options) (rings []*keys.Keyring, err error) {
	paths := o.Revoked
	if !o.OnlyKeys && v.repo != nil {
		if cfg, err := v.repo.SigningConfig(ctx); err == nil && cfg.Revoked != "" {
			paths = append(paths[:len(paths):len(paths)], v.besideGit(cfg.Revoked))
		}
	}
	for _, path := range paths {
		data, err := limits.ReadNamed(path, keys.MaxRevocationBytes)
		if err != nil {
			return nil, err
		}
		ring, err := keys.ReadRevocations(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		rings = append(rings, ring)
	}
	return rings, nil
}

// gitSigners are the SSH keys in the allowed_signers file that git's configuration names.
func (v *Verifier) gitSigners(ctx context.Context) *keys.Keyring {
	if v.repo == nil {
		return nil
	}
	cfg, err := v.repo.SigningConfig(ctx)
	if err != nil || cfg.AllowedSigners == "" {
		return nil
	}
	data, err := limits.ReadIfThere(v.besideGit(cfg.AllowedSigners), keys.MaxKeyringBytes)
	if err == nil && len(data) > 0 {
		var ring *keys.Keyring
		if ring, err = keys.ReadKeyring(data, keys.SourceFile); err == nil {
			return ring
		}
	}
	if err != nil {
		v.problems = append(v.problems, fmt.Errorf("%s: %w", cfg.AllowedSigners, err))
	}
	return nil
}

// besideGit resolves a relative path in git's configuration against the root of the repository,
// where git looks for it.
func (v *Verifier) besideGit(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(cmp.Or(v.root, v.commonDir), path)
}

// ownImageKeys adds the public halves of image keys that bulla made, and of the configured one.
func (v *Verifier) ownImageKeys() {
	paths, _ := filepath.Glob(filepath.Join(v.world.ImageKeys, "*.pub")) // the pattern is well formed
	if k := v.config.Release.ImageKey; k != "" {
		if !filepath.IsAbs(k) {
			k = filepath.Join(v.root, k)
		}
		paths = append(paths, strings.TrimSuffix(k, ".key")+".pub")
	}
	for _, p := range paths {
		data, err := limits.ReadIfThere(p, 1<<20)
		if err != nil || len(data) == 0 {
			continue
		}
		if pub, err := cosign.ParsePublicKey(data); err == nil {
			v.imageKeys = append(v.imageKeys, pub)
		}
	}
}

// Problems are keyrings that could not be read and keys in them that could not be.
func (v *Verifier) Problems() []error { return append(v.problems, v.judge.Keyring.Unread()...) }

// Verify judges each target. Its error is one of usage: a target that fits nothing, or several
// things at once; everything else is a verdict.
func (v *Verifier) Verify(ctx context.Context, targets []string) ([]keys.Verdict, error) {
	var found []target
	for _, text := range targets {
		t, err := v.resolve(ctx, text)
		if err != nil {
			return nil, err
		}
		found = append(found, t)
	}
	if v.signature != "" && (len(found) != 1 || found[0].kind != targetFile || isFolder(found[0].name)) {
		return nil, &TargetError{Text: v.signature, Reason: "a signature file can be named for one single file"}
	}
	var out []keys.Verdict
	for _, t := range found {
		vs, err := v.verify(ctx, t)
		out = append(out, vs...)
		if err != nil {
			return out, err
		}
	}
	return out, ctx.Err()
}

func (v *Verifier) verify(ctx context.Context, t target) ([]keys.Verdict, error) {
	switch t.kind {
	case targetTag:
		return v.tag(ctx, t.name)
	case targetCommit:
		return v.commit(ctx, t.name)
	case targetImage:
		vs, _, err := v.image(ctx, t.name, v.imageKeys)
		return vs, err
	}
	if isFolder(t.name) {
		return v.folder(ctx, t.name)
	}
	return v.file(ctx, t.name)
}

func (v *Verifier) tag(ctx context.Context, name string) ([]keys.Verdict, error) {
	tag, err := v.repo.Tag(ctx, name)
	if err != nil {
		return []keys.Verdict{keys.NotChecked(keys.KindTag, name, "The tag cannot be read: "+err.Error())}, nil
	}
	return v.decideOne(JudgeTag(v.judge, tag), tag.ObjectID), nil
}

func (v *Verifier) commit(ctx context.Context, rev string) ([]keys.Verdict, error) {
	c, err := v.repo.Commit(ctx, rev)
	if err != nil {
		return []keys.Verdict{keys.NotChecked(keys.KindCommit, rev, "The commit cannot be read: "+err.Error())}, nil
	}
	return v.decideOne(judgeCommit(v.judge, rev, c), c.ID), nil
}

// image judges an image's signatures with the keys given, over the digest that the reference
// points to now. It returns that digest too, "" where the registry could not be asked.
func (v *Verifier) image(ctx context.Context, text string, pubs []cosign.PublicKey) (vs []keys.Verdict, digest string, err error) {
	img, problem, err := v.resolveImage(ctx, text)
	switch {
	case err != nil:
		return nil, "", err
	case problem != nil:
		return []keys.Verdict{*problem}, "", nil
	}
	vs, as := v.judgeImage(ctx, text, img, pubs)
	vs = v.decideOne(vs, img.Digest)
	if as.Renamed(img.Reference.Tag()) {
		noteOtherTag(vs, as.SignedAs(), img.Reference.Tag())
	}
	return v.withFormer(ctx, img, vs), img.Digest, nil
}

// FindingOtherTag is the finding, in keys.Verdict.Weak, that an image's sound signatures name other tags
// than the one that it was asked for under.
const FindingOtherTag = "signed under another tag"

// noteOtherTag adds that finding to the sound verdicts. They stay as they are: a signature of cosign
// covers the digest alone, and a digest may have several tags.
func noteOtherTag(vs []keys.Verdict, as []string, tag string) {
	for i := range vs {
		if vs[i].Status.Sound() {
			vs[i].Weak = append(slices.Clone(vs[i].Weak), FindingOtherTag)
			vs[i].Reason += " " + OtherTag(as, tag)
		}
	}
}

// OtherTag says that an image was signed as other tags than tag. It may quote text from outside.
func OtherTag(as []string, tag string) string {
	return fmt.Sprintf("It was signed as %s, not as %s: an older version may be posing as this one.", strings.Join(as, ", "), tag)
}

// withFormer adds to the verdict on an image that nothing vouches for what its tag was signed over
// before.
func (v *Verifier) withFormer(ctx context.Context, img docker.Image, vs []keys.Verdict) []keys.Verdict {
	passes := func(x keys.Verdict) bool { return x.OK(false) || x.Status == keys.StatusNotChecked }
	if v.former == nil || img.Reference.Tag() == "" || len(vs) == 0 || slices.ContainsFunc(vs, passes) {
		return vs
	}
	for _, digest := range v.former(ctx, v, img.Reference) {
		vs[0].Reason += " It was signed over " + digest + " before, and points to " + img.Digest + " now."
	}
	return vs
}

// resolveImage finds what a reference points to now. A problem is the verdict on an image that the
// registry did not give; the error is a *TargetError.
func (v *Verifier) resolveImage(ctx context.Context, text string) (img docker.Image, problem *keys.Verdict, err error) {
	ref, err := docker.ParseReference(text)
	if err != nil {
		return img, nil, &TargetError{Text: text, Reason: err.Error()}
	}
	no := keys.NotChecked(keys.KindImage, text, "The network was not to be used.")
	if v.offline {
		return img, &no, nil
	}
	if img, err = v.world.Registry.Resolve(ctx, ref); err != nil {
		no.Reason = unread(err)
		return img, &no, nil
	}
	return img, nil, nil
}

// judgeImage judges the cosign signatures of an image that was resolved, and returns what was found.
func (v *Verifier) judgeImage(ctx context.Context, text string, img docker.Image, pubs []cosign.PublicKey) ([]keys.Verdict, cosign.Report) {
	found, err := cosign.Inspect(ctx, v.world.Registry.Repo(img.Reference), img.Digest, pubs)
	if err != nil {
		return []keys.Verdict{keys.NotChecked(keys.KindImage, text, unread(err))}, found
	}
	return found.Verdicts(text), found
}

// unread says why an image was not given.
func unread(err error) string {
	var re *docker.RegistryError
	if errors.As(err, &re) {
		return re.Sentence()
	}
	return err.Error()
}

// file judges a file by what it is: a record, a checksums file, a signature (then the file it
// belongs to, by this one), or any other file with its signature beside it.
func (v *Verifier) file(ctx context.Context, path string) ([]keys.Verdict, error) {
	sig := v.signature
	if ext := filepath.Ext(path); sig == "" && (ext == ".asc" || ext == ".sig") {
		if data := strings.TrimSuffix(path, ext); exists(data) {
			path, sig = data, path
		}
	}
	switch base := filepath.Base(path); {
	case base == record.Name:
		return v.record(ctx, path, sig)
	case isChecksums(base):
		return v.checksums(ctx, path, sig)
	}
	vs, err := v.artifact(ctx, path, sig)
	if err == nil && sig == "" && len(vs) == 1 && vs[0].Status == keys.StatusUnsigned {
		if listed, lerr := v.bySignedList(ctx, path); lerr != nil || len(listed) > 0 {
			return listed, lerr
		}
	}
	return vs, err
}

// ClockSlack keeps a signature made this very second from being called future.
const ClockSlack = 2 * time.Second

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func (v *Verifier) artifact(ctx context.Context, path, sig string) ([]keys.Verdict, error) {
	res, err := artifacts.Verify(ctx, path, sig, v.judge)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return []keys.Verdict{keys.NotChecked(keys.KindArtifact, path, unreadable(path, err))}, nil
	}
	if len(res.Verdicts) == 1 && res.Verdicts[0].Status == keys.StatusUnsigned && sig == "" {
		if inline := v.inline(path, res); inline != nil {
			res.Verdicts = inline
		}
	}
	return v.decideOne(res.Verdicts, res.SHA256), nil
}

// unreadable says which cannot be read, the file at path or its signature, and why.
func unreadable(path string, err error) string {
	what := "The file"
	var system *fs.PathError
	var special *artifacts.NotRegularError
	if errors.As(err, &system) && system.Path != path || errors.As(err, &special) && special.Path != path {
		what = "Its signature"
	}
	return what + " cannot be read: " + rootCause(err).Error() + "."
}

// rootCause is the system's own word for what went wrong with a path.
func rootCause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
