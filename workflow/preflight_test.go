package workflow

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/keys/store"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/journal"
	"bulla/workflow/keychoice"
	"bulla/workflow/keydesk"
	"bulla/workflow/project"
	"bulla/workflow/record"
	"bulla/workflow/world"
)

// Each thing that can be wrong before a release is refused by its own rule, and nothing is made.
func TestPreflightRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		rule  finding.Rule
		spoil func(b *bench, c *Choices)
	}{
		{"dirty tree", RuleDirty, func(b *bench, _ *Choices) { b.write("README", "changed\n") }},
		{"staged change", RuleDirty, func(b *bench, _ *Choices) {
			b.write("README", "staged\n")
			b.git("-C", b.repo, "add", "README")
		}},
		{"detached HEAD", RuleDetached, func(b *bench, _ *Choices) { b.git("-C", b.repo, "checkout", "-q", "--detach") }},
		{"wrong branch", RuleBranch, func(b *bench, _ *Choices) { b.write(project.ConfigName, "[release]\nbranch = \"stable\"\n") }},
		{"no version", RuleVersion, func(_ *bench, c *Choices) { c.Version = "" }},
		{"a version that is none", RuleVersion, func(_ *bench, c *Choices) { c.Version = "next" }},
		{"a version with a space", RuleVersion, func(_ *bench, c *Choices) { c.Version = "1.0 0" }},
		{"an option as a version", RuleVersion, func(_ *bench, c *Choices) { c.Version = "--force" }},
		{"tag exists", RuleTagExists, func(b *bench, _ *Choices) { b.git("-C", b.repo, "tag", "v1.0.0") }},
		{"a tag that the new one would be a folder of", RuleTagExists, func(b *bench, _ *Choices) { b.git("-C", b.repo, "tag", "v1.0.0/docs") }},
		{"a tag that would be a folder of the new one", RuleTagExists, func(b *bench, c *Choices) {
			b.write(project.ConfigName, "[release]\ntag = \"widget/v{version}\"\n")
			b.git("-C", b.repo, "tag", "widget")
		}},
		{"tag exists on the remote", RuleTagRemote, func(b *bench, _ *Choices) {
			b.git("clone", "-q", "--bare", b.repo, filepath.Join(b.dir, "o.git"))
			b.git("-C", filepath.Join(b.dir, "o.git"), "tag", "v1.0.0")
			b.git("-C", b.repo, "remote", "add", "origin", filepath.Join(b.dir, "o.git"))
		}},
		{"push without a remote", RuleRemote, func(_ *bench, c *Choices) { c.Push = true }},
		{"push to a remote that is gone", RuleRemote, func(b *bench, c *Choices) {
			b.git("-C", b.repo, "remote", "add", "origin", filepath.Join(b.dir, "gone.git"))
			c.Push = true
		}},
		{"no identity", RuleIdentity, func(b *bench, _ *Choices) {
			b.git("-C", b.repo, "config", "--unset", "user.email")
			b.git("-C", b.repo, "config", "user.useConfigOnly", "true")
		}},
		{"a key that the policy does not list", RulePolicy, func(b *bench, _ *Choices) {
			b.commitPolicy(strings.Replace(b.policyText(`"tag"`, ""), string(b.key.Fingerprint), strings.Repeat("0", 40), 1))
		}},
		{"a key that the policy lists for something else", RulePolicy, func(b *bench, _ *Choices) {
			b.commitPolicy(b.policyText(`"artifact"`, "[[policy.signer]]\nname = \"Ola\"\nkeys = [\""+strings.Repeat("0", 40)+"\"]\nsigns = [\"tag\"]\n"))
		}},
		{"unknown key", keychoice.RuleNoKey, func(_ *bench, c *Choices) { c.Key = "0123456789ABCDEF0123456789ABCDEF01234567" }},
		{"no such file", RuleNoArtifacts, func(_ *bench, c *Choices) { c.Artifacts = []string{"build/*"} }},
		{"folder among the globs", RuleArtifact, func(b *bench, c *Choices) {
			b.write("dist/docs/index.html", "x")
			c.Artifacts = []string{"dist/*"}
		}},
		{"files of folders that have nothing in common", RuleArtifact, func(b *bench, c *Choices) {
			if runtime.GOOS == "windows" {
				b.t.Skip("no /etc/passwd")
			}
			c.Artifacts = append(c.Artifacts, "/etc/passwd")
		}},
		{"equal names", RuleArtifact, func(b *bench, c *Choices) {
			b.write("dist/a/x.bin", "x")
			b.write("dist/b/x.bin", "y")
			c.Artifacts = []string{"dist/*/x.bin"}
		}},
		{"foreign text as a signature", RuleSignatureExists, func(b *bench, _ *Choices) { b.write("dist/widget-1.0.0.tar.gz.asc", "hello") }},
		{"somebody's checksums", RuleSignatureExists, func(b *bench, _ *Choices) { b.write("dist/SHA256SUMS", strings.Repeat("0", 64)+"  other\n") }},
		{"an old record", RuleSignatureExists, func(b *bench, _ *Choices) { b.write("dist/"+record.Name, "{}") }},
		{"a stale signature that nothing replaces", RuleArtifact, func(b *bench, c *Choices) {
			b.write("dist/widget-1.0.0.tar.gz.asc", "hello")
			only := true
			c.ChecksumsOnly, c.Replace = &only, true
		}},
		{"an orphan signature of a record", RuleSignatureExists, func(b *bench, _ *Choices) { b.write("dist/"+record.Name+".asc", "old") }},
		{"an orphan signature of the checksums", RuleSignatureExists, func(b *bench, _ *Choices) { b.write("dist/SHA256SUMS.asc", "old") }},
		{"a record of a release without files", RuleSignatureExists, func(b *bench, c *Choices) {
			c.Artifacts = nil
			b.write(record.Name, "{}")
		}},
		{"a message like armor", RuleMessage, func(_ *bench, c *Choices) { c.Message = "x\n-----BEGIN PGP SIGNATURE-----\n" }},
		{"image without a tag", RuleImage, func(_ *bench, c *Choices) { c.Images = []string{"registry.example.org/widget"} }},
		{"image without a key", RuleImageKey, func(_ *bench, c *Choices) { c.Images = []string{"127.0.0.1:1/widget:1.0.0"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			choices := b.choices()
			c.spoil(b, &choices)
			before := b.made()
			e := b.refused(choices, c.rule)
			for _, f := range e.Errors() {
				if f.Message == "" {
					t.Errorf("%s has no message", f.Rule)
				}
			}
			if after := b.made(); len(after) != len(before) {
				t.Errorf("files appeared: %v", after)
			}
			if _, err := os.Stat(journal.Path(filepath.Join(b.repo, ".git"))); err == nil {
				t.Error("a journal was begun")
			}
		})
	}
}

