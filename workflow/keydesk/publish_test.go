package keydesk

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/store"
)

// TestPublishAgainWithOthers: a key that is published again goes with the user ids that the place has,
// until a person chooses others; those are remembered then. gpg reads what came of it.
func TestPublishAgainWithOthers(t *testing.T) {
	ctx := context.Background()
	w, home := gnupgWorld(t)
	made, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ada", Email: "ada@example.org", Algorithm: store.AlgorithmEd25519})
	if err != nil {
		t.Fatal(err)
	}
	sel := keys.ParseSelector(string(made.Key.Fingerprint))
	if _, err := w.Store.AddUserID(ctx, sel, store.AddUserIDParams{Name: "Ada", Email: "ada@private.example"}, nil); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "KEYS")
	target, err := publish.ParseTarget("file:"+file, "")
	if err != nil {
		t.Fatal(err)
	}
	send := func(plan publish.Plan, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Publish(ctx, plan, PublishFace{}); err != nil {
			t.Fatal(err)
		}
	}
	again := func(want []string, c publish.Choice) publish.Plan {
		t.Helper()
		plan, problems, err := w.PlanAgain(ctx, sel, c)
		if err != nil || len(problems) > 0 || len(plan.Items) != 1 {
			t.Fatal(plan.Items, problems, err)
		}
		if got := plan.Items[0].Key.UserIDs; !slices.Equal(got, want) {
			t.Fatalf("it would go with %q, not %q", got, want)
		}
		return plan
	}
	first, both := []string{"Ada <ada@example.org>"}, []string{"Ada <ada@example.org>", "Ada <ada@private.example>"}
	send(w.PlanPublish(ctx, sel, []publish.Target{target}, publish.Choice{UserIDs: first}))
	again(first, publish.Choice{})
	shown := func() string {
		t.Helper()
		cmd := exec.Command("gpg", "--batch", "--homedir", home, "--show-keys", "--with-colons", file)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	if strings.Contains(shown(), "private.example") {
		t.Error("a user id went out that nobody chose")
	}
	send(again(both, publish.Choice{UserIDs: both}), nil)
	if !strings.Contains(shown(), "private.example") {
		t.Error("the user id that was chosen is not in the file")
	}
	again(both, publish.Choice{}) // it is remembered
	if data, err := os.ReadFile(file); err != nil || strings.Count(string(data), "BEGIN PGP") != 1 {
		t.Errorf("%v\n%s", err, data)
	}
}
