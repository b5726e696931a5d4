package images

import (
	"context"
	"errors"
	"sync"
	"time"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/keys"
)

// Carry is what became of one tag in a migration.
type Carry string

// What may become of a tag.
const (
	Carried     Carry = "carried"     // a cosign signature was made over the digest
	CarriedPast Carry = "existing"    // the key had signed it under this tag before
	WouldCarry  Carry = "would-carry" // nothing was made: only looked
	NotCarried  Carry = "not-carried" // Content Trust does not vouch for what the tag points to
	CarryFailed Carry = "failed"      // it should have been carried over, and could not be
)

// Carriage is one tag of a migration.
type Carriage struct {
	Tag       string // raw text from the trust data
	Digest    string // that Content Trust signed
	Result    Carry
	Reason    string // one sentence, for those that were not carried over
	Signers   []string
	Signature cosign.Signature
	Err       error
}

// migrators is how many tags are carried over at the same time.
const migrators = 4

// Migrate writes a cosign signature over the same digest for every tag that Content Trust validly
// signs, with the tag's name in it. Nothing is carried over that is not signed now: a tag that has
// moved since, or an image that is gone. With dry nothing is written, and signer, which may be locked or
// nil, says whose former signatures are looked for. Each tag is handed to emit
// as it is done with, one call at a time, in no order. The error is that of ctx: what was done by
// then was told.
func Migrate(ctx context.Context, client *docker.Client, repo docker.Repository, data TrustData, signer *cosign.Signer, now func() time.Time, dry bool, emit func(Carriage)) error {
	tags := data.Tags()
	var one sync.Mutex
	work := make(chan string)
	var wg sync.WaitGroup
	for range min(migrators, len(tags)) {
		wg.Go(func() {
			for tag := range work {
				c := carry(ctx, client, repo, data, signer, now, dry, tag)
				if ctx.Err() != nil && !c.public() {
					continue
				}
				one.Lock()
				emit(c)
				one.Unlock()
			}
		})
	}
	for _, tag := range tags {
		if ctx.Err() != nil {
			break
		}
		work <- tag
	}
	close(work)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// carry carries one tag over.
func carry(ctx context.Context, client *docker.Client, repo docker.Repository, data TrustData, signer *cosign.Signer, now func() time.Time, dry bool, tag string) Carriage {
	c := Carriage{Tag: tag, Result: NotCarried}
	c.Digest, _ = data.Digest(tag)
	ref, err := repo.WithTag(tag)
	if err != nil {
		c.Reason = "It is not the name of a tag."
		return c
	}
	img, err := client.Resolve(ctx, ref)
	switch {
	case docker.IsNotFound(err):
		c.Reason = "The registry does not have the tag any more."
		return c
	case err != nil:
		c.Result, c.Err, c.Reason = CarryFailed, err, reason(err)
		return c
	}
	for _, v := range data.Judge(img) {
		if !v.Status.Sound() {
			if c.Reason == "" {
				c.Reason = v.Reason
			}
			continue
		}
		c.Signers = append(c.Signers, signerOf(v)...)
		c.Result = WouldCarry
	}
	if c.Result == NotCarried {
		return c
	}
	if c.Reason = ""; dry {
		c.lookAhead(ctx, client, img, signer)
		return c
	}
	c.Signature, err = cosign.Sign(ctx, client, img, signer, now())
	var moved *docker.MovedError
	var published *cosign.PublishedError
	switch {
	case errors.As(err, &moved):
		c.Result, c.Err, c.Reason = CarryFailed, err, "The tag moved while it was signed: the signature covers the former image."
	case errors.As(err, &published) && published.Complete:
		c.Result, c.Signature, c.Reason = Carried, published.Signature, "The tag was not looked at once more afterwards."
	case errors.As(err, &published):
		c.Result, c.Err, c.Reason = CarryFailed, err, "The signature may be public, and it is not finished: carry it over again."
	case err != nil:
		c.Result, c.Err, c.Reason = CarryFailed, err, reason(err)
	case c.Signature.Existing:
		c.Result = CarriedPast
	default:
		c.Result = Carried
	}
	return c
}

// lookAhead finds out whether the key has signed it already.
func (c *Carriage) lookAhead(ctx context.Context, client *docker.Client, img docker.Image, signer *cosign.Signer) {
	if signer == nil || signer.Public().IsZero() {
		return
	}
	s, err := cosign.Find(ctx, client, img, signer.Public())
	switch {
	case err != nil:
		c.Result, c.Err, c.Reason = CarryFailed, err, reason(err)
	case s.Existing:
		c.Result, c.Signature = CarriedPast, s
	}
}

// public reports whether a signature of this migration is, or may be, in the registry.
func (c Carriage) public() bool {
	var published *cosign.PublishedError
	return c.Result == Carried || errors.As(c.Err, &published)
}

func signerOf(v keys.Verdict) []string {
	if v.Signer == nil {
		return nil
	}
	return v.Signer.UserIDs
}