// A name that leaves no room for .asc is in the way of a signature, and of nothing else.
func TestPreflightFindsALongName(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("other names are too long there")
	}
	b := newBench(t)
	b.write("dist/"+strings.Repeat("n", 250)+".gz", "x")
	c := b.choices()
	if e := b.refused(c, RuleArtifact); !strings.Contains(e.Errors()[0].Message, "too long") {
		t.Errorf("told %q", e.Errors()[0].Message)
	}
	only := true
	c.ChecksumsOnly = &only
	b.release(c)
}

func TestPreflightOfAnEmptyRepository(t *testing.T) {
	b := newBench(t)
	b.repo = filepath.Join(b.dir, "empty")
	b.git("init", "-q", b.repo)
	b.refused(Choices{Version: "1.0.0"}, RuleNoCommits)
}

// A registry that does not answer makes the refusal one of reach; one that says no does not.
func TestPreflightTellsUnreachableFromRefused(t *testing.T) {
	b := newBench(t)
	if _, err := images.KeysOf(b.world).Generate(context.Background(), "release", keys.NewSecret([]byte(testPassphrase))); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := b.choices()
	c.Images = []string{closed + "/widget:1.0.0"}
	if e := b.refused(c, RuleImage); !e.Unreachable() {
		t.Errorf("a registry that is down: %+v", e.Errors())
	}
	for status, rule := range map[int]finding.Rule{http.StatusUnauthorized: RuleImage, http.StatusForbidden: RuleImage, http.StatusNotFound: RuleImage} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		c.Images = []string{strings.TrimPrefix(srv.URL, "http://") + "/widget:1.0.0"}
		if e := b.refused(c, rule); e.Unreachable() {
			t.Errorf("status %d counts as unreachable", status)
		}
		srv.Close()
	}
	reg, err := loopback.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	c.Images = []string{reg.Host() + "/widget:never-pushed"}
	b.refused(c, RuleImage)
}

