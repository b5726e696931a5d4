package cli

import (
	"context"
	"slices"
	"testing"

	"bulla/keys"
)

// TestOnceMore: the second question of a backup says what it is for; a wrong answer is no question of
// its own.
func TestOnceMore(t *testing.T) {
	var asked []string
	ask := onceMore(func(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		asked = append(asked, req.Label)
		return keys.Secret{}, nil
	})
	for _, attempt := range []int{1, 2, 1, 2} {
		if _, err := ask(t.Context(), keys.PassphraseRequest{Label: "Ada", Attempt: attempt}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"Ada", "Ada", "Ada, once more, to try the backup", "Ada, once more, to try the backup"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
}
