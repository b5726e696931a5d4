package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/workflow/project"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// policyText lists the bench's key for what signs says; more is added behind it.
func (b *bench) policyText(signs, more string) string {
	return fmt.Sprintf("[policy]\n[[policy.signer]]\nname = \"Rhea\"\nkeys = [%q]\nsigns = [%s]\n%s", b.key.Fingerprint, signs, more)
}

func (b *bench) commitPolicy(text string) {
	b.t.Helper()
	b.write(project.ConfigName, text)
	pub, err := b.world.ExportPublic(context.Background(), keys.ParseSelector(string(b.key.Fingerprint)))
	if err != nil {
		b.t.Fatal(err)
	}
	b.write(".bulla/keys.asc", string(pub))
	b.git("-C", b.repo, "add", project.ConfigName, ".bulla")
	b.git("-C", b.repo, "commit", "-q", "--allow-empty", "-m", "Policy")
}

func (b *bench) verifier(change func(*verify.Options)) (*verify.Verifier, error) {
	o := verify.Options{Dir: b.repo, Offline: true}
	if change != nil {
		change(&o)
	}
	return NewVerifier(context.Background(), b.world, o)
}

// trusted verifies targets and words what came out: kind, + - or 0, and whether it passes.
func (b *bench) trusted(change func(*verify.Options), targets ...string) string {
	b.t.Helper()
	v, err := b.verifier(change)
	if err != nil {
		b.t.Fatal(err)
	}
	vs, err := v.Verify(context.Background(), targets)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, x := range vs {
		word := "0"
		if x.Trusted != nil {
			word = map[bool]string{true: "+", false: "-"}[*x.Trusted]
		}
		out = append(out, string(x.Kind)+word)
	}
	verdict := "pass"
	if len(verify.Failing(vs, false)) > 0 {
		verdict = "fail"
	}
	return strings.Join(out, " ") + " " + verdict
}

