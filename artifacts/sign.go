package artifacts

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"hash"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/sync/errgroup"

	"bulla/keys"
	"bulla/keys/atomicfile"
)

// SignOptions say with what and how to sign.
type SignOptions struct {
	// Signer must be unlocked, unless every file turns out to carry its valid signature.
	Signer keys.Signer
	// Now is the clock that signatures are dated by; time.Now if nil. It is called from several
	// goroutines.
	Now func() time.Time
	// Replace allows replacing existing files: signatures that are stale, foreign or
	// unreadable, and checksums files with other content.
	Replace bool
	// SHA512 asks for SHA-512 digests too. They more than double the time on processors with
	// SHA extensions.
	SHA512 bool
	// ListOnly makes no signature beside any file: the signature of the checksums file stands for
	// them, as where each signature costs a touch. One that is there already is treated as ever.
	ListOnly bool
	// Workers is how many files are read at the same time; 0 for as many as Go may use
	// processors.
	Workers int
	// Writing, if set, is called with the path and the content of each file before it appears
	// under its name, perhaps from several goroutines at a time: a journal can note what is about
	// to exist. Its error ends the work, and the file is not written.
	Writing func(path string, data []byte) error
	// Progress, if set, is told how far the work has come: a file's beginning, at most twenty
	// times a second, and its end. Calls never overlap and hold up the work: be quick.
	Progress func(Progress)
}

// Signed is a file whose signature stands on the disk, verified; or by SignOptions.ListOnly one that
// was read for the list.
type Signed struct {
	File
	// SHA256 and SHA512 are digests in lower-case hexadecimal; SHA512 is "" unless it was
	// asked for.
	SHA256, SHA512 string
	SignaturePath  string // "" where there is none
	// Kept says that the key's valid signature was there already.
	Kept bool
}

// Sign makes a detached signature beside each file, reading each file once. A file that already
// carries the key's valid signature keeps it.
//
// Nothing is signed before everything that can be known is: first all files and signature files
// are looked at, then the files with a signature that names this key are read and judged, and
// only if no existing signature stands in the way are new ones made. With Replace nothing can
// stand in the way, and all files are read in one go.
//
// A signature is made from the hash state of that one read, verified, and appears complete under
// its name or not at all. Sign stops at the first file that fails, or within one buffer when ctx
// ends, and returns what is done, in the order of files, with the error.
//
// Errors: *SignatureExistsError (joined, if several are found by the first look),
// *ChangedError, *NotRegularError, *NameTooLongError, *DuplicateNameError for the same file twice, *fs.PathError,
// those of the signer.
func Sign(ctx context.Context, files []File, o SignOptions) ([]Signed, error) {
	r, err := newSigning(files, o)
	if err != nil {
		return nil, err
	}
	if err := r.look(); err != nil {
		return nil, err
	}
	var first, second []*task
	for _, t := range r.tasks {
		if t.there.state == StateClaimed && !o.Replace {
			first = append(first, t)
		} else {
			second = append(second, t)
		}
	}
	err = r.run(ctx, first)
	if err == nil {
		err = r.run(ctx, second)
	}
	if e := r.files.Sync(); err == nil {
		err = e
	}
	var done []Signed
	for _, t := range r.tasks {
		if t.done {
			done = append(done, t.result)
		}
	}
	return done, err
}

// signing is one call of Sign or WriteChecksums.
type signing struct {
	o     SignOptions
	key   keys.SigningKey
	pub   *packet.PublicKey
	judge *keys.Judge
	meter *meter
	files atomicfile.Batch
	tasks []*task
	// proved says that a signature by this signer was verified with pub.
	proved atomic.Bool
}

// task is one file's share. Only the goroutine that works on it writes to it.
type task struct {
	file     File
	there    existing
	restored bool // has another time than the plan knew; its signature must prove it the same
	result   Signed
	done     bool
}

