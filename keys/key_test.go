package keys

import (
	"errors"
	"strings"
	"testing"
)

// TestSelectTakesCopiesForOneKey: two places that have a key do not make its name fit two keys, and the
// first of them is taken; two keys with the same address are two.
func TestSelectTakesCopiesForOneKey(t *testing.T) {
	const address = "a@example.org"
	key := func(digit string, source Source) Key {
		return Key{Fingerprint: Fingerprint(strings.Repeat(digit, 40)), UserIDs: []string{address}, Source: source}
	}
	own, theirs, other := key("A", SourceStore), key("A", SourceGnuPG), key("B", SourceGnuPG)
	for _, name := range []string{string(own.Fingerprint), own.Fingerprint.KeyID(), address} {
		if k, err := Select([]Key{own, theirs}, ParseSelector(name)); err != nil || k.Source != SourceStore {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
	}
	_, err := Select([]Key{own, theirs, other}, ParseSelector(address))
	var ambiguous *AmbiguousError
	if !errors.As(err, &ambiguous) || len(ambiguous.Matches) != 2 {
		t.Errorf("two keys, one of them twice: %v", err)
	}
}
