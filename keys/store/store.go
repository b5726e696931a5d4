package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/atomicfile"

	"golang.org/x/sync/errgroup"
)

// Store is bulla's own key store. It holds no keys in memory and is safe for concurrent use,
// also by several processes.
type Store struct {
	dir  string
	now  func() time.Time
	rand io.Reader
}

// Options say where a store is and what it works with.
type Options struct {
	// Dir is the folder of the keys, $BULLA_HOME/keys. Revocation certificates go to the folder
	// "revocations" beside it.
	Dir string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rand is the source of randomness for new keys; nil means crypto/rand. RSA keys always
	// come from crypto/rand: Go does not let its source be replaced.
	Rand io.Reader
}

// Open names a store. It touches nothing: the folder is made at the first write, and a store
// without a folder is an empty one.
func Open(o Options) *Store {
	s := &Store{dir: filepath.Clean(o.Dir), now: o.Now, rand: o.Rand}
	if s.now == nil {
		s.now = time.Now
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	return s
}

// RevocationPath is where the revocation certificate of a key made here lies.
func (s *Store) RevocationPath(fpr keys.Fingerprint) string {
	return filepath.Join(filepath.Dir(s.dir), "revocations", string(fpr)+".asc")
}

// List describes every key of the store, keys with a secret first, then the newest first. A key
// that cannot be read is left out; [Store.Problems] names it. The error is about the store as a
// whole.
func (s *Store) List(ctx context.Context) ([]keys.Key, error) {
	loaded, _, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	defer forget(loaded)
	list := make([]keys.Key, len(loaded))
	for i := range loaded {
		list[i] = loaded[i].key
	}
	return list, nil
}

// Problems names the keys that cannot be read, folders that do not belong here, and what other
// users of the computer may read: a list of *ProblemError.
func (s *Store) Problems(ctx context.Context) []error {
	loaded, problems, err := s.load(ctx)
	forget(loaded)
	if err != nil {
		return append(problems, err)
	}
	fprs, _, _ := s.fingerprints()
	return append(problems, s.checkModes(fprs)...)
}

// PublicKeyring is every public key of the store, binary, one after the other. It does not look
// at secret parts; public parts that cannot be read are left out.
func (s *Store) PublicKeyring(ctx context.Context) ([]byte, error) {
	fprs, _, err := s.fingerprints()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, fpr := range fprs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if c, err := s.readCertificate(fpr); err == nil {
			out.Write(c.bytes())
		}
	}
	return out.Bytes(), nil
}

// describeKey reads one key and describes it.
func (s *Store) describeKey(fpr keys.Fingerprint) (keys.Key, error) {
	k, err := s.readKey(fpr)
	defer k.forget()
	if err != nil {
		return keys.Key{}, err
	}
	return k.describe(s.now())
}

// MarkBackedUp remembers that a backup of the key was tried at the given time. New secret parts
// for the key forget it again. An unknown key is a *keys.NotFoundError.
func (s *Store) MarkBackedUp(ctx context.Context, fpr keys.Fingerprint, at time.Time) error {
	return s.locked(ctx, func() error {
		if _, err := s.readCertificate(fpr); err != nil {
			return absent(err, fpr)
		}
		text := at.UTC().Format(time.RFC3339) + "\n"
		return atomicfile.Write(filepath.Join(s.keyDir(fpr), backedUpFile), []byte(text), fileMode)
	})
}

// MarkSuccessor remembers that another key follows a key, which is to end at a time; zero leaves its
// expiry as it is. An unknown key is a *keys.NotFoundError.
func (s *Store) MarkSuccessor(ctx context.Context, fpr, successor keys.Fingerprint, retires time.Time) error {
	return s.locked(ctx, func() error {
		if _, err := s.readCertificate(fpr); err != nil {
			return absent(err, fpr)
		}
		text := string(successor) + "\n"
		if !retires.IsZero() {
			text += retires.UTC().Format(time.RFC3339) + "\n"
		}
		return atomicfile.Write(filepath.Join(s.keyDir(fpr), successorFile), []byte(text), fileMode)
	})
}