// TestPolicyOnARelease looks at a whole release through several policies.
func TestPolicyOnARelease(t *testing.T) {
	b := newBench(t)
	b.release(b.choices())
	record := "file:" + filepath.Join(b.repo, "dist", record.Name)
	dist := "file:" + filepath.Join(b.repo, "dist")
	deb := filepath.Join(b.repo, "dist", "widget_1.0.0_amd64.deb")
	data, err := os.ReadFile(deb)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	unlisted := strings.Replace(b.policyText(`"tag", "artifact"`, ""), string(b.key.Fingerprint), strings.Repeat("0", 40), 1)
	exception := "[[policy.exception]]\nkind = \"artifact\"\ntarget = \"widget_1.0.0_amd64.deb\"\nid = \"" + hex.EncodeToString(sum[:]) + "\"\nallow = [\"signer\"]\nreason = \"x\"\n"
	for _, tt := range []struct{ name, policy, target, want string }{
		{"no policy", "", record, "tag0 artifact0 artifact0 checksum0 record0 pass"},
		{"all", b.policyText(`"tag", "artifact", "record"`, ""), record, "tag+ artifact+ artifact+ checksum+ record+ pass"},
		{"tags alone", b.policyText(`"tag"`, ""), record, "tag+ artifact0 artifact0 checksum0 record0 pass"},
		{"a folder", b.policyText(`"artifact"`, ""), dist, "tag0 artifact+ artifact+ checksum+ record0 pass"},
		{"nobody", unlisted, record, "tag- artifact- artifact- checksum- record0 fail"},
		{"a file excepted", unlisted + exception, "file:" + deb, "artifact+ pass"},
		{"a file excepted, in its record", unlisted + exception, record, "tag- artifact- artifact+ checksum- record0 fail"},
		{"a list", unlisted + exception, "file:" + filepath.Join(b.repo, "dist", "SHA256SUMS"), "checksum- artifact- artifact+ fail"},
		{"another file excepted", unlisted + strings.Replace(exception, "amd64", "arm64", 1), "file:" + deb, "artifact- fail"},
	} {
		if tt.policy != "" {
			b.commitPolicy(tt.policy)
		}
		if got := b.trusted(nil, tt.target); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := b.trusted(func(o *verify.Options) { o.Policy.None = true }, record); got != "tag0 artifact0 artifact0 checksum0 record0 pass" {
		t.Errorf("without a policy: %s", got)
	}
}

// TestPolicyKeyring: the keyring that HEAD commits is read, unless all keys but some are forbidden.
func TestPolicyKeyring(t *testing.T) {
	b := newBench(t)
	b.release(b.choices())
	b.commitPolicy(b.policyText(`"tag"`, ""))
	other := filepath.Join(b.dir, "other.asc")
	stranger := newBench(t)
	pub, err := stranger.world.ExportPublic(context.Background(), keys.ParseSelector(string(stranger.key.Fingerprint)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, pub, 0o600); err != nil {
		t.Fatal(err)
	}
	b.world = stranger.world // who has no key of b's
	if got := b.trusted(nil, "tag:v1.0.0"); got != "tag+ pass" {
		t.Errorf("the policy's keyring: %s", got)
	}
	if got := b.trusted(func(o *verify.Options) { o.Keys, o.OnlyKeys = []string{other}, true }, "tag:v1.0.0"); got != "tag0 fail" {
		t.Errorf("--only-keys: %s", got)
	}
	// A bare clone has no working tree and the same policy.
	bare := filepath.Join(b.dir, "bare.git")
	b.git("clone", "-q", "--bare", b.repo, bare)
	if got := b.trusted(func(o *verify.Options) { o.Dir = bare }, "tag:v1.0.0"); got != "tag+ pass" {
		t.Errorf("bare: %s", got)
	}
	// What HEAD commits cannot be misread in silence.
	b.write(project.ConfigName, "[policy]\nsinger = 1\n")
	b.git("-C", b.repo, "commit", "-q", "-a", "-m", "Slip")
	b.write(project.ConfigName, "")
	var conf *project.ConfigError
	if _, err := b.verifier(nil); !errors.As(err, &conf) || conf.Line != 2 || conf.Path != "HEAD:"+project.ConfigName {
		t.Errorf("got %v", err)
	}
	if _, err := b.verifier(func(o *verify.Options) { o.Policy.None = true }); err != nil {
		t.Errorf("--no-policy: %v", err)
	}
}

// TestSaveConfigKeepsPolicy: who saves the configuration of a release does not change the policy.
func TestSaveConfigKeepsPolicy(t *testing.T) {
	b := newBench(t)
	text := b.policyText(`"tag"`, "from = 2020-02-03\nuntil = 2030-04-05T06:07:08Z\n[policy.need]\ntag = 1\n")
	b.write(project.ConfigName, text)
	before, err := project.ParsePolicy([]byte(text), project.ConfigName)
	if err != nil {
		t.Fatal(err)
	}
	s := b.session()
	c := s.Config()
	c.Release.Branch = "main"
	if err := s.SaveConfig(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(b.repo, project.ConfigName))
	if err != nil {
		t.Fatal(err)
	}
	after, err := project.ParsePolicy(data, project.ConfigName)
	if err != nil || after.Digest() != before.Digest() {
		t.Errorf("%v\n%s", err, data)
	}
}

// TestWritePolicyReplacesNothing leaves a policy, a keyring and a broken file alone.
func TestWritePolicyReplacesNothing(t *testing.T) {
	b := newBench(t)
	b.release(b.choices())
	v, err := b.verifier(func(o *verify.Options) { o.Policy.None = true })
	if err != nil {
		t.Fatal(err)
	}
	d, err := v.ProposePolicy(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var conf *project.ConfigError
	for _, tt := range []struct {
		file, content string
		fits          func(error) bool
	}{
		{project.ConfigName, b.policyText(`"tag"`, ""), func(err error) bool { return errors.Is(err, verify.ErrPolicyExists) }},
		{project.ConfigName, "nonsense", func(err error) bool { return errors.As(err, &conf) }},
		{".bulla/keys.asc", "mine", func(err error) bool { return errors.Is(err, os.ErrExist) }},
	} {
		path := b.write(tt.file, tt.content)
		err := v.WritePolicy(d)
		data, readErr := os.ReadFile(path)
		if !tt.fits(err) || readErr != nil || string(data) != tt.content {
			t.Errorf("%s %.10q: %v, now %.20q", tt.file, tt.content, err, data)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(b.repo, project.ConfigName)); err == nil {
		t.Error("bulla.toml was written although the keyring could not be")
	}
	if err := v.WritePolicy(d); err != nil {
		t.Fatal(err)
	}
	if got := b.trusted(nil, "tag:v1.0.0"); got != "tag+ pass" {
		t.Errorf("by the proposed policy: %s", got)
	}
}

// TestPolicyCountsSignersOfAList lets two people sign a list of checksums for a policy that wants
// two: what it lists is then signed by two.
func TestPolicyCountsSignersOfAList(t *testing.T) {
	b, dir := published(t)
	for _, name := range []string{"a.tar.gz.asc", "b.deb.asc"} { // the list alone vouches
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	list := filepath.Join(dir, "SHA256SUMS")
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	rhea := read(list + ".asc")
	other := newBench(t)
	alone := t.TempDir()
	if err := os.WriteFile(filepath.Join(alone, "SHA256SUMS"), []byte(read(list)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := SignFiles(context.Background(), other.world, alone, []string{"SHA256SUMS"}, keys.Selector{}, answer, SignFilesOptions{}); err != nil {
		t.Fatal(err)
	}
	odo := read(filepath.Join(alone, "SHA256SUMS.asc"))
	pub, err := other.world.ExportPublic(context.Background(), keys.ParseSelector(string(other.key.Fingerprint)))
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(b.dir, "odo.asc")
	if err := os.WriteFile(keyFile, pub, 0o600); err != nil {
		t.Fatal(err)
	}
	withOdo := fmt.Sprintf("[[policy.signer]]\nname = \"Odo\"\nkeys = [%q]\nsigns = [\"artifact\"]\n", other.key.Fingerprint)
	for _, tt := range []struct{ name, signatures, more, want string }{
		{"both", odo + rhea, withOdo + "[policy.need]\nartifact = 2\n", "checksum+ checksum+ artifact+ artifact+ artifact+ artifact+ pass"},
		{"one is not enough", rhea, withOdo + "[policy.need]\nartifact = 2\n", "checksum- artifact- artifact- fail"},
		{"one person twice", rhea + rhea, withOdo + "[policy.need]\nartifact = 2\n", "checksum- checksum- artifact- artifact- fail"},
		{"a stranger's first", odo + rhea, "", "checksum- checksum+ artifact- artifact+ artifact- artifact+ fail"},
	} {
		b.commitPolicy(b.policyText(`"artifact"`, tt.more))
		if err := os.WriteFile(list+".asc", []byte(tt.signatures), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := b.trusted(func(o *verify.Options) { o.Keys = []string{keyFile} }, "file:"+list); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
