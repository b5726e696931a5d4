package keydesk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"bulla/keys"
	"bulla/keys/store"
)

// A backup that does not open leaves no trace: a new file is removed, and one that was to be replaced
// is put back.
func TestBackupThatDoesNotOpen(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	w, err := openedPlaces(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	g, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Rhea", Email: "rhea@example.org", Algorithm: store.AlgorithmEd25519, Passphrase: keys.NewSecret([]byte(testPassphrase))})
	if err != nil {
		t.Fatal(err)
	}
	sel := keys.ParseSelector(string(g.Key.Fingerprint))
	path := filepath.Join(dir, "backup.asc")
	forgetful := func() keys.AskPassphrase { // knows the passphrase while writing, and not to try
		asked := 0
		return func(ctx context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
			if asked++; asked == 1 {
				return answer(ctx, r)
			}
			return keys.Secret{}, keys.ErrNoPassphrase
		}
	}
	if _, err := w.BackUp(ctx, sel, path, BackupArmored, false, forgetful()); !errors.Is(err, keys.ErrNoPassphrase) {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
	if _, err := w.BackUp(ctx, sel, path, BackupPaperText, false, answer); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.BackUp(ctx, sel, path, BackupArmored, true, forgetful()); !errors.Is(err, keys.ErrNoPassphrase) {
		t.Fatalf("got %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(good) {
		t.Errorf("the backup that worked is gone: %v", err)
	}
	if _, err := w.BackUp(ctx, sel, path, BackupArmored, true, answer); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) == string(good) {
		t.Errorf("not replaced: %v", err)
	}
}
