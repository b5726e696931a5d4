package gitops

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gitIdent is git's own answer.
func gitIdent(w *world, dir string, env ...string) (string, error) {
	cmd := exec.Command("git", "var", "GIT_COMMITTER_IDENT")
	cmd.Dir, cmd.Env = w.path(dir), append(append([]string{}, w.env...), env...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func TestIdentityAsGit(t *testing.T) {
	for _, c := range []struct {
		name    string
		global  string // appended to ~/.gitconfig
		local   string // appended to .git/config
		env     []string
		gitOnly bool // only the git program follows this
	}{
		{name: "global"},
		{name: "local wins", local: "[user]\n\temail = work@example.org\n"},
		{name: "committer wins over user", global: "[committer]\n\tname = The Committer\n"},
		{name: "environment wins", env: []string{"GIT_COMMITTER_NAME=Env Name", "GIT_COMMITTER_EMAIL=env@example.org"}},
		{name: "name alone from the environment", env: []string{"GIT_COMMITTER_NAME=Env Name"}},
		{name: "quoted and commented", local: "[User]\n\tNAME = \"Q; uoted # \\\"N\\\"\" ; comment\n"},
		{name: "last of several", local: "[user]\n\tname = One\n\tname = Two\n"},
		{name: "include", local: "[include]\n\tpath = extra\n", gitOnly: true},
		{name: "includeIf gitdir", global: "[includeIf \"gitdir:**/r/\"]\n\tpath = ~/work.inc\n", gitOnly: true},
		{name: "includeIf onbranch", global: "[includeIf \"onbranch:main\"]\n\tpath = ~/work.inc\n", gitOnly: true},
		{name: "config by environment", env: []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=user.name", "GIT_CONFIG_VALUE_0=Counted"}, gitOnly: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			both(t, func(t *testing.T, withGit bool) {
				if c.gitOnly && !withGit {
					return
				}
				w := newWorld(t)
				w.plain("r")
				appendTo(t, w.path("home/.gitconfig"), c.global)
				appendTo(t, w.path("r/.git/config"), c.local)
				w.write("home/work.inc", "[user]\n\tname = At Work\n\temail = ann@work.example\n")
				w.write("r/.git/extra", "[user]\n\temail = extra@example.org\n")
				env := append([]string{"GIT_COMMITTER_DATE=1795336200 +0130"}, c.env...)
				want, err := gitIdent(w, "r/sub", env...)
				if err != nil {
					t.Fatal(err)
				}
				got, err := w.open("r/sub", withGit, env...).Identity(context.Background())
				if err != nil || got.String() != want {
					t.Errorf("got %q, %v, git says %q", got, err, want)
				}
			})
		})
	}
}

// TestIdentityLinkedWorktree: config.worktree of a linked working tree counts.
func TestIdentityLinkedWorktree(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	w.git("r", "config", "extensions.worktreeConfig", "true")
	w.git("r", "worktree", "add", "-q", "-b", "other", w.path("linked"))
	w.git("linked", "config", "--worktree", "user.email", "linked@example.org")
	for dir, want := range map[string]string{"linked": "linked@example.org", "r": "ann@example.org"} {
		id, err := w.open(dir, true).Identity(context.Background())
		if err != nil || id.Email != want {
			t.Errorf("%s: %q, %v", dir, id.Email, err)
		}
	}
}

func TestIdentityMissing(t *testing.T) {
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.plain("r")
		w.write("home/.gitconfig", "[user]\n\tname = Ann\n[include]\n\tpath = nowhere\n")
		_, err := w.open("r", withGit).Identity(context.Background())
		var missing *IdentityError
		if !errors.As(err, &missing) || strings.Join(missing.Missing, " ") != "user.email" || missing.Includes == withGit {
			t.Errorf("got %+v", err)
		}
		id, err := w.open("r", withGit, "EMAIL=ann@mail.example").Identity(context.Background())
		if err != nil || id.Email != "ann@mail.example" {
			t.Errorf("EMAIL: %+v, %v", id, err)
		}
		if !id.When.Equal(clock) {
			t.Errorf("the clock says %s, the identity %s", clock, id.When)
		}
	})
}

// TestDates compares our reading of GIT_COMMITTER_DATE with git's.
func TestDates(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	zone := "TZ=UTC-2"
	loc := time.FixedZone("", 7200)
	for _, d := range []string{
		"1700000000 +0130", "@1700000000 +0130", "@5 +0000", "1700000000", "@1700000000 -0800",
		"2026-03-04T05:06:07Z", "2026-03-04T05:06:07+0200", "2026-03-04T05:06:07+02:00", "2026-03-04 05:06:07 -0330",
		"2026-03-04 05:06:07", "2026-03-04T05:06:07", "Wed, 04 Mar 2026 05:06:07 +0100", "Wed, 4 Mar 2026 05:06:07 +0100",
		"Wed Mar 4 05:06:07 2026 +0100", "2026.03.04 05:06:07", "03/04/2026 05:06:07", "04.03.2026 05:06:07",
	} {
		want, err := gitIdent(w, "r", zone, "GIT_COMMITTER_DATE="+d)
		if err != nil {
			t.Errorf("git does not take %q", d)
			continue
		}
		at, err := parseDate(d, loc)
		got := Ident{"Ann Example", "ann@example.org", at}.String()
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; git: %q", d, got, err, want)
		}
	}
	for _, d := range []string{"soon", "yesterday", "12345", "2026-13-01 00:00:00", "", "@", "1700000000 +99", "-5 +0000"} {
		var bad *DateError
		if _, err := parseDate(d, loc); !errors.As(err, &bad) {
			t.Errorf("%q: %v", d, err)
		}
	}
}

func TestSigningConfig(t *testing.T) {
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.plain("r")
		r := w.open("r", withGit)
		if got, err := r.SigningConfig(context.Background()); err != nil || got != (SigningConfig{Format: "openpgp"}) {
			t.Errorf("default: %+v, %v", got, err)
		}
		w.git("r", "config", "gpg.format", "ssh")
		w.git("r", "config", "user.signingKey", "~/.ssh/id.pub")
		for value, want := range map[string]bool{"true": true, "yes": true, "1": true, "no": false, "off": false, "0": false} {
			w.git("r", "config", "tag.gpgSign", value)
			got, err := r.SigningConfig(context.Background())
			if err != nil || got != (SigningConfig{Format: "ssh", Key: "~/.ssh/id.pub", TagGPGSign: want}) {
				t.Errorf("%s: %+v, %v", value, got, err)
			}
		}
	})
}

// TestConfigOddities: what the in-process reader cannot parse goes to git, which can.
func TestConfigOddities(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	appendTo(t, w.path("r/.git/config"), "[branch \"main\"]\n\tmerge = not a ref\n[odd.old-style]\n\tkey\n")
	w.git("r", "rev-parse", "HEAD")
	r := w.open("r", true)
	if _, err := r.State(context.Background()); err != nil {
		t.Errorf("state: %v", err)
	}
	if s := (&config{values: map[string][]string{"a.b": {"true"}}}); !s.isTrue("a.b") || s.isTrue("a.c") {
		t.Error("booleans")
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: filepath.Dir(path)}
	w.write(filepath.Base(path), string(data)+text)
}
