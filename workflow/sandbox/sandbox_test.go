package sandbox

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/gitops"
)

// The practice world is of its own time and of nobody: neither the moment nor the person that the
// program's environment and the user's git settings tell of reach into it.
func TestPracticeWorldIsItsOwn(t *testing.T) {
	home := t.TempDir()
	settings := "[committer]\n\tname = Mallory Settings\n\temail = mallory@example.net\n[user]\n\tsigningkey = 0123456789ABCDEF\n[tag]\n\tgpgSign = true\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "USERPROFILE": home, "XDG_CONFIG_HOME": filepath.Join(home, "config"), "EMAIL": "mallory@example.net",
		"GIT_COMMITTER_NAME": "Mallory Environment", "GIT_COMMITTER_EMAIL": "mallory@example.net", "GIT_COMMITTER_DATE": "2001-02-03T04:05:06Z",
		"GIT_AUTHOR_NAME": "Mallory Environment", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "committer.name", "GIT_CONFIG_VALUE_0": "Mallory Count",
	} {
		t.Setenv(name, value)
	}
	ctx := context.Background()
	now := time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)
	b, err := New(ctx, Options{Now: func() time.Time { return now }, Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	repo, err := gitops.OpenWith(ctx, b.Dir(), gitops.Options{Environ: b.practiceEnviron()})
	if err != nil {
		t.Fatal(err)
	}
	check := func(tag string, when time.Time) {
		t.Helper()
		got, err := repo.Tag(ctx, tag)
		if err != nil {
			t.Fatal(err)
		}
		if got.Tagger.Name != authorName || got.Tagger.Email != authorEmail || !got.Tagger.When.Equal(when) {
			t.Errorf("%s by %s, want %s <%s> at %s", tag, got.Tagger, authorName, authorEmail, when)
		}
	}
	check("v"+EarlierVersion, now.Add(-120*day))
	res, err := b.Release(ctx, b.Choices(), nil)
	if err != nil || !res.Good() {
		t.Fatalf("%v", err)
	}
	check("v"+NextVersion, now)
	if cfg, err := repo.SigningConfig(ctx); err != nil || cfg.Key != "" || cfg.TagGPGSign {
		t.Errorf("git's settings of the user reach in: %+v, %v", cfg, err)
	}
	for _, kv := range b.practiceEnviron() {
		if strings.Contains(kv, "allory") {
			t.Errorf("reaches in: %s", kv)
		}
	}
}
