package workflow

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/store"
	"bulla/workflow/finding"
	"bulla/workflow/keychoice"
	"bulla/workflow/project"
	"bulla/workflow/world"
)

// anotherKey makes a second key in the bench's store.
func (b *bench) anotherKey(email string) keys.Fingerprint {
	b.t.Helper()
	g, err := b.world.Store.Generate(context.Background(), store.GenerateParams{
		Name: "Another", Email: email, Algorithm: "ed25519", Lifetime: 365 * 24 * time.Hour,
		Passphrase: keys.NewSecret([]byte(testPassphrase)),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return g.Key.Fingerprint
}

// chosen plans a release without naming a key, and returns what was chosen and noticed.
func (b *bench) chosen(version string) (keys.SigningKey, map[finding.Rule]string) {
	b.t.Helper()
	plan, err := b.session().Plan(context.Background(), Choices{Version: version, Artifacts: []string{"dist/*"}, Replace: true})
	if err != nil {
		b.t.Fatal(err)
	}
	noticed := map[finding.Rule]string{}
	for _, f := range plan.Findings {
		noticed[f.Rule] = f.Message
	}
	return plan.Key, noticed
}

// What somebody wrote down comes before what was used last, and that before a guess.
func TestKeyIsPreselected(t *testing.T) {
	b := newBench(t)
	if k, _ := b.chosen("1.0.0"); k.Primary != b.key.Fingerprint {
		t.Errorf("the only key was not chosen but %s", k.Primary)
	}
	other := b.anotherKey("other@example.org")
	b.refused(Choices{Version: "1.0.0", Artifacts: []string{"dist/*"}}, keychoice.RuleNoKey) // two, and none is named
	for _, name := range []string{"other@example.org", "Another <other@example.org>", string(other), "0x" + other.KeyID()} {
		b.git("-C", b.repo, "config", "user.signingkey", name)
		if k, _ := b.chosen("1.0.0"); k.Primary != other {
			t.Errorf("user.signingkey %q chose %s", name, k.Primary)
		}
	}
	b.git("-C", b.repo, "config", "--unset", "user.signingkey")
	b.release(b.choices())
	if k, noticed := b.chosen("1.1.0"); k.Primary != b.key.Fingerprint || noticed[RuleOtherSigner] != "" {
		t.Errorf("the key of the last release was not chosen but %s; %v", k.Primary, noticed)
	}
	b.git("-C", b.repo, "config", "user.signingkey", string(other))
	k, noticed := b.chosen("1.1.0")
	if k.Primary != other || !strings.Contains(noticed[RuleOtherSigner], b.key.Fingerprint.Short()) {
		t.Errorf("user.signingkey chose %s; noticed %v", k.Primary, noticed)
	}
	b.write(project.ConfigName, "[release]\nkey = \""+string(b.key.Fingerprint)+"\"\n")
	if k, _ := b.chosen("1.1.0"); k.Primary != b.key.Fingerprint {
		t.Errorf("the configured key was not chosen but %s", k.Primary)
	}
}

// The key that follows the one that git names is preselected: who let it follow wants to sign with it.
func TestSuccessorIsPreselected(t *testing.T) {
	b := newBench(t)
	other := b.anotherKey("other@example.org")
	b.git("-C", b.repo, "config", "user.signingkey", string(b.key.Fingerprint))
	if err := b.world.Store.MarkSuccessor(context.Background(), b.key.Fingerprint, other, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if k, _ := b.chosen("1.0.0"); k.Primary != other {
		t.Errorf("user.signingkey names a key that another follows, and %s was chosen", k.Primary)
	}
	if err := b.world.Store.MarkSuccessor(context.Background(), other, b.key.Fingerprint, time.Time{}); err != nil {
		t.Fatal(err) // in a ring something is chosen, and an end is found
	}
	b.chosen("1.0.0")
}

// A key that was copied to GnuPG is no second key: it is preselected where it is the only one, and its
// copy says like the key itself until when it is valid and which key follows it.
func TestCopyInGnuPG(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	w, err := world.New(ctx, world.Options{Home: b.world.Home, GnuPGHome: keystest.GnuPGHome(t), NoKeychain: true, Env: b.world.Env, Environ: os.Environ(), Now: b.world.Now, Rand: b.world.Rand})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	b.world = w
	if _, err := w.ToGnuPG(ctx, keys.Selector{}, answer); err != nil {
		t.Fatal(err)
	}
	if k, _ := b.chosen("1.0.0"); k.Primary != b.key.Fingerprint || k.Source != keys.SourceStore {
		t.Errorf("the only key, which is in two places, was not chosen but %s of %s", k.Primary, k.Source)
	}
	other := b.anotherKey("other@example.org")
	if err := w.Store.MarkSuccessor(ctx, b.key.Fingerprint, other, time.Time{}); err != nil {
		t.Fatal(err)
	}
	c, err := b.session().KeyChoices(ctx)
	if err != nil || len(c.List) != 3 {
		t.Fatalf("%+v, %v", c.List, err)
	}
	own, theirs := c.List[0], c.List[2]
	if own.Fingerprint != b.key.Fingerprint {
		own = c.List[1]
	}
	if theirs.Source != keys.SourceGnuPG || theirs.Successor != other || theirs.Until.IsZero() || !theirs.Until.Equal(own.Until) {
		t.Errorf("the copy of %+v is %+v", own, theirs)
	}
	if theirs.Part == nil {
		t.Error("what gpg-agent says of the copy is lost")
	}
	b.refused(Choices{Version: "1.0.0", Artifacts: []string{"dist/*"}}, keychoice.RuleNoKey)
}

// A key that git names and that is not here is told: another must not take its place in silence.
func TestUnknownSigningKeyIsTold(t *testing.T) {
	b := newBench(t)
	b.git("-C", b.repo, "config", "user.signingkey", "nobody@example.org")
	k, noticed := b.chosen("1.0.0")
	if k.Primary != b.key.Fingerprint || !strings.Contains(noticed[keychoice.RuleSigningKey], "nobody@example.org") {
		t.Errorf("chose %s, noticed %v", k.Primary, noticed)
	}
	plan, err := b.session().Plan(context.Background(), b.choices())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range plan.Findings {
		if f.Rule == keychoice.RuleSigningKey {
			t.Error("it is told even though a key was named")
		}
	}
	b.git("-C", b.repo, "config", "gpg.format", "ssh")
	b.git("-C", b.repo, "config", "user.signingkey", "~/.ssh/id.pub")
	if _, noticed := b.chosen("1.0.0"); noticed[keychoice.RuleSigningKey] != "" || noticed[keychoice.RuleSSHFormat] == "" {
		t.Errorf("a key of SSH: %v", noticed)
	}
}

// A setting that names exactly a subkey means that one: not the newest, and no other where it
// cannot sign.
func TestExactSubkeyIsPreselected(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	list, err := b.world.Store.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	old := list[0].Subkeys[0].Fingerprint
	later := b.world.Now().Add(time.Hour)
	w, err := world.New(ctx, world.Options{Home: b.world.Home, NoGnuPG: true, NoKeychain: true, Env: b.world.Env, Environ: b.world.Environ, Now: func() time.Time { return later }, Rand: b.world.Rand})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_, added, err := w.Store.AddSubkey(ctx, keys.Selector{}, store.SubkeyParams{}, answer)
	if err != nil {
		t.Fatal(err)
	}
	b.world = w
	if k, _ := b.chosen("1.0.0"); k.Fingerprint != added {
		t.Errorf("the newest subkey was not chosen but %s", k.Fingerprint)
	}
	b.git("-C", b.repo, "config", "user.signingkey", string(old)+"!")
	if k, _ := b.chosen("1.0.0"); k.Fingerprint != old {
		t.Errorf("user.signingkey: %s was not chosen but %s", old, k.Fingerprint)
	}
	b.write(project.ConfigName, "[release]\nkey = \""+string(old)+"!\"\n")
	c, err := b.session().KeyChoices(ctx)
	if err != nil || c.Preselected < 0 {
		t.Fatal(err, c.Preselected)
	}
	if row := c.List[c.Preselected]; row.Signing != old || row.Selector() != string(old)+"!" {
		t.Errorf("the row of the walk signs with %s, named %s", row.Signing, row.Selector())
	}
	primary := string(b.key.Fingerprint) + "!" // it certifies
	b.write(project.ConfigName, "")
	b.git("-C", b.repo, "config", "user.signingkey", primary)
	if c, err = b.session().KeyChoices(ctx); err != nil {
		t.Fatal(err)
	}
	if row := c.List[c.Preselected]; row.Usable || row.Selector() != primary {
		t.Errorf("the row is usable: %v, named %s", row.Usable, row.Selector())
	}
	if e := b.refused(Choices{Version: "1.0.0", Artifacts: []string{"dist/*"}}, RuleKeyUnusable); !strings.Contains(e.Error(), b.key.Fingerprint.Short()) {
		t.Errorf("refused with %v", e)
	}
}

// On a machine that lacks the key of the last release, nothing proves that this one is by another;
// what the last tag names tells it.
func TestOtherSignerWithoutTheirKey(t *testing.T) {
	b := newBench(t)
	first := b.key.Fingerprint
	b.release(b.choices())
	other := b.anotherKey("other@example.org")
	b.git("-C", b.repo, "config", "user.signingkey", string(other))
	if err := os.RemoveAll(filepath.Join(b.world.Home, "keys", string(first))); err != nil {
		t.Fatal(err)
	}
	k, noticed := b.chosen("1.1.0")
	if k.Primary != other || !strings.Contains(noticed[RuleOtherSigner], "v1.0.0, names a key that is not at hand") {
		t.Errorf("%s; noticed %v", k.Primary, noticed)
	}
}
