package firstkey

import (
	"testing"

	"bulla/keys/publish"
	"bulla/workflow/firstkey"
	"bulla/workflow/keydesk"
)

// TestPublishedWord: a key is called findable where others find it, not while its file lies in a working tree
// alone.
func TestPublishedWord(t *testing.T) {
	const file, server = "file:/src/KEYS", "keys.openpgp.org"
	entry := func(target string) publish.Entry {
		return publish.Entry{Target: target, Stage: publish.StageFingerprint}
	}
	for _, c := range []struct {
		name     string
		entries  []publish.Entry
		unshared map[string]keydesk.Unshared
		results  []publish.Result
		want     string
		done     bool
	}{
		{name: "nowhere"},
		{name: "in the working tree", entries: []publish.Entry{entry(file)}, unshared: map[string]keydesk.Unshared{file: {}}, want: "to commit", done: true},
		{name: "committed", entries: []publish.Entry{entry(file)}, unshared: map[string]keydesk.Unshared{file: {Committed: true}}, want: "to push", done: true},
		{name: "pushed", entries: []publish.Entry{entry(file)}, want: "findable", done: true},
		{name: "on a server, too", entries: []publish.Entry{entry(file), entry(server)}, unshared: map[string]keydesk.Unshared{file: {}}, want: "findable", done: true},
		{name: "just written", results: []publish.Result{{Stage: publish.StageFingerprint, Commands: []string{"git add KEYS"}}}, want: "to commit", done: true},
	} {
		s := &state{progress: firstkey.Progress{Unshared: c.unshared, Published: publish.Record{Entries: c.entries}}}
		r := newPublishRoom(s)
		r.results = c.results
		if word, done := r.value(); word != c.want || done != c.done {
			t.Errorf("%s: %q, %v", c.name, word, done)
		}
	}
}
