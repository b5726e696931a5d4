package ui

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/ui/theme"
	"bulla/workflow/finding"
	"bulla/workflow/keydesk"
)

// fakeKeys are keys made by hand.
type fakeKeys struct {
	Keys     // what a test does not need is not there
	states   []keydesk.State
	problems []error
	stuck    bool // the survey never gets to the keys of GnuPG

	block   chan struct{} // closed once Extend is at work, which then waits for the end of its context
	misses  []publish.Miss
	vault   *vault.Manager // nil keeps nothing
	refusal error          // of the next change
	mu      sync.Mutex
	log     []string // what was done
}

func (f *fakeKeys) Glimpse(context.Context) (out []keydesk.State, err error) {
	for _, s := range f.states {
		if s.InStore && s.Err == nil {
			out = append(out, keydesk.State{Key: keys.Key{Fingerprint: s.Fingerprint, Created: s.Created}, Claims: s.UserIDs, InStore: true, Secret: s.Secret})
		}
	}
	return out, nil
}

func (f *fakeKeys) news(s keydesk.State) keydesk.News {
	return keydesk.News{Fingerprint: s.Fingerprint, Change: func(to *keydesk.State) { *to = s }}
}

func (f *fakeKeys) Survey(ctx context.Context, put func(keydesk.News)) []error {
	for i, s := range f.states {
		if f.stuck && i >= 2 {
			<-ctx.Done()
			return nil
		}
		put(f.news(s))
	}
	return f.problems
}

func (f *fakeKeys) Look(_ context.Context, fpr keys.Fingerprint) ([]keydesk.News, bool) {
	for _, s := range f.states {
		if s.Fingerprint == fpr {
			return []keydesk.News{f.news(s)}, true
		}
	}
	return nil, false
}

func ailment(rule finding.Rule, s finding.Severity, message string, refused ...string) keydesk.Finding {
	return keydesk.Finding{Rule: rule, Severity: s, Message: message, Action: "bulla keys something", RefusedBy: refused}
}

