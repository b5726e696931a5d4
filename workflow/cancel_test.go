package workflow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"bulla/keys"
	"bulla/workflow/journal"
	"bulla/workflow/verify"
)

// Cancelled in any phase, the walk ends with the context's error, names what is done, leaves no
// half-written file, and can be resumed once something was begun.
func TestCancelInEachPhase(t *testing.T) {
	for _, event := range []string{
		"StepStarted preflight", "StepStarted key", "StepDone key", "StepStarted tag", "StepDone tag",
		"StepStarted artifacts", "StepProgress artifacts", "StepDone artifacts", "StepStarted record", "StepDone record",
		"StepStarted check", "Checked check", "StepDone check",
	} {
		t.Run(event, func(t *testing.T) {
			b := newBench(t)
			s := b.session()
			plan, err := s.Plan(context.Background(), b.choices())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			begun := false
			_, err = s.Run(ctx, plan, Face{Ask: answer, Emit: func(e Event) {
				if st, ok := e.(StepStarted); ok && st.Step == StepTag {
					begun = true
				}
				if eventName(e) == event {
					cancel()
				}
			}})
			if err == nil {
				// A cancellation after the last work may come too late to matter.
				if event != "StepDone check" && event != "Checked check" {
					t.Fatal("the run went on")
				}
				return
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v", err)
			}
			var inc *IncompleteError
			if errors.As(err, &inc) != begun {
				t.Errorf("begun is %v, error %T", begun, err)
			}
			if !begun {
				if made := b.made(); len(made) > 0 {
					t.Errorf("made %v", made)
				}
				return
			}
			res, err := b.session().Resume(context.Background(), Face{Ask: answer})
			if err != nil || !res.Good() {
				t.Fatalf("resumed: %v", err)
			}
		})
	}
}

// A passphrase that nobody gives, or that is wrong three times, ends the walk before anything is
// made.
func TestWrongPassphraseMakesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		ask  keys.AskPassphrase
		want error
	}{
		"wrong three times": {func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
			return keys.NewSecret([]byte("not it")), nil
		}, keys.ErrWrongPassphrase},
		"nobody to ask": {nil, keys.ErrNoPassphrase},
		"cancelled": {func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
			return keys.Secret{}, context.Canceled
		}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.session()
			plan, err := s.Plan(context.Background(), b.choices())
			if err != nil {
				t.Fatal(err)
			}
			tries := 0
			f := Face{}
			if c.ask != nil {
				f.Ask = func(ctx context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
					tries++
					if r.Attempt != tries {
						t.Errorf("attempt %d, want %d", r.Attempt, tries)
					}
					return c.ask(ctx, r)
				}
			}
			_, err = s.Run(context.Background(), plan, f)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			var inc *IncompleteError
			if errors.As(err, &inc) {
				t.Error("it counts as begun")
			}
			if name == "wrong three times" && tries != keys.PassphraseTries {
				t.Errorf("asked %d times", tries)
			}
			if made := b.made(); len(made) > 0 || b.git("-C", b.repo, "tag") != "" {
				t.Errorf("made %v", made)
			}
			// The right passphrase still works afterwards: a wrong one is not remembered.
			if res, err := s.Run(context.Background(), plan, Face{Ask: answer}); err != nil || !res.Good() {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// What changes between the last look and the run stops the run before anything is made.
func TestPlanGoesStale(t *testing.T) {
	for name, spoil := range map[string]func(b *bench){
		"another commit": func(b *bench) { b.write("README", "2\n"); b.commit("Second") },
		"dirty tree":     func(b *bench) { b.write("README", "2\n") },
		"tag appeared":   func(b *bench) { b.git("-C", b.repo, "tag", "v1.0.0") },
		"file changed":   func(b *bench) { b.write("dist/widget-1.0.0.tar.gz", "rebuilt") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.session()
			plan, err := s.Plan(context.Background(), b.choices())
			if err != nil {
				t.Fatal(err)
			}
			spoil(b)
			_, err = s.Run(context.Background(), plan, Face{Ask: answer})
			var refused *RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			if made := b.made(); len(made) > 0 {
				t.Errorf("made %v", made)
			}
		})
	}
}

// Two releases of one repository do not run at the same time.
func TestOneReleaseAtATime(t *testing.T) {
	b := newBench(t)
	s := b.session()
	plan, err := s.Plan(context.Background(), b.choices())
	if err != nil {
		t.Fatal(err)
	}
	inside := make(chan error, 1)
	_, err = s.Run(context.Background(), plan, Face{Ask: answer, Emit: func(e Event) {
		if eventName(e) == "StepStarted artifacts" {
			_, err := b.session().Resume(context.Background(), Face{Ask: answer})
			inside <- err
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-inside; !errors.Is(err, journal.ErrRunning) {
		t.Errorf("a second run got %v", fmt.Sprint(err))
	}
}

// Stopped while it pushes, a release is not done: it is no refusal of the remote.
func TestCancelWhilePushing(t *testing.T) {
	b := newBench(t)
	hook := b.origin("")
	c := b.choices()
	c.Push = true
	s := b.session()
	plan, err := s.Plan(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	res, err := s.Run(ctx, plan, Face{Ask: answer, Emit: func(e Event) {
		if eventName(e) == "StepStarted push" {
			cancel()
		}
	}})
	var inc *IncompleteError
	if !errors.As(err, &inc) || inc.Step != StepPush || !errors.Is(err, context.Canceled) || res.PushFailed != nil {
		t.Fatalf("%v; told as %v", err, res.PushFailed)
	}
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	if res, err := b.session().Resume(context.Background(), Face{}); err != nil || !res.Pushed {
		t.Errorf("resumed: %v", err)
	}
}

// Who signs with a weak key knew it from preflight. Whatever else is weak does not pass the check.
func TestCheckPassesOnlyTheWeakKeyThatWasChosen(t *testing.T) {
	p := &Plan{Key: keys.SigningKey{Fingerprint: "AA"}}
	no := false
	weak := func(f keys.Fingerprint) keys.Verdict {
		return keys.Verdict{Kind: keys.KindArtifact, Status: keys.StatusWeak, Signer: &keys.Signatory{Fingerprint: f}}
	}
	untrusted := weak("AA")
	untrusted.Trusted = &no
	failed, _ := p.failing([]keys.Verdict{weak("AA"), weak("BB"), untrusted, {Status: keys.StatusWeak}}, verify.PolicyState{})
	if len(failed) != 3 {
		t.Errorf("%d of 3 failed: %+v", len(failed), failed)
	}
}
