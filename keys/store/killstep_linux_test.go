package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

const stepVariable = "BULLA_TEST_STEP_STORE"

func init() {
	if text := os.Getenv(stepVariable); text != "" {
		changeOnce(text)
	}
}

// changeOnce makes one change to the only key of a store, on the main thread alone, so that its calls
// of the system can be counted, and says where it begins.
func changeOnce(text string) {
	runtime.LockOSThread()
	what, dir, _ := strings.Cut(text, ":")
	s, ctx, ask := Open(Options{Dir: dir}), context.Background(), always(killPasses[0])
	fmt.Println("begins")
	var err error
	switch what {
	case "subkey": // the public and the secret file
		_, _, err = s.AddSubkey(ctx, keys.Selector{}, SubkeyParams{}, ask)
	case "passphrase": // the secret file alone
		_, err = s.ChangePassphrase(ctx, keys.Selector{}, secret(killPasses[1]), ask)
	case "extend": // the public file alone
		_, err = s.Extend(ctx, keys.Selector{}, ExtendParams{Lifetime: 365 * 24 * time.Hour}, ask)
	case "undo":
		_, err = s.Undo(ctx, keys.Selector{})
	}
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// step is a call of the system: the nth one of its name.
type step struct {
	call string
	nth  int
}

// stepCalls are the calls that change what is on the disk.
const stepCalls = "renameat,renameat2,linkat,unlinkat,fsync"

// traced runs a change under strace and returns the calls that it made on its main thread, from where
// it begins. With a step it is killed as it enters that.
func traced(t *testing.T, what, dir string, kill *step) (steps []step) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	args := []string{"-f", "-o", trace, "-e", "trace=write," + stepCalls, "-e", "signal=none"}
	if kill != nil {
		args = append(args, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", kill.call, kill.nth))
	}
	c := exec.Command(keystest.Peer(t, "strace"), append(args, os.Args[0], "-test.run=^$")...)
	c.Env = append(os.Environ(), stepVariable+"="+what+":"+dir, "GOMAXPROCS=1")
	out, err := c.CombinedOutput()
	data, readErr := os.ReadFile(trace)
	if readErr != nil || (kill == nil) != (err == nil) {
		t.Fatalf("%s, killed at %+v: %v, %v\n%s", what, kill, err, readErr, out)
	}
	main, count, begun := "", map[string]int{}, false
	line := regexp.MustCompile(`^(\d+) +([a-z0-9]+)\((.*)`)
	for l := range strings.SplitSeq(string(data), "\n") {
		m := line.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		if m[2] == "write" {
			if strings.Contains(m[3], `"begins`) {
				main, begun = m[1], true
			}
			continue
		}
		if count[m[1]+m[2]]++; begun && m[1] == main {
			steps = append(steps, step{m[2], count[m[1]+m[2]]})
		}
	}
	return steps
}

// TestKilledAtEveryStep: a change that is killed as it enters any call that renames or removes a file,
// or its last sync, leaves the old key or the new one, whole: it opens under the one or the other
// passphrase, signs, gpg and sq take it, and the one before the new one is kept.
func TestKilledAtEveryStep(t *testing.T) {
	if out, err := exec.Command(keystest.Peer(t, "strace"), "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("nothing can be traced here: %s", out)
	}
	s := testStore(t, time.Now().Add(-time.Hour))
	g := generate(t, s, GenerateParams{Lifetime: 90 * 24 * time.Hour, Passphrase: secret(killPasses[0])})
	if _, err := s.Extend(context.Background(), selector(g.Key), ExtendParams{Lifetime: 100 * 24 * time.Hour}, killAsk()); err != nil {
		t.Fatal(err) // so that there is a version before, too
	}
	for _, what := range []string{"subkey", "passphrase", "extend", "undo"} {
		t.Run(what, func(t *testing.T) {
			before := stateOf(t, s.dir)
			whole := storeCopy(t, s.dir)
			steps := traced(t, what, whole, nil)
			after := stateOf(t, whole)
			if len(steps) < 4 || after == before {
				t.Fatalf("%d steps, and %+v", len(steps), after)
			}
			last := len(steps) - 1 // between two others a sync changes nothing that another process could see
			steps = append(slices.DeleteFunc(slices.Clone(steps[:last]), func(s step) bool { return s.call == "fsync" }), steps[last])
			if testing.Short() {
				steps = steps[len(steps)/2:]
			}
			last = len(steps) - 1
			seen := map[stateIs]int{}
			for _, at := range steps {
				dir := storeCopy(t, s.dir)
				traced(t, what, dir, &at)
				got := stateOf(t, dir)
				if got != before && got != after {
					t.Errorf("killed at %+v: neither the old key nor the new one: %+v", at, got)
				}
				seen[got]++
				later := Open(Options{Dir: dir, Now: func() time.Time { return time.Now().Add(time.Hour) }})
				if _, ok := later.Previous(g.Key.Fingerprint); !ok && got == after {
					t.Errorf("killed at %+v: the key before is gone", at)
				}
				if at != steps[last] && at != steps[0] {
					continue
				}
				// The next change clears away what is left behind, and is as good.
				if k, err := later.Extend(context.Background(), keys.Selector{}, ExtendParams{Lifetime: 200 * 24 * time.Hour}, killAsk()); err != nil || !k.HasSecret {
					t.Errorf("killed at %+v: %v", at, err)
				}
				checkFileModes(t, later)
			}
			if !testing.Short() && (seen[before] == 0 || seen[after] == 0) {
				t.Errorf("killed at %d steps, which left only %v", len(steps), seen)
			}
		})
	}
}

// stateIs is what a store with one key says, as far as two runs of the same change agree on it.
type stateIs struct {
	subkeys int
	ends    int // from now, in steps of five days
	pass    string
}

// judged are the public keys that gpg and sq have taken.
var judged = map[string]bool{}

// stateOf checks that the only key of a store is whole: it can be read, opened, and signs.
func stateOf(t *testing.T, dir string) stateIs {
	t.Helper()
	ctx := context.Background()
	s := Open(Options{Dir: dir, Now: func() time.Time { return time.Now().Add(time.Hour) }})
	list, err := s.List(ctx)
	if err != nil || len(list) != 1 || !list[0].HasSecret || len(s.Problems(ctx)) != 0 {
		t.Fatalf("%v, %+v, %v", err, list, s.Problems(ctx))
	}
	out := stateIs{subkeys: len(list[0].Subkeys), ends: int(time.Until(list[0].Expires).Hours()/24+2.5) / 5}
	signer, err := s.Signer(ctx, keys.Selector{})
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	err = signer.Unlock(ctx, func(_ context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
		out.pass = killPasses[(r.Attempt-1)%2]
		return secret(out.pass), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(time.Hour)
	sig, err := signer.Sign(ctx, hashed(signer.Key().Hash, "text"), at)
	if err != nil {
		t.Fatal(err)
	}
	public, err := s.ExportPublic(ctx, keys.Selector{})
	if err != nil {
		t.Fatal(err)
	}
	if v := judge(t, public, sig, "text", at.Add(time.Minute)); v.Status != keys.StatusGood {
		t.Errorf("%+v", v)
	}
	if !judged[string(public)] {
		judged[string(public)] = true
		gpg(t, gnupgHome(t), public, "--import")
		sqInspect(t, s, list[0])
	}
	return out
}

func storeCopy(t *testing.T, dir string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "keys")
	if err := os.CopyFS(out, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, dirMode)
		} else if err == nil {
			err = os.Chmod(path, fileMode)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
