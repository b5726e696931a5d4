package workflow

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// The whole walk, judged by gpg, git, sha256sum and cosign.
func TestWalkIsAcceptedByStrangers(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	reg, imageKey := b.registry()
	c := b.choices()
	c.Images = []string{reg.Host() + "/acme/widget:{version}"}
	res := b.release(c)
	if !res.Good() || len(res.Verdicts) != 6 {
		t.Fatalf("verdicts: %+v", res.Verdicts)
	}

	home := keystest.GnuPGHome(t)
	public, err := b.world.ExportPublic(ctx, keys.ParseSelector(string(b.key.Fingerprint)))
	if err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := keystest.GPG(t, home, public, "--import"); err != nil {
		t.Fatal(stderr)
	}
	env := []string{"GNUPGHOME=" + home, "LC_ALL=C"}
	for _, f := range []string{"widget-1.0.0.tar.gz", "widget_1.0.0_amd64.deb", "SHA256SUMS", "bulla-release.json"} {
		path := filepath.Join(b.repo, "dist", f)
		if st := keystest.GPGStatus(t, home, path+".asc", path); !keystest.HasStatus(st, "GOODSIG") {
			t.Errorf("gpg on %s: %v", f, st)
		}
	}
	git := keystest.Peer(t, "git")
	for _, args := range [][]string{{"verify-tag", "v1.0.0"}, {"tag", "-v", "v1.0.0"}} {
		if _, stderr, err := keystest.Run(t, nil, env, git, append([]string{"-C", b.repo}, args...)...); err != nil || !strings.Contains(stderr, "Good signature") {
			t.Errorf("git %v: %v\n%s", args, err, stderr)
		}
	}
	sh := "cd " + filepath.Join(b.repo, "dist") + " && sha256sum --strict -c SHA256SUMS"
	if out, _, err := keystest.Run(t, nil, env, "sh", "-c", sh); err != nil || strings.Count(out, ": OK") != 2 {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
	cosign := keystest.Peer(t, "cosign")
	image := reg.Host() + "/acme/widget:1.0.0"
	if _, stderr, err := keystest.Run(t, nil, []string{"DOCKER_CONFIG=" + t.TempDir()}, cosign, "verify", "--key", imageKey.PublicPath(), "--insecure-ignore-tlog", image); err != nil {
		t.Errorf("cosign: %v\n%s", err, stderr)
	}
}

// Whoever waits for a host or a git remote is told for which: while an image is signed, the tag is
// pushed, and a release is taken back.
func TestNetworkWaitsAreTold(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	reg, _ := b.registry()
	origin := filepath.Join(b.dir, "origin.git")
	b.git("init", "-q", "--bare", origin)
	b.git("-C", b.repo, "remote", "add", "origin", origin)
	var told []string
	face := Face{Ask: answer, Emit: func(e Event) {
		if w, ok := e.(StepWaiting); ok && w.For == WaitNetwork {
			told = append(told, string(w.Step)+" "+w.Label)
		}
	}}
	is := func(when string, want ...string) {
		t.Helper()
		if !slices.Equal(told, want) {
			t.Errorf("%s: told %q, want %q", when, told, want)
		}
		told = nil
	}
	c := b.choices()
	c.Images, c.Push = []string{reg.Host() + "/acme/widget:{version}"}, true
	s := b.session()
	plan, err := s.Plan(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := s.Run(ctx, plan, face); err != nil || !res.Pushed {
		t.Fatalf("%+v, %v", res, err)
	}
	is("the run", "preflight "+reg.Host(), "key "+reg.Host(), "image "+reg.Host(), "push origin")

	b.git("-C", b.repo, "tag", "-d", "v1.0.0")
	b.git("-C", origin, "tag", "-d", "v1.0.0")
	c.Images, c.Push, c.Replace = []string{}, false, true
	b.leave(c)
	if _, err := b.session().AbandonFor(ctx, face); err != nil {
		t.Fatal(err)
	}
	is("taking it back", "tag origin")

	res := b.release(c)
	if err := b.session().Push(ctx, res, face); err != nil {
		t.Fatal(err)
	}
	is("pushing afterwards", "push origin")
}

// No file that the walk touched holds the passphrase, nor does any event or error.
func TestPassphraseStaysNowhere(t *testing.T) {
	b := newBench(t)
	s := b.session()
	plan, err := s.Plan(context.Background(), b.choices())
	if err != nil {
		t.Fatal(err)
	}
	var events bytes.Buffer
	asked := 0
	ask := func(ctx context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
		asked++
		return answer(ctx, r)
	}
	res, err := s.Run(context.Background(), plan, Face{Ask: ask, Emit: func(e Event) { dump(&events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	if asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
	dump(&events, res)
	if strings.Contains(events.String(), testPassphrase) {
		t.Error("the passphrase is in an event or in the result")
	}
	err = filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(testPassphrase)) {
			t.Errorf("the passphrase is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWalkWithoutFilesOrImages(t *testing.T) {
	b := newBench(t)
	c := b.choices()
	c.Artifacts = nil
	res := b.release(c)
	if !res.Good() || len(res.Verdicts) != 2 {
		t.Fatalf("verdicts: %+v", res.Verdicts)
	}
	if res.Record != filepath.Join(b.repo, record.Name) {
		t.Errorf("record at %s", res.Record)
	}
}

func TestEveryStepTellsItsEnd(t *testing.T) {
	b := newBench(t)
	s := b.session()
	plan, err := s.Plan(context.Background(), b.choices())
	if err != nil {
		t.Fatal(err)
	}
	var ends []StepID
	_, err = s.Run(context.Background(), plan, Face{Ask: answer, Emit: func(e Event) {
		switch e := e.(type) {
		case StepDone:
			ends = append(ends, e.Step)
		case StepSkipped:
			ends = append(ends, e.Step)
			if e.Reason == "" {
				t.Errorf("%s skipped without a reason", e.Step)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []StepID{StepPreflight, StepKey, StepTag, StepArtifacts, StepImage, StepRecord, StepCheck, StepPush}
	if !reflect.DeepEqual(ends, want) {
		t.Errorf("ends %v, want %v", ends, want)
	}
}

// A tampered file, list, tag or record is found by verifying the record.
func TestRecordFindsTampering(t *testing.T) {
	b := newBench(t)
	res := b.release(b.choices())
	ctx := context.Background()
	public := filepath.Join(b.dir, "key.asc")
	data, err := b.world.ExportPublic(ctx, keys.ParseSelector(string(b.key.Fingerprint)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(public, data, 0o644); err != nil {
		t.Fatal(err)
	}
	verify := func() map[string]keys.Status {
		t.Helper()
		v, err := NewVerifier(ctx, b.world, verify.Options{Dir: b.repo, Keys: []string{public}, OnlyKeys: true})
		if err != nil {
			t.Fatal(err)
		}
		vs, err := v.Verify(ctx, []string{res.Record})
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]keys.Status{}
		for _, x := range vs {
			m[filepath.Base(x.Target)] = x.Status
		}
		return m
	}
	for name, st := range verify() {
		if st != keys.StatusGood {
			t.Errorf("untouched %s is %s", name, st)
		}
	}
	for _, name := range []string{"widget-1.0.0.tar.gz", "SHA256SUMS", "bulla-release.json"} {
		path := filepath.Join(b.repo, "dist", name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := slices.Clone(good)
		bad[len(bad)/2] ^= 1
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if st := verify()[name]; st != keys.StatusBad && st != keys.StatusMalformed {
			t.Errorf("tampered %s is %q", name, st)
		}
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.git("-C", b.repo, "tag", "-f", "v1.0.0", "-m", "moved")
	if st := verify()["v1.0.0"]; st != keys.StatusBad {
		t.Errorf("a replaced tag is %q", st)
	}
	b.git("-C", b.repo, "tag", "-d", "v1.0.0")
	if st := verify()["v1.0.0"]; st != keys.StatusNotChecked {
		t.Errorf("a missing tag is %q", st)
	}
}

func TestPushIsConfirmedAndRefusalKeepsTheTag(t *testing.T) {
	b := newBench(t)
	hook := b.origin("echo 'tags are closed today' >&2")
	c := b.choices()
	c.Push = true
	res := b.release(c)
	if res.Pushed || res.PushFailed == nil || !res.Good() {
		t.Fatalf("pushed %v, error %v", res.Pushed, res.PushFailed)
	}
	b.git("-C", b.repo, "rev-parse", "v1.0.0")
	if u, err := b.session().Unfinished(context.Background()); u == nil || err != nil {
		t.Errorf("a refused push can not be resumed: %v, %v", u, err)
	}
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	if err := b.session().Push(context.Background(), res, Face{}); err != nil {
		t.Fatal(err)
	}
	if got := b.git("-C", filepath.Join(b.dir, "origin.git"), "rev-parse", "v1.0.0"); got != res.TagID {
		t.Errorf("the remote has %s, want %s", got, res.TagID)
	}
	if u, err := b.session().Unfinished(context.Background()); u != nil || err != nil {
		t.Errorf("unfinished %v, %v", u, err)
	}
}
