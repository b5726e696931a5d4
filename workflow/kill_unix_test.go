//go:build unix

package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bulla/docker/cosign"
	"bulla/docker/loopback"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/keystest"
	"bulla/workflow/images"
	"bulla/workflow/journal"
	"bulla/workflow/record"
)

// killPlan tells a child process of this test what to release and when to die.
type killPlan struct {
	Dir, Repo string
	Choices   Choices
	// Event is the type and step of the event at which the child kills itself with SIGKILL, such
	// as "StepDone tag"; Count which one of them.
	Event string
	Count int
	// Room, if not 0, is the size in bytes that no file may grow beyond while it releases: as on a
	// full disk, what fits is written and the rest is an error.
	Room uint64
}

const killVariable = "BULLA_TEST_KILL"

func TestMain(m *testing.M) {
	if text := os.Getenv(killVariable); text != "" {
		dieReleasing(text)
	}
	os.Exit(m.Run())
}

// dieReleasing runs a release and kills its own process at the planned event.
func dieReleasing(text string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var k killPlan
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		fail(err)
	}
	w, err := openWorld(k.Dir)
	if err != nil {
		fail(err)
	}
	ctx := context.Background()
	s, err := Open(ctx, w, k.Repo)
	if err != nil {
		fail(err)
	}
	plan, err := s.Plan(ctx, k.Choices)
	if err != nil {
		fail(err)
	}
	if k.Room > 0 {
		signal.Ignore(syscall.SIGXFSZ)
		var limit syscall.Rlimit
		setTo(&limit.Cur, k.Room)
		setTo(&limit.Max, k.Room)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			fail(err)
		}
	}
	seen := 0
	_, err = s.Run(ctx, plan, Face{Ask: answer, Emit: func(e Event) {
		if eventName(e) == k.Event {
			if seen++; seen == k.Count {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		}
	}})
	fail(fmt.Errorf("the run ended by itself: %w", errors.Join(err, errors.New(k.Event))))
}

// setTo sets a number whose type the systems do not agree on.
func setTo[T int64 | uint64](p *T, n uint64) { *p = T(n) }

// kill runs a release in a child that dies at the event, and reports whether it did.
func (b *bench) kill(c Choices, event string, count int) bool {
	b.t.Helper()
	out, exit := b.child(killPlan{Choices: c, Event: event, Count: count})
	ws, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || !ws.Signaled() {
		b.t.Logf("%s", out)
		return false
	}
	return true
}

// child runs a release in a process of its own, which is not meant to complete it.
func (b *bench) child(k killPlan) (out string, exit *exec.ExitError) {
	b.t.Helper()
	k.Dir, k.Repo = b.dir, b.repo
	text, err := json.Marshal(k)
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), killVariable+"="+string(text))
	said, err := cmd.CombinedOutput()
	if !errors.As(err, &exit) {
		b.t.Fatalf("%v\n%s", err, said)
	}
	return string(said), exit
}

// deaths are the moments at which the walk is killed: every boundary of every step that writes,
// and inside the signing of files.
var deaths = []struct {
	event string
	count int
}{
	{"StepStarted tag", 1}, {"StepDone tag", 1},
	{"StepStarted artifacts", 1}, {"StepProgress artifacts", 1}, {"StepProgress artifacts", 2}, {"StepProgress artifacts", 3}, {"StepDone artifacts", 1},
	{"StepStarted image", 1}, {"StepProgress image", 1}, {"StepDone image", 1},
	{"StepStarted record", 1}, {"StepDone record", 1},
	{"StepStarted check", 1}, {"Checked check", 2}, {"StepDone check", 1}, {"StepSkipped push", 1},
}

