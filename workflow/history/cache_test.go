package history

import (
	"reflect"
	"testing"
)

// compareRows fails unless two openings of a repository came to the same verdicts.
func compareRows(t *testing.T, a, b []Release) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d rows, then %d", len(a), len(b))
	}
	for i := range a {
		for _, r := range []*Release{&a[i], &b[i]} {
			for _, v := range r.All() {
				if v.Signer != nil {
					v.Signer.Source = "" // it is not remembered
				}
			}
		}
		if !reflect.DeepEqual(a[i].All(), b[i].All()) {
			t.Errorf("%s: %+v, then %+v", a[i].Tag, a[i].All(), b[i].All())
		}
	}
}
