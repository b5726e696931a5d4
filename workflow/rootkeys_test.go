package workflow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"bulla/keys"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
)

// TestRootWithOnlyKeys: where only named keys count, the keyring of the policy's root vouches for no
// change of the policy.
func TestRootWithOnlyKeys(t *testing.T) {
	b := newBench(t)
	b.commitPolicy(b.policyText(`"tag"`, ""))
	root := b.git("-C", b.repo, "rev-parse", "HEAD")
	b.commitPolicy(b.policyText(`"tag", "artifact"`, ""))
	b.release(b.choices()) // whose signed tag vouches for the change
	stranger := newBench(t)
	pub, err := stranger.world.ExportPublic(context.Background(), keys.ParseSelector(string(stranger.key.Fingerprint)))
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(b.dir, "other.asc")
	if err := os.WriteFile(other, pub, 0o600); err != nil {
		t.Fatal(err)
	}
	b.world = stranger.world // who has no key of b's
	rooted := func(only bool) error {
		_, err := b.verifier(func(o *verify.Options) {
			o.Keys, o.OnlyKeys, o.Policy.Root = []string{other}, only, root
		})
		return err
	}
	if err := rooted(false); err != nil {
		t.Errorf("with the keyring of the root: %v", err)
	}
	var broken *policy.ChainError
	if err := rooted(true); !errors.As(err, &broken) {
		t.Errorf("with named keys alone: %v", err)
	}
}
