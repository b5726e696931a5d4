package workflow

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulla/artifacts"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/keystest"
	"bulla/workflow/keychoice"
	"bulla/workflow/verify"
)

// A release that signs the list in place of every file: gpg and sha256sum judge what strangers get,
// and a file that is changed or not in the list does not pass.
func TestChecksumsOnly(t *testing.T) {
	b := newBench(t)
	c, only := b.choices(), true
	c.ChecksumsOnly = &only
	res := b.release(c)
	if !res.Good() || len(res.Verdicts) != 5 {
		t.Fatalf("verdicts: %+v", res.Verdicts)
	}
	dist := filepath.Join(b.repo, "dist")
	signed, err := filepath.Glob(filepath.Join(dist, "*.asc"))
	if err != nil || len(signed) != 2 || filepath.Base(signed[0]) != "SHA256SUMS.asc" {
		t.Errorf("signatures: %v, %v", signed, err)
	}
	for _, cmd := range StrangerCommands(res, dist, "KEYS", "") {
		if strings.Contains(cmd.Text, "tar.gz") {
			t.Errorf("a stranger is told: %s", cmd.Text)
		}
	}
	home := keystest.GnuPGHome(t)
	public, err := b.world.ExportPublic(context.Background(), keys.ParseSelector(string(b.key.Fingerprint)))
	if err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := keystest.GPG(t, home, public, "--import"); err != nil {
		t.Fatal(stderr)
	}
	list := filepath.Join(dist, "SHA256SUMS")
	if st := keystest.GPGStatus(t, home, list+".asc", list); !keystest.HasStatus(st, "GOODSIG") {
		t.Errorf("gpg: %v", st)
	}
	check := exec.Command("sha256sum", "--strict", "-c", "SHA256SUMS")
	check.Dir = dist
	if out, err := check.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != 2 {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
	for _, target := range []string{filepath.Join(dist, "bulla-release.json"), list, dist} {
		for name, status := range b.verdicts(verify.Options{Dir: b.repo}, target) {
			if status != keys.StatusGood {
				t.Errorf("%s: %s is %s", target, name, status)
			}
		}
	}
	file := filepath.Join(dist, "widget-1.0.0.tar.gz")
	if err := os.WriteFile(file, []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := b.verdicts(verify.Options{Dir: b.repo}, filepath.Join(dist, "bulla-release.json"))["widget-1.0.0.tar.gz"]; got != keys.StatusBad {
		t.Errorf("a changed file is %q", got)
	}
}

// Without the word in the record a file that has lost its signature stays unsigned.
func TestLostSignatureIsNotMadeGood(t *testing.T) {
	b := newBench(t)
	res := b.release(b.choices())
	if err := os.Remove(filepath.Join(b.repo, "dist", "widget-1.0.0.tar.gz.asc")); err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(t.Context(), b.world, verify.Options{Dir: b.repo})
	if err != nil {
		t.Fatal(err)
	}
	list, err := v.Verify(t.Context(), []string{res.Record})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(x keys.Verdict) bool { return x.Kind == keys.KindArtifact && !x.OK(false) })
	if i < 0 || list[i].Status != keys.StatusUnsigned || !slices.Contains(list[i].Weak, verify.FindingLostSignature) {
		t.Errorf("they are %+v", list)
	}
}

// Many files with a protected key behind gpg-agent: said with what it costs, and not where little is
// to be signed or the way out is taken.
func TestManySignaturesAreToldBefore(t *testing.T) {
	home := keystest.GnuPGHome(t)
	if err := os.WriteFile(filepath.Join(home, "gpg-agent.conf"), []byte("allow-loopback-pinentry\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pass := []string{"--pinentry-mode", "loopback", "--passphrase", testPassphrase, "--quick-gen-key"}
	if _, stderr, err := keystest.GPG(t, home, nil, append(pass, "Slow <slow@example.org>", "ed25519", "sign", "0")...); err != nil {
		t.Fatal(stderr)
	}
	b := newBench(t)
	g, err := agent.Find(t.Context(), agent.Options{Home: home, Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	b.world.GnuPG = g
	each, _ := g.StretchTime(t.Context())
	many := int(2*keychoice.MuchTime/max(each, 1)) + 1
	var files []artifacts.File
	for i := range many {
		name := filepath.Join("dist", "many", strings.Repeat("x", 1+i%200)+string(rune('a'+i/200)))
		b.write(name, "content")
		files = append(files, artifacts.File{Path: filepath.Join(b.repo, name), Name: name, Size: 7})
	}
	only := true
	for what, tt := range map[string]struct {
		files int
		only  *bool
		key   string
		want  bool
	}{
		"many":           {many, nil, "slow@example.org", true},
		"two":            {2, nil, "slow@example.org", false},
		"the list alone": {many, &only, "slow@example.org", false},
		"bulla's own":    {many, nil, string(b.key.Fingerprint), false},
	} {
		c := Choices{Version: "1.0.0", Key: tt.key, Files: files[:tt.files], ChecksumsOnly: tt.only}
		found := b.session().Preflight(t.Context(), c)
		i := slices.IndexFunc(found, func(f Finding) bool { return f.Rule == keychoice.RuleSignatures })
		if (i >= 0) != tt.want {
			t.Errorf("%s: %+v", what, found)
		} else if i >= 0 && !strings.Contains(found[i].Hint, "--checksums-only") {
			t.Errorf("%s: the hint is %q", what, found[i].Hint)
		}
	}
}
