//go:build unix

package workflow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulla/keys/limits"
	"bulla/workflow/journal"
	"bulla/workflow/project"
)

// A named pipe where a file of bulla's or the repository's should be is refused: nothing waits for
// its other end.
func TestPipesInPlaceOfFiles(t *testing.T) {
	b := newBench(t)
	key := string(b.key.Fingerprint)
	for name, c := range map[string]struct {
		path string
		do   func() error
	}{
		"bulla.toml": {filepath.Join(b.repo, project.ConfigName), func() error {
			_, err := Open(context.Background(), b.world, b.repo)
			return err
		}},
		"the journal": {journal.Path(filepath.Join(b.repo, ".git")), func() error {
			_, err := b.session().Unfinished(context.Background())
			return err
		}},
		"a public key of the store": {filepath.Join(b.world.Home, "keys", key, "public.pgp"), func() error {
			return errors.Join(b.world.Store.Problems(context.Background())...)
		}},
		"git's configuration": {filepath.Join(b.repo, ".git", "config"), func() error {
			_, err := b.world.OpenRepository(context.Background(), b.repo)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(c.path); err == nil {
				if err := os.Rename(c.path, c.path+".away"); err != nil {
					t.Fatal(err)
				}
				defer os.Rename(c.path+".away", c.path)
			}
			if err := errors.Join(os.MkdirAll(filepath.Dir(c.path), 0o700), syscall.Mkfifo(c.path, 0o600)); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(c.path)
			ended := make(chan error, 1)
			go func() { ended <- c.do() }()
			select {
			case err := <-ended:
				var special *limits.NotRegularError
				if err == nil || !errors.As(err, &special) && !strings.Contains(err.Error(), "a named pipe, not a regular file") {
					t.Errorf("got %v", err)
				}
			case <-time.After(time.Minute):
				t.Fatal("it waits for the other end of the pipe")
			}
		})
	}
}
