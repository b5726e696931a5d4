package keys

import (
	"crypto"
	"hash"
	"io"
	"slices"
	"sync"
	"time"

	"bulla/keys/pgp"
)

// clockSkew is how far ahead of the judge's clock a signature may be dated before it counts as
// made in the future.
const clockSkew = 5 * time.Minute

// readSize is how much of a payload is read at once: large enough that reading costs little
// beside hashing.
const readSize = 128 << 10

var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// Judge says what signatures are worth, with the keys of Keyring and at the time Now. A Judge
// without a Now checks nothing. It is safe for concurrent use.
type Judge struct {
	// Keyring may be nil: every signature is then by an unknown key.
	Keyring *Keyring
	// Now is the moment by which expiry is judged. The caller sets it; the zero time is not
	// replaced by the clock.
	Now time.Time
}

// Check judges signatures over one document. The document is written to it once, in pieces of
// any size, then Verdicts tells what came out. A Check belongs to one goroutine.
type Check struct {
	judge *Judge
	sigs  []*Signature
	// candidates and states are parallel to sigs; a nil state means that hashing the document
	// would not help, or that there are too many ways to hash it (crowded).
	candidates [][]keyRef
	signers    [][]*allowedSigner
	states     []*documentHash
	crowded    []bool
	open       []*documentHash
	madeAt     time.Time
}

// Begin prepares a Check. Only what some signature needs is hashed; if none can be judged,
// writing to the Check costs nothing.
func (j *Judge) Begin(sigs []*Signature) *Check {
	c := &Check{
		judge:      j,
		sigs:       sigs,
		candidates: make([][]keyRef, len(sigs)),
		signers:    make([][]*allowedSigner, len(sigs)),
		states:     make([]*documentHash, len(sigs)),
		crowded:    make([]bool, len(sigs)),
	}
	byKey := map[documentKey]*documentHash{}
	for i, s := range sigs {
		if s.problem != nil || j.Now.IsZero() {
			continue
		}
		k, ok := c.lookUp(i)
		if !ok {
			continue
		}
		d, ok := byKey[k]
		if !ok && len(c.open) == maxDocumentStates {
			c.crowded[i] = true
			continue
		}
		if !ok {
			d = newDocumentHash(k)
			byKey[k] = d
			c.open = append(c.open, d)
		}
		c.states[i] = d
	}
	return c
}

// lookUp finds the keys that may have made the i-th signature, and how the document must be
// hashed for it.
func (c *Check) lookUp(i int) (documentKey, bool) {
	s := c.sigs[i]
	if s.ssh != nil {
		c.signers[i] = c.judge.Keyring.allowed(s.ssh)
		return documentKey{hash: sshHash(s.ssh)}, len(c.signers[i]) > 0
	}
	c.candidates[i] = c.judge.Keyring.candidates(s.packet)
	k := documentKey{s.packet.hash, s.packet.typ == pgp.SigText, string(s.packet.salt)}
	return k, len(c.candidates[i]) > 0
}

// MadeAt tells when the target says that it was signed: the date of the tagger or committer.
// SSH signatures carry no time of their own, and git, too, judges them by that date. Without it
// they count as made at the Judge's Now.
func (c *Check) MadeAt(t time.Time) { c.madeAt = t }

// Needed reports whether any signature's verdict depends on the document.
func (c *Check) Needed() bool { return len(c.open) > 0 }

// Write hashes a piece of the document. It never fails.
func (c *Check) Write(p []byte) (int, error) {
	for _, d := range c.open {
		d.write(p)
	}
	return len(p), nil
}

// State is the state of the hash function id over what was written, as plain bytes, or nil if no
// signature needs it. Who wants the document's digest too need not hash it a second time. The
// state may be summed and cloned, not written to.
func (c *Check) State(id crypto.Hash) hash.Hash {
	for _, d := range c.open {
		if d.documentKey == (documentKey{hash: id}) {
			return d.state
		}
	}
	return nil
}