// Killed anywhere, a resumed release completes: each target carries exactly one signature by the
// key, none is half-written and no temporary file remains.
func TestKilledReleaseResumes(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	reg, err := loopback.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	if _, err := images.KeysOf(b.world).Generate(ctx, "release", keys.NewSecret([]byte(testPassphrase))); err != nil {
		t.Fatal(err)
	}
	for i, d := range deaths {
		version := fmt.Sprintf("1.0.%d", i)
		t.Run(fmt.Sprintf("%s %d", d.event, d.count), func(t *testing.T) {
			if _, err := reg.PushSample(ctx, "acme/widget", version); err != nil {
				t.Fatal(err)
			}
			b.t = t
			b.clean()
			c := b.choices()
			c.Version, c.Images = version, []string{reg.Host() + "/acme/widget:{version}"}
			if !b.kill(c, d.event, d.count) {
				t.Fatal("the child was not killed at this event: does it still exist?")
			}
			b.leaveTemp()
			s := b.session()
			if _, err := s.Plan(ctx, c); err == nil {
				t.Error("a new release was planned beside the unfinished one")
			}
			res, err := s.Resume(ctx, Face{Ask: answer})
			if err != nil {
				t.Fatal(err)
			}
			if !res.Good() || !res.Resumed {
				t.Errorf("verdicts %+v", res.Verdicts)
			}
			b.exactlyOnce(res, reg)
			b.noTempObject()
		})
	}
}

// A process that was killed while it made the tag's ref, or removed it, has left the lock of it. The
// next run knows its own and goes on; what others hold stays.
func TestKilledWithTheLockOfTheTag(t *testing.T) {
	ctx := context.Background()
	stop := func(t *testing.T) (b *bench, lock string) {
		b = newBench(t)
		if !b.kill(b.choices(), "StepDone tag", 1) {
			t.Fatal("not killed")
		}
		ref := filepath.Join(b.repo, ".git", "refs", "tags", "v1.0.0")
		if err := os.Rename(ref, ref+".lock"); err != nil { // as before the rename that makes the ref
			t.Fatal(err)
		}
		return b, ref + ".lock"
	}
	gone := func(t *testing.T, lock string) {
		t.Helper()
		if _, err := os.Lstat(lock); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the lock remains: %v", err)
		}
	}
	t.Run("resumed", func(t *testing.T) {
		b, lock := stop(t)
		if res, err := b.session().Resume(ctx, Face{First: answer}); err != nil || !res.Good() {
			t.Fatalf("%+v, %v", res, err)
		}
		gone(t, lock)
	})
	t.Run("taken back", func(t *testing.T) {
		b, lock := stop(t)
		if _, err := b.session().Abandon(ctx); err != nil {
			t.Fatal(err)
		}
		gone(t, lock)
	})
	t.Run("another's", func(t *testing.T) {
		b, lock := stop(t)
		if err := os.WriteFile(lock, []byte(b.git("-C", b.repo, "rev-parse", "HEAD")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		var locked *gitops.LockedError
		if _, err := b.session().Resume(ctx, Face{First: answer}); !errors.As(err, &locked) {
			t.Fatal(err)
		}
		if _, err := os.Lstat(lock); err != nil {
			t.Error("somebody else's lock is gone")
		}
	})
}

// leaveTemp puts down a temporary file such as a process killed while writing leaves.
func (b *bench) leaveTemp() {
	b.t.Helper()
	b.write("dist/"+atomicfile.TempPrefix+"SHA256SUMS-1", "half a signature")
	b.write(tempObject, "half a tag") // where go-git writes one
}

const tempObject = ".git/objects/pack/tmp_obj_123456"

// noTempObject: the next run has removed it.
func (b *bench) noTempObject() {
	b.t.Helper()
	if _, err := os.Stat(filepath.Join(b.repo, filepath.FromSlash(tempObject))); err == nil {
		b.t.Error("a half-written tag object remains")
	}
}

func (b *bench) exactlyOnce(res *Result, reg *loopback.Registry) {
	b.t.Helper()
	want := "SHA256SUMS SHA256SUMS.asc bulla-release.json bulla-release.json.asc widget-1.0.0.tar.gz.asc widget_1.0.0_amd64.deb.asc"
	var all []string
	entries, err := os.ReadDir(filepath.Join(b.repo, "dist"))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".gz") && !strings.HasSuffix(e.Name(), ".deb") {
			all = append(all, e.Name())
		}
		if strings.HasSuffix(e.Name(), ".asc") {
			data, err := os.ReadFile(filepath.Join(b.repo, "dist", e.Name()))
			if err != nil || strings.Count(string(data), "BEGIN PGP SIGNATURE") != 1 || !strings.HasSuffix(string(data), "-----END PGP SIGNATURE-----\n") {
				b.t.Errorf("%s is not one whole signature", e.Name())
			}
		}
	}
	if got := strings.Join(all, " "); got != want {
		b.t.Errorf("dist has %s\nwant %s", got, want)
	}
	ctx := context.Background()
	img, err := b.session().ResolveImage(ctx, res.Images[0].Name)
	if err != nil {
		b.t.Fatal(err)
	}
	list, err := b.session().ImageKeys(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	data, err := os.ReadFile(list[0].PublicPath())
	if err != nil {
		b.t.Fatal(err)
	}
	pub, err := cosign.ParsePublicKey(data)
	if err != nil {
		b.t.Fatal(err)
	}
	vs, err := cosign.Verify(ctx, b.world.Registry, img, []cosign.PublicKey{pub})
	if err != nil || len(vs) != 1 {
		b.t.Errorf("the image has %d signatures, want one (%v)", len(vs), err)
	}
}

