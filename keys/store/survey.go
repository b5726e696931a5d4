package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"bulla/keys"
	"bulla/keys/pgp"
)

// Glimpse is a key of the store before any of its signatures was checked.
type Glimpse struct {
	Fingerprint keys.Fingerprint
	// Created is when it was made; the fingerprint vouches for that.
	Created time.Time
	// Claims are the user ids that stand in it, raw and unchecked, in their order.
	Claims []string
	// Secret says that there is a file with secret parts.
	Secret bool
}

// Glimpses are all keys of the store that can be read at all, in the order of their fingerprints.
// It checks no signature, which takes nearly all of the time of [Store.List]; what it returns is
// for showing something until [Store.Examine] has the truth.
func (s *Store) Glimpses(ctx context.Context) ([]Glimpse, error) {
	fprs, _, err := s.fingerprints()
	if err != nil {
		return nil, err
	}
	out := make([]Glimpse, 0, len(fprs))
	for _, fpr := range fprs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := s.readCertificate(fpr)
		if err != nil {
			continue // Examine tells why
		}
		g := Glimpse{Fingerprint: fpr, Created: createdAt(c.parts[0].head.Body)}
		for _, p := range c.parts {
			if p.head.Tag == pgp.TagUserID {
				g.Claims = append(g.Claims, string(p.head.Body))
			}
		}
		_, err = os.Stat(filepath.Join(s.keyDir(fpr), secretFile))
		g.Secret = err == nil
		out = append(out, g)
	}
	return out, nil
}

// Examined is a key of the store after all of its signatures were checked.
type Examined struct {
	Key keys.Key
	// Ailments are what [keys.Keyring.Health] finds.
	Ailments []keys.Ailment
	// Unprotected says that a secret part is under no passphrase, Changed that there is a version
	// before the latest change, for [Store.Undo].
	Unprotected, Changed bool
	// Err is a *ProblemError for a key that cannot be read; then of Key only the fingerprint is set.
	Err error
}

// Examine hands over every key of the store, each as soon as it is checked, in no order and from
// several goroutines at once. What is wrong with the store besides single keys is returned: a list
// of *ProblemError and *PermissionError. The error is about the store as a whole, or that of ctx.
func (s *Store) Examine(ctx context.Context, put func(Examined)) (problems []error, err error) {
	fprs, problems, err := s.fingerprints()
	if err != nil {
		return problems, err
	}
	var group errgroup.Group
	group.SetLimit(max(1, runtime.GOMAXPROCS(0)-1)) // whoever waits for the keys has a screen to draw meanwhile
	for _, fpr := range fprs {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			put(s.ExamineOne(fpr))
			return nil
		})
	}
	err = group.Wait()
	return append(problems, s.checkModes(fprs)...), err
}

// ExamineOne is Examine for one key, with fs.ErrNotExist in Err for one that is not here.
func (s *Store) ExamineOne(fpr keys.Fingerprint) Examined {
	failed := func(err error) Examined {
		return Examined{Key: keys.Key{Fingerprint: fpr, Source: keys.SourceStore}, Err: err}
	}
	k, err := s.readKey(fpr)
	defer k.forget()
	if err != nil {
		return failed(s.unreadable(fpr, s.keyDir(fpr), err))
	}
	ring, err := k.ring()
	if err != nil {
		return failed(s.unreadable(fpr, filepath.Join(s.keyDir(fpr), publicFile), err))
	}
	now := s.now()
	return Examined{
		Key: k.describeFrom(ring, now), Ailments: ring.Health(fpr, now),
		Unprotected: k.unprotected(), Changed: s.changed(fpr),
	}
}

// changed reports whether there is a version before the latest change.
func (s *Store) changed(fpr keys.Fingerprint) bool {
	for _, name := range []string{publicFile, secretFile} {
		if _, err := os.Stat(previousPath(filepath.Join(s.keyDir(fpr), name))); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}