// What is worth a look does not stop a release.
func TestPreflightWarns(t *testing.T) {
	b := newBench(t)
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(b.repo, "dist", "widget-1.0.0.tar.gz"), old, old); err != nil {
		t.Fatal(err)
	}
	b.git("-C", b.repo, "config", "gpg.format", "ssh")
	b.git("-C", b.repo, "remote", "add", "origin", filepath.Join(b.dir, "gone.git"))
	plan, err := b.session().Plan(context.Background(), b.choices())
	if err != nil {
		t.Fatal(err)
	}
	have := map[finding.Rule]finding.Severity{}
	for _, f := range plan.Findings {
		have[f.Rule] = f.Severity
	}
	for _, want := range []finding.Rule{RuleArtifactStale, keychoice.RuleSSHFormat, RuleRemote, keydesk.RuleNotBackedUp} {
		if have[want] != finding.Warning {
			t.Errorf("%s is %q, want a warning", want, have[want])
		}
	}
	if have[keydesk.RuleNotPublished] != finding.Info {
		t.Errorf("not published: %q", have[keydesk.RuleNotPublished])
	}
}

// TestPreflightTellsOfSuccessor: a key that another follows is warned of, with the key to take.
func TestPreflightTellsOfSuccessor(t *testing.T) {
	b := newBench(t)
	const next = keys.Fingerprint("F7A8910FE276A3040E541659F4009B75FE0405BE")
	if err := b.world.Store.MarkSuccessor(context.Background(), b.key.Fingerprint, next, time.Time{}); err != nil {
		t.Fatal(err)
	}
	plan, err := b.session().Plan(context.Background(), b.choices())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range plan.Findings {
		if f.Rule == keydesk.RuleRetiring && f.Severity == finding.Warning && strings.Contains(f.Hint, string(next)) {
			return
		}
	}
	t.Errorf("not told: %+v", plan.Findings)
}

// TestCommitNotPushed: a remark, and a warning where the tag is to be pushed.
func TestCommitNotPushed(t *testing.T) {
	b := newBench(t)
	b.git("init", "-q", "--bare", filepath.Join(b.dir, "o.git"))
	b.git("-C", b.repo, "remote", "add", "origin", filepath.Join(b.dir, "o.git"))
	b.git("-C", b.repo, "push", "-q", "origin", "HEAD:refs/heads/main")
	severity := func(push bool) finding.Severity {
		c := b.choices()
		c.Push = push
		for _, f := range b.session().Preflight(t.Context(), c) {
			if f.Rule == RuleNotPushed {
				return f.Severity
			}
		}
		return ""
	}
	if s := severity(true); s != "" {
		t.Errorf("pushed: %s", s)
	}
	b.write("README", "more\n")
	b.git("-C", b.repo, "commit", "-q", "-am", "more")
	if plain, push := severity(false), severity(true); plain != finding.Info || push != finding.Warning {
		t.Errorf("not pushed: %q, and %q with a push", plain, push)
	}
}

