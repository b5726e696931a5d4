package human

import (
	"slices"
	"strings"
	"testing"
)

func TestNaturally(t *testing.T) {
	list := strings.Fields("v1.10.0 v1.9 latest v1.2 v1.10 v01.3 10 9 a1b2 a1b10")
	slices.SortFunc(list, Naturally)
	if got := strings.Join(list, " "); got != "9 10 a1b2 a1b10 latest v1.2 v01.3 v1.9 v1.10 v1.10.0" {
		t.Errorf("got %s", got)
	}
}
