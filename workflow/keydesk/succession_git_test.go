package keydesk

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/store"
)

// TestSuccessionGit: git itself says that it signs with the new key once a person chose that, and only
// where it signed with the old one; the rest of its configuration stays as it is.
func TestSuccessionGit(t *testing.T) {
	ctx := context.Background()
	w, _ := gnupgWorld(t)
	home, dir := t.TempDir(), t.TempDir()
	w.Env = func(name string) string { return map[string]string{"HOME": home}[name] }
	w.Environ = append(slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "GIT_CONFIG") || strings.HasPrefix(s, "XDG_CONFIG_HOME=")
	}), "HOME="+home, "GIT_CONFIG_NOSYSTEM=1")
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = dir, w.Environ
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	var made []keys.Key
	for _, name := range []string{"old", "new", "third"} {
		m, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ada", Email: name + "@example.org", Algorithm: store.AlgorithmEd25519, Lifetime: 800 * 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, m.Key)
	}
	old, next, third := made[0], made[1], made[2]
	git("init", "-q", ".")
	config := filepath.Join(home, ".gitconfig")
	p := SucceedParams{Old: keys.ParseSelector("old@example.org"), New: keys.ParseSelector("new@example.org"), Retire: 90 * 24 * time.Hour}
	plan := func() *GitSwitch {
		t.Helper()
		plan, err := w.PlanSuccession(ctx, dir, p)
		if err != nil {
			t.Fatal(err)
		}
		return plan.GitSwitch
	}
	for value, offered := range map[string]bool{
		"": false, string(third.Fingerprint): false, string(next.Fingerprint): false, "third@example.org": false, "/home/ada/.ssh/id.pub": false,
		string(old.Fingerprint): true, old.Fingerprint.KeyID(): true, "0x" + old.Fingerprint.KeyID(): true, string(old.Subkeys[0].Fingerprint) + "!": true, "old@example.org": true,
	} {
		text := "# mine\n[user]\n\tname = Ada\n"
		if value != "" {
			text += "\tsigningkey = " + value + "\n"
		}
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if g := plan(); (g != nil) != offered || g != nil && (len(g.Lines) != 1 || !g.GnuPG || g.Known || g.File != config || g.Here != "") {
			t.Errorf("%q: %+v", value, g)
		}
	}
	git("config", "--global", "user.signingkey", string(old.Fingerprint))
	git("config", "user.signingkey", old.Fingerprint.KeyID())
	if g := plan(); g == nil || g.Here != old.Fingerprint.KeyID() || len(g.Lines) != 1 {
		t.Errorf("of this folder: %+v", g)
	}
	git("config", "--unset", "user.signingkey")
	git("config", "--global", "gpg.format", "ssh")
	if g := plan(); g != nil {
		t.Errorf("with SSH: %+v", g)
	}
	git("config", "--global", "gpg.format", "openpgp")

	p.StatementFile = filepath.Join(t.TempDir(), "unasked.txt")
	if done, err := w.CarryOutSuccession(ctx, dir, p, nil); err != nil || done.Git != nil {
		t.Fatalf("%+v, %v", done.Git, err)
	}
	if got := git("config", "user.signingkey"); got != string(old.Fingerprint) {
		t.Errorf("unasked, git signs with %s", got)
	}
	p.Git, p.StatementFile = true, filepath.Join(t.TempDir(), "asked.txt")
	done, err := w.CarryOutSuccession(ctx, dir, p, nil)
	if err != nil || done.Git == nil {
		t.Fatalf("%+v, %v", done.Git, err)
	}
	if got := git("config", "user.signingkey"); got != string(next.Fingerprint) {
		t.Errorf("git signs with %s", got)
	}
	if data, err := os.ReadFile(config); err != nil || !strings.HasPrefix(string(data), "# mine\n[user]\n\tname = Ada\n") {
		t.Errorf("%v\n%s", err, data)
	}
	if got := UndoConfig(done.Git.Lines); len(got) != 1 || got[0] != "git config --global user.signingKey "+string(old.Fingerprint) {
		t.Errorf("%q", got)
	}
	if plan() != nil {
		t.Error("a second time there is nothing to do")
	}
}