// parseSuccessor reads what MarkSuccessor wrote. What cannot be read is not known.
func parseSuccessor(text string) (successor keys.Fingerprint, retires time.Time) {
	name, at, _ := strings.Cut(strings.TrimSpace(text), "\n")
	successor, err := keys.ParseFingerprint(name)
	if err != nil {
		return "", time.Time{}
	}
	retires, _ = time.Parse(time.RFC3339, at)
	return successor, retires
}

// Unprotected reports whether a secret part of a key is under no passphrase.
func (s *Store) Unprotected(fpr keys.Fingerprint) bool {
	k, err := s.readKey(fpr)
	defer k.forget()
	return err == nil && k.unprotected()
}

func (k stored) unprotected() bool {
	return slices.ContainsFunc(k.secret, func(p secretPacket) bool { return p.protection.kind == plain })
}

// loadedKey is a stored key together with its description.
type loadedKey struct {
	stored
	key keys.Key
}

func forget(list []loadedKey) {
	for _, k := range list {
		k.forget()
	}
}

// load reads the whole store. What cannot be read is a problem and left out.
func (s *Store) load(ctx context.Context) (list []loadedKey, problems []error, err error) {
	fprs, problems, err := s.fingerprints()
	if err != nil {
		return nil, nil, err
	}
	all := make([]loadedKey, len(fprs))
	wrong := make([]error, len(fprs))
	var group errgroup.Group // verifying self-signatures is what takes the time
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, fpr := range fprs {
		group.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			k := &all[i]
			if k.stored, err = s.readKey(fpr); err != nil {
				wrong[i] = s.unreadable(fpr, s.keyDir(fpr), err)
			} else if k.key, err = k.describe(s.now()); err != nil {
				wrong[i] = s.unreadable(fpr, filepath.Join(s.keyDir(fpr), publicFile), err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		forget(all)
		return nil, problems, err
	}
	for i, k := range all {
		if wrong[i] != nil {
			k.forget()
			problems = append(problems, wrong[i])
			continue
		}
		list = append(list, k)
	}
	slices.SortStableFunc(list, func(a, b loadedKey) int {
		if len(a.secret) > 0 != (len(b.secret) > 0) {
			return cmp.Compare(len(b.secret), len(a.secret))
		}
		return b.key.Created.Compare(a.key.Created)
	})
	return list, problems, nil
}

// describe makes the list model, with what only the store knows: which secrets are here.
func (k stored) describe(now time.Time) (keys.Key, error) {
	ring, err := k.ring()
	if err != nil {
		return keys.Key{}, err
	}
	return k.describeFrom(ring, now), nil
}

// describeFrom is describe with the ring of the key's certificate.
func (k stored) describeFrom(ring *keys.Keyring, now time.Time) keys.Key {
	d, _ := ring.Describe(k.fpr, now)
	d.BackedUp, d.Successor, d.Retires = k.backedUp, k.successor, k.retires
	d.RevocationAt, d.RevocationMoved = k.moved.path, k.moved.at
	here := func(f keys.Fingerprint) bool {
		i := findSecret(k.secret, f)
		return i >= 0 && k.secret[i].protection.usable()
	}
	d.HasSecret = d.CanSign && here(d.Fingerprint)
	subkeys := false
	for i := range d.Subkeys {
		sub := &d.Subkeys[i]
		sub.HasSecret = here(sub.Fingerprint)
		subkeys = subkeys || sub.HasSecret
		d.HasSecret = d.HasSecret || (sub.HasSecret && sub.CanSign)
	}
	d.PrimaryOffline = subkeys && !here(d.Fingerprint)
	d.Card = k.card(d)
	return d
}

// card is the serial number of the card that holds the signing key, "" for none.
func (k stored) card(d keys.Key) string {
	on := func(f keys.Fingerprint) string {
		if i := findSecret(k.secret, f); i >= 0 {
			return k.secret[i].protection.card
		}
		return ""
	}
	for _, sub := range d.Subkeys {
		if serial := on(sub.Fingerprint); sub.CanSign && serial != "" {
			return serial
		}
	}
	if d.CanSign {
		return on(d.Fingerprint)
	}
	return ""
}