// Killed anywhere, an abandoned release leaves the repository and the folder as they were; what
// reached the registry is listed as kept.
func TestKilledReleaseIsAbandoned(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	for _, d := range deaths {
		if strings.HasSuffix(d.event, "image") || d.event == "StepSkipped push" {
			continue // this release has no image; after the last event nothing is left to abandon
		}
		t.Run(fmt.Sprintf("%s %d", d.event, d.count), func(t *testing.T) {
			b.t = t
			if !b.kill(b.choices(), d.event, d.count) {
				t.Fatal("the child was not killed at this event")
			}
			b.leaveTemp()
			s := b.session()
			done, err := s.Abandon(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if len(done.Kept) > 0 {
				t.Errorf("kept %v", done.Kept)
			}
			b.noTempObject()
			if left := b.made(); len(left) > 0 {
				t.Errorf("left in dist: %v", left)
			}
			if tags := b.git("-C", b.repo, "tag"); tags != "" {
				t.Errorf("tags left: %s", tags)
			}
			if u, err := b.session().Unfinished(ctx); u != nil || err != nil {
				t.Errorf("unfinished %v, %v", u, err)
			}
		})
	}
	// The repository is as good as new: the release can be made.
	if res := b.release(b.choices()); !res.Good() {
		t.Errorf("verdicts %+v", res.Verdicts)
	}
	_ = keystest.Peer(t, "git")
}

// What a killed release did not make survives when it is abandoned: a signature that stood there
// before, a list that somebody else wrote meanwhile, a file that was changed since.
func TestAbandonKeepsWhatIsNotItsOwn(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	path := filepath.Join(b.repo, "dist", "widget-1.0.0.tar.gz")
	if _, err := SignFiles(ctx, b.world, b.repo, []string{path}, keys.ParseSelector(""), answer, SignFilesOptions{}); err != nil {
		t.Fatal(err)
	}
	if !b.kill(b.choices(), "StepDone artifacts", 1) {
		t.Fatal("not killed")
	}
	b.write("dist/"+record.Name, "somebody else's")
	b.write("dist/SHA256SUMS", "changed since")
	done, err := b.session().Abandon(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"SHA256SUMS", record.Name, "widget-1.0.0.tar.gz.asc"}
	if got := b.made(); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("left %v, want %v; told %+v", got, want, done)
	}
	if len(done.Kept) < 2 {
		t.Errorf("kept %v", done.Kept)
	}
}