// Verdicts judges every signature, in order, over what was written so far. If there is no
// signature it returns exactly one verdict, with the status unsigned.
func (c *Check) Verdicts(kind Kind, target string) []Verdict {
	if len(c.sigs) == 0 {
		return []Verdict{Unsigned(kind, target, "")}
	}
	out := make([]Verdict, 0, len(c.sigs))
	for i := range c.sigs {
		v := c.verdict(i, kind)
		v.Kind, v.Target = kind, target
		out = append(out, v)
	}
	return out
}

func (c *Check) verdict(i int, kind Kind) Verdict {
	s := c.sigs[i]
	v := Verdict{Claim: s.Claim()}
	switch {
	case s.problem != nil:
		v.Status, v.Reason = s.problem.status, sentence(s.problem)
	case c.judge.Now.IsZero():
		v.Status, v.Reason = StatusNotChecked, "The signature was not checked: the judge was given no time to judge by."
	case c.crowded[i]:
		v.Status, v.Reason = StatusNotChecked, "The signature was not checked: too many different ones stand over the same document."
	case len(c.candidates[i]) == 0 && len(c.signers[i]) == 0:
		v.Status, v.Reason = StatusUnknownKey, unknownKeyReason(v.Claim)
	case s.ssh != nil:
		c.weighSSH(i, kind, &v)
	default:
		c.weigh(i, &v)
	}
	return v
}

// weigh does the mathematics with every key that may have made the signature and keeps the
// best finding: the same subkey may hang under several primary keys.
func (c *Check) weigh(i int, v *Verdict) {
	s := c.sigs[i].packet
	var best *finding
	for _, ref := range c.candidates[i] {
		state, err := c.states[i].clone()
		if err != nil {
			v.Status, v.Reason = StatusUnsupported, "The signature cannot be judged: its hash function is not supported."
			return
		}
		if !proves(ref.key(), state, s) {
			continue
		}
		if f := weighKey(ref, s, c.judge.Now); best == nil || f.status.rank() < best.status.rank() {
			best = &f
		}
	}
	switch {
	case best == nil:
		v.Status, v.Reason = StatusBad, "The signature does not fit the data: the data or the signature were changed."
	case s.objection != "":
		v.Status, v.Reason = StatusBad, "The signature must not be accepted: "+s.objection+"."
	default:
		best.report(v)
	}
}

// Verify checks sig, a file of signatures, over payload. The error is only about reading the
// payload. The payload is not read where no verdict depends on it.
func (j *Judge) Verify(kind Kind, target string, payload io.Reader, sig []byte) ([]Verdict, error) {
	sigs, err := ParseSignatures(sig)
	if err != nil {
		return []Verdict{NotChecked(kind, target, "The signature was not checked: "+err.Error()+".")}, nil
	}
	c := j.Begin(sigs)
	if c.Needed() {
		buf := readBuffers.Get().(*[readSize]byte)
		defer readBuffers.Put(buf)
		// Hiding the reader's other methods keeps io.Copy from choosing a smaller buffer.
		if _, err := io.CopyBuffer(c, struct{ io.Reader }{payload}, buf[:]); err != nil {
			return nil, err
		}
	}
	return c.Verdicts(kind, target), nil
}

// finding is what the key's own signatures say of a signature that fits the data.
type finding struct {
	status Status
	signer *Signatory
	weak   []string
	owner  ownerStanding
	key    standing
	sig    *sigPacket
	now    time.Time
	// objection says what a certificate of SSH lacks, after its name: "names nobody".
	objection string
}

