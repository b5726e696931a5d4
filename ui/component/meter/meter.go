// Package meter draws progress bars and the spinner. Both show a number or a word too: a bar
// alone tells nothing to who cannot see it.
package meter

import (
	"fmt"
	"strings"
	"time"

	"bulla/ui/theme"
)

// Bar is a bar of w columns with its percentage behind it.
func Bar(t theme.Theme, done, total int64, w int) string {
	share := 0.0
	if total > 0 {
		share = min(1, max(0, float64(done)/float64(total)))
	}
	const number = 6 // " 100 %"
	cells := max(0, w-number)
	full := int(share * float64(cells))
	return t.Accent.Render(strings.Repeat(t.Signs.BarFull, full)) +
		t.Border.Render(strings.Repeat(t.Signs.BarEmpty, cells-full)) +
		fmt.Sprintf(" %3d %%", int(share*100))
}

// Tick is how often a screen with a spinner is drawn anew.
const Tick = 150 * time.Millisecond

// Spinner is the sign of work that has gone on for d.
func Spinner(t theme.Theme, d time.Duration) string {
	return t.Signs.Spinner[int(max(0, d)/Tick)%len(t.Signs.Spinner)]
}

// Patience is how long a wait may take before it is counted on the screen.
const Patience = 2 * time.Second