// A tag that others may have stays, with what vouches for it: pushed by the walk, by hand, or to a
// push address of its own.
func TestAbandonKeepsAPushedTag(t *testing.T) {
	for name, push := range map[string]func(b *bench, origin string) bool{
		"by the walk": func(b *bench, _ string) bool {
			c := b.choices()
			c.Push = true
			return b.kill(c, "StepDone push", 1)
		},
		"by hand": func(b *bench, _ string) bool {
			killed := b.kill(b.choices(), "StepDone artifacts", 1)
			b.git("-C", b.repo, "push", "-q", "origin", "v1.0.0")
			return killed
		},
		"to a push address": func(b *bench, origin string) bool {
			b.git("init", "-q", "--bare", origin+".push")
			b.git("-C", b.repo, "config", "remote.origin.pushurl", origin+".push")
			c := b.choices()
			c.Push = true
			return b.kill(c, "StepDone push", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			origin := filepath.Join(b.dir, "origin.git")
			b.git("init", "-q", "--bare", origin)
			b.git("-C", b.repo, "remote", "add", "origin", origin)
			if !push(b, origin) {
				t.Fatal("not killed")
			}
			done, err := b.session().Abandon(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			b.git("-C", b.repo, "rev-parse", "v1.0.0")
			if len(done.Removed) > 0 || !strings.Contains(strings.Join(done.Kept, "\n"), "pushed") {
				t.Errorf("%+v", done)
			}
		})
	}
}

// Even when the artifacts are gone, a release can be abandoned.
func TestAbandonWithoutTheFolder(t *testing.T) {
	b := newBench(t)
	if !b.kill(b.choices(), "StepDone artifacts", 1) {
		t.Fatal("not killed")
	}
	if err := os.RemoveAll(filepath.Join(b.repo, "dist")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.session().Resume(context.Background(), Face{Ask: answer}); err == nil {
		t.Error("resumed without its files")
	}
	if _, err := b.session().Abandon(context.Background()); err != nil {
		t.Fatal(err)
	}
	if u, err := b.session().Unfinished(context.Background()); u != nil || err != nil {
		t.Errorf("unfinished %v, %v", u, err)
	}
}

// A crash in the middle of a line, or between the last line and the move of the file, is mended.
func TestTornJournal(t *testing.T) {
	for name, tear := range map[string]func([]byte) []byte{
		"no newline":       func(d []byte) []byte { return d[:len(d)-1] },
		"half a line":      func(d []byte) []byte { return d[:len(d)-10] },
		"garbage":          func(d []byte) []byte { return append(d, "\x00\x00garbage\n"...) },
		"git config moved": func(d []byte) []byte { return d },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if !b.kill(b.choices(), "StepDone tag", 1) {
				t.Fatal("not killed")
			}
			path := journal.Path(filepath.Join(b.repo, ".git"))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, tear(data), 0o600); err != nil {
				t.Fatal(err)
			}
			b.git("-C", b.repo, "config", "core.commentChar", "w") // the message begins with it
			res, err := b.session().Resume(context.Background(), Face{Ask: answer})
			if err != nil || !res.Good() {
				t.Fatal(err)
			}
		})
	}
	t.Run("finished but not moved", func(t *testing.T) {
		b := newBench(t)
		b.release(b.choices())
		done := journal.DonePath(filepath.Join(b.repo, ".git"), "v1.0.0")
		if err := os.Rename(done, journal.Path(filepath.Join(b.repo, ".git"))); err != nil {
			t.Fatal(err)
		}
		if u, err := b.session().Unfinished(context.Background()); u != nil || err != nil {
			t.Errorf("unfinished %v, %v", u, err)
		}
		if _, err := b.session().Abandon(context.Background()); !errors.Is(err, ErrNothingToResume) {
			t.Errorf("abandoned a finished release: %v", err)
		}
		b.git("-C", b.repo, "rev-parse", "v1.0.0")
		if _, ok := journal.Finished[*Plan](filepath.Join(b.repo, ".git"), "v1.0.0"); !ok {
			t.Error("the journal was not put away")
		}
	})
}