func weighKey(ref keyRef, s *sigPacket, now time.Time) finding {
	f := finding{sig: s, now: now}
	f.owner = ref.cert.owner(now)
	f.key = f.owner.standing
	if ref.sub >= 0 {
		f.key = ref.cert.subkey(f.owner, ref.sub, now)
	}
	f.signer = &Signatory{
		Fingerprint: FingerprintOf(ref.key().Fingerprint),
		Primary:     ref.cert.fingerprint(),
		UserIDs:     slices.Clone(f.owner.userIDs),
		SignedAt:    s.created,
		Hash:        hashName(s.hashID),
		Algorithm:   AlgorithmName(ref.key()),
		KeyExpires:  f.key.expires,
		Source:      ref.cert.source,
	}
	if brokenHash(s.hash) {
		f.weak = append(f.weak, hashName(s.hashID)+" signature")
	}
	if w := weakKey(ref.key()); w != "" {
		f.weak = append(f.weak, w)
	}
	f.status = f.decide()
	f.weak = append(f.weak, f.key.weak...)
	return f
}

// decide finds the worst that holds. f.weak holds what makes the signature itself weak.
func (f *finding) decide() Status {
	hard, soft := f.key.hardRevocation()
	at := f.sig.created
	expires := f.sig.expires()
	switch {
	case !f.key.bound:
		return StatusUnknownKey
	case !f.key.canSign() || f.key.disowned && !f.key.primary:
		return StatusBad
	case hard != nil || !soft.IsZero() && !at.Before(soft):
		return StatusRevoked
	case !expires.IsZero() && !f.now.Before(expires):
		return StatusExpired
	case at.After(f.now.Add(clockSkew)), at.Unix() < f.key.key.CreationTime.Unix():
		return StatusNotYetValid
	case f.key.expiredAt(at):
		return StatusAfterExpiry
	case len(f.weak) > 0:
		return StatusWeak
	case f.key.expiredAt(f.now), !soft.IsZero() && !f.now.Before(soft):
		return StatusGoodExpiredSince
	}
	return StatusGood
}

// Unsigned is the verdict on a target without a signature. An empty reason gets a plain one.
func Unsigned(kind Kind, target, reason string) Verdict {
	if reason == "" {
		reason = "There is no signature."
	}
	return Verdict{Kind: kind, Target: target, Status: StatusUnsigned, Reason: reason}
}

// NotChecked is the verdict on a target whose check was not possible; reason is one plain
// sentence that says what stood in the way.
func NotChecked(kind Kind, target, reason string) Verdict {
	return Verdict{Kind: kind, Target: target, Status: StatusNotChecked, Reason: reason}
}

// Summarize picks the verdict that stands for several signatures over the same target: the
// best sound one if any is sound and none is bad, else the worst. A signature by a key that
// policy trusts goes before others. Of no verdicts it makes one that says unsigned.
func Summarize(vs []Verdict) Verdict {
	if len(vs) == 0 {
		return Unsigned("", "", "")
	}
	bad := slices.ContainsFunc(vs, func(v Verdict) bool { return v.Status == StatusBad })
	var best, worst *Verdict
	for i := range vs {
		v := &vs[i]
		if worst == nil || v.Status.rank() > worst.Status.rank() {
			worst = v
		}
		if v.Status.Sound() && (best == nil || sounder(v, best)) {
			best = v
		}
	}
	if best != nil && !bad {
		return *best
	}
	return *worst
}

func sounder(a, b *Verdict) bool {
	trust := func(v *Verdict) int {
		switch {
		case v.Trusted == nil:
			return 1
		case *v.Trusted:
			return 0
		}
		return 2
	}
	if x, y := trust(a), trust(b); x != y {
		return x < y
	}
	return a.Status.rank() < b.Status.rank()
}

// rank orders the statuses from the best to the worst. What was checked and found wanting is
// worse than what could not be checked.
func (s Status) rank() int {
	i := slices.Index([]Status{
		StatusGood, StatusGoodExpiredSince, StatusNotChecked, StatusUnknownKey, StatusUnsupported,
		StatusWeak, StatusUnsigned, StatusExpired, StatusNotYetValid, StatusAfterExpiry,
		StatusMalformed, StatusRevoked,
	}, s)
	if i < 0 {
		return int(^uint(0) >> 1) // StatusBad, and whatever is no status
	}
	return i
}
