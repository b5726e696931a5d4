package meter

import (
	"strings"
	"testing"
	"time"

	"bulla/ui/component/layout"
	"bulla/ui/theme"
)

func TestBar(t *testing.T) {
	th := theme.New(theme.Options{ASCII: true})
	for _, c := range []struct {
		done, total int64
		want        string
	}{
		{0, 100, "..........   0 %"}, {50, 100, "#####.....  50 %"}, {100, 100, "########## 100 %"},
		{200, 100, "########## 100 %"}, {-1, 100, "..........   0 %"}, {5, 0, "..........   0 %"},
	} {
		if got := Bar(th, c.done, c.total, 16); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.done, c.total, got, c.want)
		}
	}
	for w := 6; w < 50; w++ {
		if got := layout.Width(Bar(th, 1, 3, w)); got != w {
			t.Errorf("width %d: %d", w, got)
		}
	}
}

func TestSpinnerTurns(t *testing.T) {
	th := theme.New(theme.Options{})
	var b strings.Builder
	for i := range 5 {
		b.WriteString(Spinner(th, time.Duration(i)*Tick))
	}
	if got := b.String(); got != `|/-\|` {
		t.Errorf("got %q", got)
	}
}