func newFakeKeys() *fakeKeys {
	const yubi, old, ria = keys.Fingerprint("A1B2C3D4E5F60718293A4B5C6D7E8F9011220F60"), keys.Fingerprint("0BADC0DE00112233445566778899AABBCCDDEEFF"), keys.Fingerprint("5555666677778888999900001111222233334444")
	own := keydesk.State{
		Key: keys.Key{
			Fingerprint: rhea, UserIDs: []string{"Rhea Release <rhea@acme.org>", "Rhea Release <rhea@old.example>"}, Algorithm: "ed25519", Created: day(-400), Expires: day(40), CanCertify: true,
			Source: keys.SourceStore, HasSecret: true, Subkeys: []keys.Subkey{
				{Fingerprint: rheaS, Algorithm: "ed25519", Created: day(-400), Expires: day(40), CanSign: true, HasSecret: true},
				{Fingerprint: "1212121212121212121212121212121212121212", Algorithm: "cv25519", Created: day(-400), Revoked: true, CanEncrypt: true},
			},
		},
		Read: true, InStore: true, InGnuPG: true, Secret: true, Changed: true, AgentAsked: true,
		Parts: []agent.Part{{Fingerprint: rhea, Protected: true}, {Fingerprint: rheaS, Protected: true, Cached: true}},
		Places: []publish.Entry{
			{Target: "vks:https://keys.openpgp.org", UserIDs: []string{"Rhea Release <rhea@acme.org>"}, Stage: publish.StageAddress, CheckedAt: day(-20)},
			{Target: "hkps://keyserver.ubuntu.com", Stage: publish.StageFingerprint, CheckedAt: day(-20), Addresses: []publish.Address{{Address: "rhea@acme.org", State: publish.AddressMissing}}},
		},
		Stale: []string{"hkps://keyserver.ubuntu.com"}, PlacesKnown: true,
		Findings: []keydesk.Finding{
			ailment(finding.Rule(keys.HealthWeakHash), finding.Error, "The self-signature on the user id Rhea Release <rhea@old.example> uses sha1. Sequoia and, since 1 February 2026, Debian refuse it.", "sequoia", "debian"),
			ailment(finding.Rule(keys.HealthExpiring), finding.Warning, "The key expires on 1 January 2027."),
			ailment(keydesk.RuleNotBackedUp, finding.Warning, "No backup of this key was ever made and tried: if this computer is lost, so is the key."),
			ailment(keydesk.RuleNoRevocation, finding.Info, "There is no revocation certificate here."),
		},
	}
	own.GnuPG = own.Key
	card := keydesk.State{
		Key:  keys.Key{Fingerprint: yubi, UserIDs: []string{"Rhea (YubiKey) <rhea@acme.org>"}, Algorithm: "rsa4096", Created: day(-900), CanCertify: true, CanSign: true, Source: keys.SourceCard, Card: "0006 12345678", HasSecret: true},
		Read: true, InGnuPG: true, Secret: true, AgentAsked: true, PlacesKnown: true,
		Parts:    []agent.Part{{Fingerprint: yubi, Protected: true, Card: "0006 12345678"}},
		Findings: []keydesk.Finding{ailment(finding.Rule(keys.HealthNoExpiry), finding.Info, "The key never expires.")},
	}
	card.GnuPG = card.Key
	expired := keydesk.State{
		Key:  keys.Key{Fingerprint: old, UserIDs: []string{"Old Ola " + hostile}, Algorithm: "dsa1024", Created: day(-7000), Expires: day(-255), CanSign: true, Source: keys.SourceGnuPG},
		Read: true, InGnuPG: true, PlacesKnown: true,
		Findings: []keydesk.Finding{ailment(finding.Rule(keys.HealthExpired), finding.Error, "The key expired on 12 March 2026.", "gpg")},
	}
	fine := keydesk.State{
		Key:  keys.Key{Fingerprint: "99990E147A219D4B55F01C2D3E4F5A6BC0DE1111", UserIDs: []string{"Fine Fred <fred@example.org>"}, Algorithm: "ed25519", Created: day(-90), Expires: day(700), CanCertify: true, CanSign: true, Source: keys.SourceStore, HasSecret: true, BackedUp: day(-80)},
		Read: true, InStore: true, Secret: true, PlacesKnown: true, Places: []publish.Entry{{Target: "github:https://api.github.com", Stage: publish.StageFingerprint, CheckedAt: day(-2)}},
	}
	revoked := keydesk.State{
		Key:  keys.Key{Fingerprint: ria, UserIDs: []string{"Ria Revoked <ria@example.org>"}, Algorithm: "rsa2048", Created: day(-3000), Revoked: true, Source: keys.SourceStore},
		Read: true, InStore: true, PlacesKnown: true,
		Findings: []keydesk.Finding{ailment(finding.Rule(keys.HealthRevoked), finding.Error, "The key was revoked on 1 May 2021.")},
	}
	broken := keydesk.State{
		Key:  keys.Key{Fingerprint: "7777000011112222333344445555666677778888", Source: keys.SourceStore},
		Read: true, InStore: true, PlacesKnown: true, Err: &store.ProblemError{Path: "/home/rhea/.local/share/bulla/keys/7777/public.pgp", Err: errors.New("unexpected end of the file")},
	}
	return &fakeKeys{states: []keydesk.State{own, fine, card, expired, revoked, broken}}
}

func keysOptions(f *fakeKeys) KeysOptions {
	return KeysOptions{
		Open: func(context.Context) (Keys, error) { return f, nil }, Display: noDisplay(),
	}
}

func playKeys(t *testing.T, f *fakeKeys, change func(*KeysOptions), coloured bool) *player {
	t.Helper()
	o := keysOptions(f)
	if change != nil {
		change(&o)
	}
	r := newKeysRoot(context.Background(), o)
	return play(t, r.soloRoot, coloured, func(put func(string) error) soloPage { return r.newPage(put) })
}

// surveyed waits for the end of the survey: the keys are counted while it goes on, too.
func (p *player) surveyed() *player {
	p.t.Helper()
	limit := time.After(patience)
	for goesOn := regexp.MustCompile(`read \d+ of|where keys are published`); ; {
		v := p.r.View()
		if strings.Contains(v, "3 with the secret key, 1 of them to look after") && !goesOn.MatchString(v) {
			return p
		}
		select {
		case msg := <-p.msgs:
			p.apply(msg)
		case <-limit:
			p.t.Fatalf("never surveyed:\n%s", v)
		}
	}
}

func keyScenes() map[string]func(*player) {
	return map[string]func(*player){
		"list":     func(p *player) {},
		"card":     func(p *player) { p.press("/", "yubi", "enter") },
		"broken":   func(p *player) { p.onBroken().press("enter") },
		"hostile":  func(p *player) { p.press("/", "in:gnupg", "enter", "end", "enter") },
		"story":    func(p *player) { p.press("/", "3e9c", "enter", "enter", "down", "down", "down") },
		"code":     func(p *player) { p.press("v") },
		"filtered": func(p *player) { p.press("/", "is:secret", "enter") },
		"typing":   func(p *player) { p.press("/", "is:rev") },
		"nothing":  func(p *player) { p.press("/", "nothing like it", "enter") },
		"wanting":  func(p *player) { p.press("w") },
		"by-worst": func(p *player) { p.press("s") },
		"copied":   func(p *player) { p.press("c").see("clipboard") },
		"help":     func(p *player) { p.press("?").see("Keys") },
	}
}

