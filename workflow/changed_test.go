package workflow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/workflow/images"
)

// A file that was touched between the plan and the run is refused, though its size is the same.
func TestRunSeesATouchedFile(t *testing.T) {
	b := newBench(t)
	s := b.session()
	plan, err := s.Plan(t.Context(), b.choices())
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(plan.Files[0].Path, later, later); err != nil {
		t.Fatal(err)
	}
	asked := false
	_, err = s.Run(t.Context(), plan, Face{Ask: func(ctx context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
		asked = true
		return answer(ctx, r)
	}})
	var refused *RefusedError
	var changed *artifacts.ChangedError
	if !errors.As(err, &refused) || !errors.As(refused.Errors()[0].Err, &changed) || asked {
		t.Errorf("%v; asked for the passphrase: %v", err, asked)
	}
	if made := b.made(); len(made) > 0 {
		t.Errorf("made %v", made)
	}
}

// Another pair of image keys lies there since the plan: what was shown is not what would sign.
func TestRunSeesAnotherImageKey(t *testing.T) {
	b := newBench(t)
	reg, key := b.registry()
	other, err := images.KeysOf(b.world).Generate(t.Context(), "other", keys.NewSecret([]byte(testPassphrase)))
	if err != nil {
		t.Fatal(err)
	}
	c := b.choices()
	c.Images, c.ImageKey = []string{reg.Host() + "/acme/widget:1.0.0"}, key.Path
	s := b.session()
	plan, err := s.Plan(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, half := range []string{".key", ".pub"} {
		data, err := os.ReadFile(strings.TrimSuffix(other.Path, ".key") + half)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(strings.TrimSuffix(key.Path, ".key")+half, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Run(t.Context(), plan, Face{Ask: answer}); err == nil {
		t.Error("another key signed")
	}
	if made := b.made(); len(made) > 0 {
		t.Errorf("made %v", made)
	}
}

// planWithImage is a registry, and the plan of a release whose image is there.
func (b *bench) planWithImage() (*loopback.Registry, *Session, *Plan) {
	b.t.Helper()
	reg, key := b.registry()
	c := b.choices()
	c.Images, c.ImageKey = []string{reg.Host() + "/acme/widget:1.0.0"}, key.Path
	s := b.session()
	plan, err := s.Plan(b.t.Context(), c)
	if err != nil {
		b.t.Fatal(err)
	}
	return reg, s, plan
}

// A tag that was moved, or a registry that went away, after the plan was made, or while the passphrase was
// asked for: nothing is made, and nothing is signed for the name.
func TestRunSeesAMovedImage(t *testing.T) {
	for _, closed := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			b := newBench(t)
			reg, s, plan := b.planWithImage()
			change := func() {
				if closed {
					reg.Close()
				} else if _, err := reg.PushRandom(t.Context(), "acme/widget", "1.0.0", 30, false); err != nil {
					t.Error(err)
				}
			}
			if !late {
				change()
			}
			asked := 0
			_, err := s.Run(t.Context(), plan, Face{Ask: func(ctx context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
				if asked++; asked == 1 && late {
					change()
				}
				return answer(ctx, r)
			}})
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Unreachable() != closed || (asked > 0) != late {
				t.Fatalf("closed %v, late %v: %v; asked %d times", closed, late, err, asked)
			}
			var moved *docker.MovedError
			if f := refused.Errors()[0]; errors.As(f.Err, &moved) == closed || !closed && (moved.Was != plan.Images[0].Digest || !strings.Contains(f.Message, moved.Is)) {
				t.Errorf("closed %v, late %v: %+v", closed, late, f)
			}
			if made := b.made(); len(made) > 0 {
				t.Errorf("made %v", made)
			}
		}
	}
}

// A tag that is moved once the release has begun is not signed where it was.
func TestImageMovedInTheRun(t *testing.T) {
	b := newBench(t)
	reg, s, plan := b.planWithImage()
	_, err := s.Run(t.Context(), plan, Face{Ask: answer, Emit: func(e Event) {
		if st, ok := e.(StepStarted); ok && st.Step == StepImage {
			if _, err := reg.PushRandom(t.Context(), "acme/widget", "1.0.0", 30, false); err != nil {
				t.Error(err)
			}
		}
	}})
	var inc *IncompleteError
	var moved *docker.MovedError
	var published *cosign.PublishedError
	if !errors.As(err, &inc) || inc.Step != StepImage || !errors.As(err, &moved) || errors.As(err, &published) {
		t.Fatal(err)
	}
	ref, err := docker.ParseReference(plan.Images[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := cosign.Inspect(t.Context(), b.world.Registry.Repo(ref), plan.Images[0].Digest, nil); err != nil || len(r.Signatures) > 0 {
		t.Errorf("signed all the same: %+v, %v", r, err)
	}
}

// Nor is it when the release goes on after a kill, where nothing was published before; what was published
// then stands, and is told.
func TestImageMovedBeforeTheResumption(t *testing.T) {
	for _, published := range []bool{false, true} {
		b := newBench(t)
		reg, s, plan := b.planWithImage()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.Run(ctx, plan, Face{Ask: answer, Emit: func(e Event) {
			if eventName(e) == map[bool]string{false: "StepStarted image", true: "StepDone image"}[published] {
				cancel()
			}
		}})
		cancel()
		var inc *IncompleteError
		if !errors.As(err, &inc) {
			t.Fatal(err)
		}
		b.forgetStep(StepImage)
		if _, err := reg.PushRandom(t.Context(), "acme/widget", "1.0.0", 30, false); err != nil {
			t.Fatal(err)
		}
		_, err = b.session().Resume(t.Context(), Face{Ask: answer})
		var moved *docker.MovedError
		var public *cosign.PublishedError
		if !errors.As(err, &moved) || errors.As(err, &public) != published {
			t.Errorf("published %v: %v", published, err)
		}
		ref, err := docker.ParseReference(plan.Images[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := cosign.Inspect(t.Context(), b.world.Registry.Repo(ref), plan.Images[0].Digest, nil); err != nil || (len(r.Signatures) == 1) != published {
			t.Errorf("published %v: %+v, %v", published, r, err)
		}
	}
}

// While one of the addresses of a push cannot be asked, nobody knows that the push is done.
func TestHalfKnownPushIsNotDone(t *testing.T) {
	b := newBench(t)
	hook := b.origin("")
	origin, mirror := filepath.Dir(filepath.Dir(hook)), filepath.Join(b.dir, "mirror.git")
	b.git("init", "-q", "--bare", mirror)
	b.git("-C", b.repo, "config", "--add", "remote.origin.pushurl", mirror)
	b.git("-C", b.repo, "config", "--add", "remote.origin.pushurl", origin)
	c := b.choices()
	c.Push = true
	if b.release(c).PushFailed == nil {
		t.Fatal("it was pushed")
	}
	if err := os.RemoveAll(origin); err != nil {
		t.Fatal(err)
	}
	if u, err := b.session().Unfinished(t.Context()); u == nil || err != nil {
		t.Errorf("settled: %v", err)
	}
}

// In a bare repository no branch is checked out, and none can be the wrong one.
func TestPreflightOfABareRepository(t *testing.T) {
	b := newBench(t)
	bare := filepath.Join(b.dir, "bare.git")
	b.git("clone", "-q", "--bare", b.repo, bare)
	b.git("-C", bare, "remote", "remove", "origin")
	b.git("-C", bare, "config", "user.name", "Rhea Release")
	b.git("-C", bare, "config", "user.email", "rhea@example.org")
	b.git("-C", bare, "update-ref", "--no-deref", "HEAD", b.git("-C", b.repo, "rev-parse", "HEAD"))
	b.repo = bare
	found := b.session().Preflight(t.Context(), Choices{Version: "1.0.0", Files: []artifacts.File{}})
	if slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == RuleDetached || f.Rule == RuleBranch }) {
		t.Errorf("%+v", found)
	}
}

// What was typed wrongly to the end is forgotten: the next run asks anew, and nobody offers to keep it.
func TestWrongPassphrasesAreForgotten(t *testing.T) {
	b := newBench(t)
	s := b.session()
	plan, err := s.Plan(t.Context(), b.choices())
	if err != nil {
		t.Fatal(err)
	}
	wrong := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		return keys.NewSecret([]byte("not this one")), nil
	}
	if _, err := s.Run(t.Context(), plan, Face{Ask: wrong}); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Fatal(err)
	}
	if kept := b.world.Vault.Unsaved(); len(kept) > 0 {
		t.Errorf("to be kept: %+v", kept)
	}
	var attempts []int
	_, err = s.Run(t.Context(), plan, Face{Ask: func(ctx context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
		attempts = append(attempts, r.Attempt)
		return answer(ctx, r)
	}})
	if err != nil || !slices.Equal(attempts, []int{1}) {
		t.Errorf("%v; asked as attempt %v", err, attempts)
	}
}
