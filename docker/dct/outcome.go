package dct

import (
	"context"
	"time"
)

// outcome is what became of a change of the trust data. The later ones weigh more: what one try has
// published stands, whatever the next one ends in.
type outcome int

// The outcomes.
const (
	// outcomeNone: nothing was published, and nothing will be. What was made for the change can go.
	outcomeNone outcome = iota
	// outcomeExisting: everything was as it should be already, and nothing was sent.
	outcomeExisting
	// outcomeUnknown: the answer was lost, and the change was not found afterwards: the server did not
	// take it, or will when the request arrives late.
	outcomeUnknown
	// outcomeTaken: the server took it, and it was not seen to stand there afterwards: others have changed
	// the same, or the server did not answer any more.
	outcomeTaken
	// outcomeDone: it was found there.
	outcomeDone
)

// may reports whether the change is there or may come to be.
func (o outcome) may() bool { return o >= outcomeUnknown }

// lookPatience bounds the look at what became of a change whose answer was lost, or whose sender has left.
const lookPatience = 10 * time.Second

// sent judges a change that was sent: err is what the sending ended in, and unsure says that the server
// may have taken the change all the same. found looks for it by fresh trust data, even if ctx has ended;
// where it is not there, that is false without an error.
func (r *Repository) sent(ctx context.Context, err error, unsure bool, found func(context.Context) (bool, error)) (outcome, error) {
	if err != nil && !unsure {
		return outcomeNone, err
	}
	there, look := false, error(nil)
	if err == nil {
		there, look = found(ctx)
	}
	if err != nil || ctx.Err() != nil && !there {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(r.client.timeout, lookPatience))
		defer cancel()
		there, look = found(after)
	}
	switch {
	case there:
		return outcomeDone, nil
	case err != nil:
		return outcomeUnknown, &UnknownOutcomeError{GUN: r.gun.String(), Err: err}
	case look != nil:
		return outcomeTaken, &UnknownOutcomeError{GUN: r.gun.String(), Err: look}
	}
	return outcomeTaken, &ConflictError{GUN: r.gun.String(), Tries: 1, Detail: "somebody else changes the same thing"}
}
