package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/exp/golden"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/publish/web"
	"bulla/keys/store"
	"bulla/workflow/keydesk"
)

// fakeSource gives one answer and notes what it was asked and told to keep.
type fakeSource struct {
	found  []publish.Found
	misses []publish.Miss
	asked  []publish.Query
	kept   []keys.Fingerprint
	fail   error // of keeping
}

func (f *fakeSource) FetchSources(q publish.Query) ([]publish.Target, error) {
	return publish.DefaultSources(q), nil
}

func (f *fakeSource) Fetch(_ context.Context, q publish.Query, _ []publish.Target, _ keydesk.PublishFace) ([]publish.Found, []publish.Miss, error) {
	f.asked = append(f.asked, q)
	return f.found, f.misses, nil
}

func (f *fakeSource) KeepFetched(_ context.Context, k publish.Found) ([]store.Imported, error) {
	f.kept = append(f.kept, k.Key.Fingerprint)
	return nil, f.fail
}

// missing goes to the release whose key is not here.
func missing(t *testing.T, s *fakeSource) *player {
	return playHistory(t, newFakeTimeline(), func(o *HistoryOptions) { o.Keys = s }, false).settled().press("/", "v1.0.0", "enter")
}

// A missing key is looked for only once that is agreed to, shown before it is kept, and then the
// history is judged anew.
func TestHistoryFetches(t *testing.T) {
	const old = keys.Fingerprint("00112233445566778899AABBA1B2C3D4E5F60F60")
	whole := publish.Found{From: "keys.example.org", Form: publish.FormWhole, Key: keys.Key{Fingerprint: old, UserIDs: []string{"Ola " + hostile}, Expires: day(400)}, Data: []byte{1}}
	s := &fakeSource{found: []publish.Found{whole}}
	p := missing(t, s).press("f").see("A1B2C3D4E5F60F60").see("keyserver.ubuntu.com, keys.openpgp.org")
	pictures(t, p, "question")
	if p.press("n"); len(s.asked) != 0 || strings.Contains(p.r.View(), "Asked would be") {
		t.Fatalf("asked without consent: %v", s.asked)
	}
	p.press("f", "y").see("Keep this key?").see("0011 2233")
	pictures(t, p, "found")
	if p.press("n"); len(s.kept) != 0 || len(s.asked) != 1 || s.asked[0].KeyID != "A1B2C3D4E5F60F60" {
		t.Fatalf("asked %v, kept %v", s.asked, s.kept)
	}
	if p.press("f", "y").see("Keep this key?").press("y").see("judging anew"); len(s.kept) != 1 || s.kept[0] != old {
		t.Fatalf("kept %v", s.kept)
	}

	s = &fakeSource{found: []publish.Found{{From: "keys.example.org", Form: publish.FormRevocation, Note: "Nothing but its revocation is there."}}}
	missing(t, s).press("f", "y").see("of no use").see("Nothing but its revocation").press("esc")
	s = &fakeSource{misses: []publish.Miss{{From: "keys.example.org", Err: &web.Error{Host: "keys.example.org", Op: "ask for the key", Kind: web.KindTimeout}}}}
	missing(t, s).press("f", "y").see("No key was found")
	s = &fakeSource{found: []publish.Found{whole}, fail: errors.New("the disk is full")}
	missing(t, s).press("f", "y").see("Keep this key?").press("y").see("disk is full")
	playHistory(t, newFakeTimeline(), func(o *HistoryOptions) { o.Keys = s }, false).settled().press("f").see("no key is missing here")
}

func pictures(t *testing.T, p *player, name string) {
	t.Helper()
	for _, size := range [][2]int{{120, 40}, {60, 16}, {80, 24}} {
		t.Run(fmt.Sprintf("%s/%dx%d", name, size[0], size[1]), func(t *testing.T) {
			p.size(size[0], size[1])
			if strings.Contains(p.r.View(), "\u202e") {
				t.Error("text from outside was not cleaned")
			}
			golden.RequireEqual(t, p.r.View())
		})
	}
}