func TestPreflightComparesWithTheLastRelease(t *testing.T) {
	b := newBench(t)
	b.release(b.choices())
	b.clean()
	b.write("README", "second\n")
	b.commit("Go on")
	if err := os.Remove(filepath.Join(b.repo, "dist", "widget_1.0.0_amd64.deb")); err != nil {
		t.Fatal(err)
	}
	c := b.choices()
	c.Version = "1.1.0"
	plan, err := b.session().Plan(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range plan.Findings {
		if f.Rule == RuleArtifactSet && strings.Contains(f.Message, ".deb") {
			return
		}
	}
	t.Errorf("the missing .deb was not noticed: %+v", plan.Findings)
}

// An image that the last release had is proposed with its new tag, and missed where none is named.
func TestImageOfTheLastRelease(t *testing.T) {
	p := &Plan{Version: "1.0.0", Images: []PlannedImage{{Name: "127.0.0.1:5000/widget:1.0.0"}, {Name: "registry.example.org/widget:edge"}, {Name: "127.0.0.1:5000/bare"}}}
	want := []string{"127.0.0.1:5000/widget:1.1.0", "registry.example.org/widget:edge", "127.0.0.1:5000/bare"}
	if got := p.imagesFor("1.1.0"); !slices.Equal(got, want) {
		t.Errorf("proposed are %q", got)
	}

	b := newBench(t)
	reg, _ := b.registry()
	c, ref := b.choices(), reg.Host()+"/acme/widget:1.0.0"
	c.Images = []string{ref}
	b.release(c)
	b.clean()
	b.write("README", "second\n")
	b.commit("Go on")
	s := b.session()
	next := strings.Replace(ref, "1.0.0", "1.1.0", 1)
	if got := s.ImageReferences("1.1.0"); !slices.Equal(got, []string{next}) {
		t.Errorf("proposed are %q, want %s", got, next)
	}
	c = b.choices()
	c.Version = "1.1.0"
	if f := ofRule(s.Preflight(t.Context(), c), RuleImageSet); len(f) != 1 || !strings.Contains(f[0].Message, ref) {
		t.Errorf("the missing image was not noticed: %+v", f)
	}
}

func ofRule(findings []Finding, rule finding.Rule) (out []Finding) {
	for _, f := range findings {
		if f.Rule == rule {
			out = append(out, f)
		}
	}
	return out
}

// An expired key is refused with the reason, one that expires soon is a warning.
func TestPreflightJudgesTheKey(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	real := b.world.Now
	make := func(email string, made time.Time, life time.Duration) keys.Fingerprint {
		t.Helper()
		w, err := world.New(ctx, world.Options{Home: b.world.Home, NoGnuPG: true, NoKeychain: true, Env: b.world.Env, Environ: b.world.Environ, Now: func() time.Time { return made }, Rand: b.world.Rand})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		g, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Key", Email: email, Algorithm: "ed25519", Lifetime: life, Passphrase: keys.NewSecret([]byte(testPassphrase))})
		if err != nil {
			t.Fatal(err)
		}
		return g.Key.Fingerprint
	}
	day := 24 * time.Hour
	expired := make("old@example.org", real().Add(-100*day), 50*day)
	soon := make("soon@example.org", real().Add(-100*day), 110*day)
	c := b.choices()
	c.Key = string(expired)
	e := b.refused(c, RuleKeyUnusable)
	if !strings.Contains(e.Error(), "expired") {
		t.Errorf("reason: %s", e.Error())
	}
	c.Key = string(soon)
	plan, err := b.session().Plan(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range plan.Findings {
		if f.Rule == RuleKeyExpiring {
			return
		}
	}
	t.Errorf("no warning about the expiry: %+v", plan.Findings)
}

// A release whose policy wants more signers than one is made and says what it waits for; verifying
// it says so too.
func TestPolicyWantsCoSigners(t *testing.T) {
	b := newBench(t)
	b.commitPolicy(b.policyText(`"tag", "artifact", "record"`, "[[policy.signer]]\nname = \"Ola\"\nkeys = [\""+strings.Repeat("0", 40)+"\"]\nsigns = [\"tag\"]\n[policy.need]\ntag = 2\n"))
	s := b.session()
	plan, err := s.Plan(t.Context(), b.choices())
	if err != nil {
		t.Fatal(err)
	}
	if w := withSeverity(plan.Findings, finding.Warning); !slices.ContainsFunc(w, func(f Finding) bool { return f.Rule == RulePolicy }) {
		t.Errorf("no warning of the co-signer: %v", w)
	}
	var check string
	res, err := s.Run(t.Context(), plan, Face{Ask: answer, Emit: func(e Event) {
		if d, ok := e.(StepDone); ok && d.Step == StepCheck {
			check = d.Text
		}
	}})
	if err != nil || !res.Good() || !strings.Contains(check, "more signers") {
		t.Fatalf("%v, check: %q", err, check)
	}
	if v := res.Verdicts; !slices.ContainsFunc(v, func(v keys.Verdict) bool { return v.Kind == keys.KindTag && v.Trusted != nil && !*v.Trusted }) {
		t.Errorf("the tag is called trusted: %+v", v)
	}
}

// Before there is a version, names cannot be compared with the last release's.
func TestNoFalseAlarmBeforeTheVersion(t *testing.T) {
	b := newBench(t)
	c := b.choices()
	b.release(c)
	b.write("dist/widget-2.0.0.tar.gz", "x")
	c.Artifacts, c.Version = []string{"dist/widget-2.0.0.tar.gz"}, ""
	for _, f := range b.session().Preflight(t.Context(), c) {
		if f.Rule == RuleArtifactSet {
			t.Errorf("%+v", f)
		}
	}
}

// The usual case of a second release: the lists and the record of the first one lie in the folder still.
// They are told in one finding, with the tag that they are of; a list that somebody changed is not called
// that release's.
func TestFormerReleaseInTheWay(t *testing.T) {
	b := newBench(t)
	b.release(b.choices())
	b.write("README", "second\n")
	b.commit("Go on")
	b.write("dist/widget-1.0.0.tar.gz", "another build")
	c := b.choices()
	c.Version = "1.1.0"
	inTheWay := func() (out []Finding) {
		for _, f := range b.session().InTheWay(t.Context(), c) {
			if f.Rule != RuleSignatureExists {
				t.Errorf("%+v", f)
			} else if strings.Contains(f.Message, record.Name) || strings.Contains(f.Message, "SHA256SUMS") {
				out = append(out, f)
			}
		}
		return out
	}
	list := inTheWay()
	if len(list) != 1 || !strings.Contains(list[0].Message, "release v1.0.0") || !strings.Contains(list[0].Message, "dist/SHA256SUMS, dist/SHA256SUMS.asc, dist/bulla-release.json") {
		t.Errorf("%+v", list)
	}
	if strings.Contains(list[0].Advice(), "--") || !strings.Contains(list[0].Hint, "--replace") {
		t.Errorf("advice %q, hint %q", list[0].Advice(), list[0].Hint)
	}
	b.write("dist/SHA256SUMS", strings.Repeat("0", 64)+"  other\n")
	if list = inTheWay(); len(list) != 3 || !strings.HasPrefix(list[0].Message, "dist/SHA256SUMS exists already") || strings.Contains(list[2].Message, "SHA256SUMS") {
		t.Errorf("%+v", list)
	}
	c.Replace = true
	if list = inTheWay(); len(list) != 0 {
		t.Errorf("in the way although it is replaced: %+v", list)
	}
}

// A commit of bulla's own settings after the build makes no file stale; one of the sources does.
func TestSettingsMakeNothingStale(t *testing.T) {
	b := newBench(t)
	past := time.Now().Add(-time.Hour)
	t.Setenv("GIT_COMMITTER_DATE", past.Format(time.RFC3339))
	b.git("-C", b.repo, "commit", "-q", "--amend", "--no-edit")
	built := past.Add(time.Minute)
	for _, name := range []string{"widget-1.0.0.tar.gz", "widget_1.0.0_amd64.deb"} {
		if err := os.Chtimes(filepath.Join(b.repo, "dist", name), built, built); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(name, content string, after time.Duration) (stale int) {
		t.Setenv("GIT_COMMITTER_DATE", past.Add(after).Format(time.RFC3339))
		b.write(name, content)
		b.git("-C", b.repo, "add", name)
		b.git("-C", b.repo, "commit", "-q", "-m", "Change "+name)
		for _, f := range b.session().Preflight(t.Context(), b.choices()) {
			if f.Rule == RuleArtifactStale {
				stale++
			}
		}
		return stale
	}
	for i, name := range []string{project.ConfigName, PublicKeysName, ".bulla/roots"} {
		if n := commit(name, "# ", time.Duration(i+2)*time.Minute); n != 0 {
			t.Errorf("%s made %d files stale", name, n)
		}
	}
	if n := commit("main.c", "int main;", 20*time.Minute); n != 2 {
		t.Errorf("a changed source made %d files stale", n)
	}
	if n := commit(project.ConfigName, "# more", 30*time.Minute); n != 2 {
		t.Errorf("with a source and settings changed %d files are stale", n)
	}
}
