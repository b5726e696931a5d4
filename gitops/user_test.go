package gitops

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func openUser(t *testing.T, w *world, dir string, extra ...string) *User {
	t.Helper()
	u, err := OpenUser(w.path(dir), Options{Environ: append(w.env, extra...)})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestUserConfiguration: what counts is read, only the lines shown are written, and real git reads
// them; comments stay.
func TestUserConfiguration(t *testing.T) {
	w := newWorld(t)
	w.write("home/.gitconfig", "# mine\n[user]\n\tname = Ann Example\n\temail = ann@example.org\n\tsigningKey = OLD ; of 2019\n[gpg]\n\tformat = ssh\n# the end\n")
	u := openUser(t, w, "home")
	s, err := u.Settings(t.Context())
	if err != nil || s != (UserSettings{Name: "Ann Example", Email: "ann@example.org", SigningKey: "OLD", Format: "ssh"}) {
		t.Fatalf("%+v, %v", s, err)
	}
	if u.File() != w.path("home/.gitconfig") {
		t.Fatal(u.File())
	}
	lines, err := u.Lines(t.Context(), [2]string{"user.signingKey", "ABCD"}, [2]string{"gpg.format", "openpgp"}, [2]string{"user.name", "Ann Example"})
	if err != nil || len(lines) != 2 || lines[0].Old[0] != "OLD" || lines[1].Old[0] != "ssh" {
		t.Fatalf("%+v, %v", lines, err)
	}
	if err := u.Apply(t.Context(), lines); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(u.File())
	if err != nil || !strings.Contains(string(text), "# mine") || !strings.Contains(string(text), "# the end") {
		t.Errorf("%v\n%s", err, text)
	}
	if got, err := w.try("home", nil, "config", "--global", "user.signingkey"); err != nil || strings.TrimSpace(got) != "ABCD" {
		t.Errorf("git reads %q, %v", got, err)
	}
	// What was shown no longer holds: nothing is written.
	var changed *ConfigChangedError
	if err := u.Apply(t.Context(), lines); !errors.As(err, &changed) {
		t.Errorf("the second time: %v", err)
	}
}

func TestUserConfigurationFile(t *testing.T) {
	w := newWorld(t)
	if err := os.Remove(w.path("home/.gitconfig")); err != nil {
		t.Fatal(err)
	}
	if u := openUser(t, w, "home"); u.File() != w.path("home/.gitconfig") {
		t.Error(u.File())
	}
	w.write("home/.config/git/config", "[user]\n\tname = X\n")
	if u := openUser(t, w, "home"); u.File() != w.path("home/.config/git/config") {
		t.Error(u.File())
	}
	u := openUser(t, w, "home", "GIT_CONFIG_GLOBAL="+w.path("deep/er/config"))
	lines, err := u.Lines(t.Context(), [2]string{"user.signingKey", "ABCD"})
	if err == nil {
		err = u.Apply(t.Context(), lines)
	}
	if s, e := u.Settings(t.Context()); err != nil || e != nil || s.SigningKey != "ABCD" {
		t.Errorf("%+v, %v, %v", s, err, e)
	}
	if _, err := OpenUser(".", Options{LookPath: func(string) (string, error) { return "", os.ErrNotExist }}); !errors.Is(err, ErrNoGit) {
		t.Error(err)
	}
}