// TestKeyScreens compares every screen of the keys with its picture, at the size of the design, on
// a wide terminal, and at the minimum.
func TestKeyScreens(t *testing.T) {
	for name, play := range keyScenes() {
		t.Run(name, func(t *testing.T) {
			p := playKeys(t, newFakeKeys(), nil, false).surveyed()
			play(p)
			for _, size := range [][2]int{{80, 24}, {120, 40}, {60, 16}} {
				t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
					p.size(size[0], size[1])
					golden.RequireEqual(t, p.r.View())
				})
			}
		})
	}
	t.Run("looking", func(t *testing.T) {
		f := newFakeKeys()
		f.stuck = true
		golden.RequireEqual(t, playKeys(t, f, nil, false).see("read 2 of 3").r.View())
	})
	t.Run("empty", func(t *testing.T) {
		golden.RequireEqual(t, playKeys(t, &fakeKeys{problems: []error{errors.New("gpg does not answer")}}, nil, false).see("gpg does not").r.View())
	})
	t.Run("unreadable", func(t *testing.T) {
		p := playKeys(t, nil, func(o *KeysOptions) {
			o.Open = func(context.Context) (Keys, error) { return nil, errors.New("the folder cannot be read") }
		}, false)
		golden.RequireEqual(t, p.see("cannot be read").r.View())
	})
	t.Run("too-small", func(t *testing.T) {
		golden.RequireEqual(t, playKeys(t, newFakeKeys(), nil, false).surveyed().size(59, 15).r.View())
	})
}

// TestKeyThemes: the list and the code in colours, on light and on dark, and in ASCII.
func TestKeyThemes(t *testing.T) {
	for _, scene := range []string{"list", "code"} {
		for _, mode := range []theme.Mode{theme.Light, theme.Dark} {
			t.Run(scene+"/"+string(mode), func(t *testing.T) {
				p := playKeys(t, newFakeKeys(), func(o *KeysOptions) { o.Theme = mode }, true).surveyed()
				keyScenes()[scene](p)
				golden.RequireEqual(t, p.size(120, 40).r.View())
			})
		}
		for _, size := range [][2]int{{80, 24}, {120, 40}} {
			t.Run(fmt.Sprintf("%s/ascii/%d", scene, size[0]), func(t *testing.T) {
				p := playKeys(t, newFakeKeys(), func(o *KeysOptions) { o.ASCII = true }, false).surveyed()
				keyScenes()[scene](p)
				golden.RequireEqual(t, p.size(size[0], size[1]).r.View())
			})
		}
	}
}

// TestKeysEverySize resizes every screen through all kinds of sizes; the player holds that nothing
// is wider or taller than the terminal.
func TestKeysEverySize(t *testing.T) {
	for name, play := range keyScenes() {
		t.Run(name, func(t *testing.T) {
			for _, p := range []*player{playKeys(t, newFakeKeys(), nil, true).surveyed(), playKeys(t, newFakeKeys(), func(o *KeysOptions) { o.ASCII = true }, false).surveyed()} {
				play(p)
				for _, w := range []int{1, 20, 59, 60, 61, 72, 80, 99, 100, 101, 130, 250} {
					for _, h := range []int{1, 3, 15, 16, 17, 24, 41, 90} {
						p.size(w, h)
					}
				}
			}
		})
	}
}

func TestKeysCopyAndQuit(t *testing.T) {
	p := playKeys(t, newFakeKeys(), nil, false).surveyed().press("/", "3e9c", "enter", "c").see("clipboard")
	if len(p.copied) != 1 || p.copied[0] != string(rhea) {
		t.Errorf("copied %q", p.copied)
	}
	p.press("q").ends()
}

// What is looked at again replaces what was known: a key that is gone leaves the table, a new one
// comes, and the cursor stays on its key.
func TestKeysLookAgain(t *testing.T) {
	f := newFakeKeys()
	p := playKeys(t, f, nil, false).surveyed().press("/", "fine", "enter", "esc").see("Fine Fred")
	p.press("down").see("6 keys")
	f.states = append(f.states[:3:3], f.states[4:]...)
	f.states[1].UserIDs = []string{"Fred Finer <fred@example.org>"}
	p.press("r").see("5 keys").see("Fred Finer")
	if v := p.r.View(); !strings.Contains(v, "Rhea (YubiKey)") || strings.Contains(v, "Old Ola") {
		t.Error(p.r.View())
	}
}
