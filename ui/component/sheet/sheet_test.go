package sheet

import (
	"slices"
	"testing"

	"bulla/ui/theme"
)

// A label as long as its column is not cut, nor glued to what follows.
func TestLongLabel(t *testing.T) {
	s := &Sheet{Theme: theme.New(theme.Options{}), Width: 40}
	s.Fact("good", "It is.")
	s.Fact("not-checked", "Nobody answered.")
	if want := []string{"good      It is.", "not-checked", "          Nobody answered."}; !slices.Equal(s.Lines, want) {
		t.Errorf("got %q", s.Lines)
	}
}