func newSigning(files []File, o SignOptions) (*signing, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	r := &signing{o: o, key: o.Signer.Key(), meter: newMeter(o.Progress, files)}
	if !r.key.Hash.Available() {
		return nil, fmt.Errorf("key %s signs with an unknown hash function", r.key.Fingerprint)
	}
	var err error
	if r.pub, err = signingPacket(r.key); err != nil {
		return nil, err
	}
	ring, err := keys.ReadKeyring(r.key.Public, r.key.Source)
	if err != nil {
		return nil, fmt.Errorf("public key of %s: %w", r.key.Fingerprint, err)
	}
	r.judge = &keys.Judge{Keyring: ring, Now: o.Now()}
	for _, f := range files {
		r.tasks = append(r.tasks, &task{file: f})
	}
	return r, nil
}

// look finds what can be known without reading the files. What stands in the way is told for
// all files at once.
func (r *signing) look() error {
	var errs []error
	seen := map[string]File{}
	writable := map[string]bool{}
	for _, t := range r.tasks {
		f := t.file
		if other, ok := seen[f.Path]; ok {
			return &DuplicateNameError{Base: f.Base(), A: other.Name, B: f.Name}
		}
		seen[f.Path] = f
		info, err := statRegular(f.Path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		switch err := signatureFits(f); {
		case err == nil:
			t.there = readExisting(f.SignaturePath(), r.key)
		case r.o.ListOnly:
			t.there = existing{path: f.SignaturePath(), state: StateNone}
		default:
			errs = append(errs, err)
			continue
		}
		if !f.isAsFound(info) {
			// A file put back as it was has another time. Where this key has signed it, its
			// signature tells whether it is the same.
			if t.there.state != StateClaimed || info.Size() != f.Size {
				errs = append(errs, &ChangedError{Path: f.Path})
				continue
			}
			t.restored = true
		}
		if err := r.obstacle(t.there); err != nil {
			errs = append(errs, err)
			continue
		}
		if dir := filepath.Dir(f.Path); t.there.state != StateClaimed && !writable[dir] {
			errs = append(errs, CheckWritable(dir))
			writable[dir] = true
		}
	}
	return errors.Join(errs...)
}

// obstacle is the error about an existing signature that may not be replaced. One that names
// this key is none until the file was read.
func (r *signing) obstacle(e existing) error {
	if r.o.Replace || e.state == StateNone || e.state == StateClaimed || e.state == StateValid {
		return nil
	}
	return &SignatureExistsError{Path: e.path, State: e.state, By: e.by}
}

// run works on tasks in parallel and stops all of them at the first error.
func (r *signing) run(ctx context.Context, tasks []*task) error {
	return inParallel(ctx, r.o.Workers, len(tasks), func(ctx context.Context, i int) error {
		return r.file(ctx, tasks[i])
	})
}

// inParallel calls f for 0 to n-1, in this order but at most workers at the same time. At the
// first error no further call is begun, the context of those under way ends, and the error is
// returned when they are done.
func inParallel(ctx context.Context, workers, n int, f func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(workers, n) {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := f(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// file reads one file and keeps, makes or replaces its signature.
func (r *signing) file(ctx context.Context, t *task) error {
	progress := r.meter.file(t.file)
	check := r.judge.Begin(t.there.sigs)
	sums := r.states(check)
	src := pathSource(t.file.Path)
	if !t.restored { // it may have been replaced since the first look
		src.expected = t.file.isAsFound
	}
	if err := src.feed(ctx, sums, progress.report); err != nil {
		return err
	}
	if t.there.state == StateClaimed {
		t.there.decide(check, r.key)
		if t.restored && t.there.state != StateValid {
			return &ChangedError{Path: t.file.Path}
		}
		if err := r.obstacle(t.there); err != nil {
			return err
		}
	}
	if t.there.state != StateValid && !r.o.ListOnly {
		sig, err := r.sign(ctx, sums.of(r.key.Hash))
		if err != nil {
			return fmt.Errorf("sign %s: %w", t.file.Path, err)
		}
		if err := ctx.Err(); err != nil { // another file failed meanwhile
			return err
		}
		if err := r.publish(t.there.path, sig); err != nil {
			return err
		}
	}
	t.result = Signed{
		File: t.file, SHA256: sums.hex(crypto.SHA256), SignaturePath: t.there.path,
		Kept: t.there.state == StateValid,
	}
	if r.o.ListOnly && !t.result.Kept {
		t.result.SignaturePath = ""
	}
	if r.o.SHA512 {
		t.result.SHA512 = sums.hex(crypto.SHA512)
	}
	t.done = true
	progress.finish()
	return nil
}

// states are what one pass must feed: the checksums that were asked for and what the key signs.
func (r *signing) states(check *keys.Check) *states {
	ids := []crypto.Hash{crypto.SHA256, r.key.Hash}
	if r.o.SHA512 {
		ids = append(ids, crypto.SHA512)
	}
	return newStates(check, ids...)
}

// sign makes a signature over what h has seen.
//
// Signers show that what they make verifies with the public key of the secret they used. What
// remains to be shown is that this is the public key which others will verify with: the first
// signature is verified with that one. A second verification of each would cost more than making
// it did.
func (r *signing) sign(ctx context.Context, h hash.Hash) ([]byte, error) {
	sig, err := r.o.Signer.Sign(ctx, h, r.o.Now())
	if err != nil || r.proved.Load() {
		return sig, err
	}
	made, err := keys.ParseSignatures(sig)
	if err != nil {
		return nil, err
	}
	if len(made) != 1 || made[0].Claim().Fingerprint != r.key.Fingerprint {
		return nil, fmt.Errorf("the signer did not answer with one signature by %s", r.key.Fingerprint)
	}
	if err := verifyMade(sig, h, r.pub); err != nil {
		return nil, fmt.Errorf("the signature just made does not verify: %w", err)
	}
	r.proved.Store(true)
	return sig, nil
}

// verifyMade checks a signature that was just made against the state it was made from. This is
// the mathematics alone: whether the key may sign was decided when it was chosen.
func verifyMade(sig []byte, h hash.Hash, pub *packet.PublicKey) error {
	block, err := armor.Decode(bytes.NewReader(sig))
	if err != nil {
		return err
	}
	p, err := packet.Read(block.Body)
	if err != nil {
		return err
	}
	s, ok := p.(*packet.Signature)
	if !ok || s.SigType != packet.SigTypeBinary {
		return errors.New("not a detached signature of a binary document")
	}
	cloner, ok := h.(hash.Cloner)
	if !ok {
		return fmt.Errorf("the hash state %T cannot be cloned", h)
	}
	state, err := cloner.Clone()
	if err != nil {
		return err
	}
	return pub.VerifySignature(state, s)
}

// signingPacket finds the packet of the key or subkey that signs in its transferable public key.
func signingPacket(k keys.SigningKey) (*packet.PublicKey, error) {
	packets := packet.NewReader(bytes.NewReader(k.Public))
	for {
		p, err := packets.Next()
		if err != nil {
			return nil, &keys.UnusableError{Key: k.Fingerprint, Reason: "its public key is not at hand to check what it signs"}
		}
		if pub, ok := p.(*packet.PublicKey); ok && keys.FingerprintOf(pub.Fingerprint) == k.Fingerprint {
			return pub, nil
		}
	}
}

// publish puts data at path. Without Replace a file that appeared meanwhile stays as it is.
func (r *signing) publish(path string, data []byte) error {
	if r.o.Writing != nil {
		if err := r.o.Writing(path, data); err != nil {
			return err
		}
	}
	if r.o.Replace {
		return r.files.Write(path, data, 0o644)
	}
	return r.files.Create(path, data, 0o644)
}
