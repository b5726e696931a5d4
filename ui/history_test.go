package ui

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/charmbracelet/x/exp/teatest"
	"github.com/muesli/termenv"

	"bulla/gitops"
	"bulla/keys"
	"bulla/ui/component/layout"
	"bulla/ui/theme"
	"bulla/workflow/history"
)

// fakeTimeline is a history made by hand.
type fakeTimeline struct {
	rows     []history.Release
	updates  []history.Update
	images   []keys.Verdict
	messages map[string]string
	stuck    bool // it never gets to the end
}

func (f *fakeTimeline) Project(context.Context) string { return "acme/widget" }
func (f *fakeTimeline) Releases() []history.Release {
	return append([]history.Release(nil), f.rows...)
}
func (f *fakeTimeline) pass(ctx context.Context, p history.Part, emit func(history.Update)) error {
	for _, u := range f.updates {
		if u.Part == p {
			emit(u)
		}
	}
	if f.stuck && p == history.PartCommit {
		<-ctx.Done()
	}
	return ctx.Err()
}
func (f *fakeTimeline) Tags(ctx context.Context, emit func(history.Update)) error {
	return f.pass(ctx, history.PartTag, emit)
}
func (f *fakeTimeline) Commits(ctx context.Context, emit func(history.Update)) error {
	return f.pass(ctx, history.PartCommit, emit)
}
func (f *fakeTimeline) Files(ctx context.Context, emit func(history.Update)) error {
	return f.pass(ctx, history.PartFiles, emit)
}
func (f *fakeTimeline) CheckImages(_ context.Context, i int) (history.Update, error) {
	u := history.Update{Index: i, Part: history.PartFiles}
	for _, old := range f.updates {
		if old.Index == i && old.Part == history.PartFiles {
			u = old
			u.Verdicts = append([]keys.Verdict(nil), old.Verdicts...)
		}
	}
	for k := range u.Verdicts {
		if u.Verdicts[k].Kind == keys.KindImage {
			u.Verdicts[k] = f.images[0]
		}
	}
	return u, nil
}
func (f *fakeTimeline) Message(_ context.Context, i int) (string, error) {
	text, ok := f.messages[f.rows[i].Tag]
	if !ok {
		return "", gitops.ErrNotFound
	}
	return text, nil
}

const ola = keys.Fingerprint("0BADC0DE00112233445566778899AABBCCDDEEFF")

func by(who keys.Fingerprint, sub keys.Fingerprint, id string, at, expires time.Time) *keys.Signatory {
	return &keys.Signatory{Fingerprint: sub, Primary: who, UserIDs: []string{id}, SignedAt: at, Hash: "sha256", Algorithm: "ed25519", KeyExpires: expires}
}

// hostile is what a tag's message and a user id may bring along.
const hostile = "\x1b[2J\x1b]0;owned\x07gpg: Good signature from \"Rhea Release\" \u202ekcatta\u202c\r\n\u200b"

// history of the sketch in the design: two signers, and everything that can be wrong.
func newFakeTimeline() *fakeTimeline {
	f := &fakeTimeline{messages: map[string]string{
		"v1.4.0": "widget 1.4.0\n\nWhat is new:\n\n- The frobnicator is fixed.\n- " + hostile + "\n\n" + strings.Repeat("More of it. ", 60),
	}}
	rheaBy := func(n int) *keys.Signatory {
		return by(rhea, rheaS, "Rhea Release <rhea@acme.org>", day(n), day(490))
	}
	olaBy := func(n int) *keys.Signatory { return by(ola, ola, "Ola Old <ola@acme.org>", day(n), day(-300)) }
	add := func(tag string, n int, vs ...keys.Verdict) int {
		i := len(f.rows)
		f.rows = append(f.rows, history.Release{
			Tag: tag, InnerName: tag, ObjectID: strings.Repeat("a", 39) + fmt.Sprint(i%10), TargetType: "commit", CommitID: strings.Repeat("1f2e", 10),
			Date: day(n), Subject: "widget " + tag, Signed: len(vs) > 0 && vs[0].Status != keys.StatusUnsigned,
		})
		for k := range vs {
			vs[k].Kind, vs[k].Target = keys.KindTag, tag
		}
		f.updates = append(f.updates,
			history.Update{Index: i, Part: history.PartTag, Verdicts: vs},
			history.Update{Index: i, Part: history.PartCommit, Verdicts: []keys.Verdict{keys.Unsigned(keys.KindCommit, strings.Repeat("1f2e", 10), "The commit is not signed.")}})
		return i
	}
	good := func(s *keys.Signatory) keys.Verdict {
		return keys.Verdict{Status: keys.StatusGood, Signer: s, Reason: "Good signature by " + s.Primary.Short() + "."}
	}
	files := func(i int, vs ...keys.Verdict) {
		f.updates = append(f.updates, history.Update{Index: i, Part: history.PartFiles, Verdicts: vs, RecordPath: "/home/widget/dist/bulla-release.json"})
	}
	file := func(kind keys.Kind, name string, s keys.Status, reason string) keys.Verdict {
		return keys.Verdict{Kind: kind, Target: name, Status: s, Reason: reason}
	}
	i := add("v1.4.0", 0, good(rheaBy(0)))
	files(i, file(keys.KindArtifact, "dist/widget-1.4.0.tar.gz", keys.StatusGood, "Good."), file(keys.KindArtifact, "dist/widget_1.4.0_amd64.deb", keys.StatusGood, "Good."),
		file(keys.KindChecksum, "dist/SHA256SUMS", keys.StatusGood, "Good."), keys.NotChecked(keys.KindImage, "registry.acme.org/widget:1.4.0", "The network was not to be used."),
		file(keys.KindRecord, "dist/bulla-release.json", keys.StatusGood, "Good."))
	f.images = []keys.Verdict{file(keys.KindImage, "registry.acme.org/widget:1.4.0", keys.StatusGood, "Good.")}
	add("v1.3.0", -200, good(rheaBy(-200)))
	i = add("v1.2.1", -430, good(rheaBy(-430)))
	files(i, file(keys.KindArtifact, "dist/widget.tar.gz", keys.StatusGood, "Good."), file(keys.KindArtifact, "dist/widget.zip", keys.StatusUnsigned, "There is no signature."))
	add("v1.2.0", -700, keys.Verdict{Status: keys.StatusGoodExpiredSince, Signer: olaBy(-700), Reason: "Good signature; the key has expired since."})
	add("v1.1.0", -1200, keys.Verdict{Status: keys.StatusWeak, Signer: olaBy(-1200), Weak: []string{"sha1 signature"}, Reason: "The signature fits, but it is made over SHA-1."})
	add("v1.0.1", -1500, keys.Verdict{Status: keys.StatusBad, Reason: "The signature does not fit the data: the data or the signature were changed.", Claim: keys.Claim{KeyID: "445566778899AABB", Fingerprint: ola}})
	add("v1.0.0", -1900, keys.Verdict{Status: keys.StatusUnknownKey, Reason: "The key is not here.", Claim: keys.Claim{KeyID: "A1B2C3D4E5F60F60", SignedAt: day(-1900), Hash: "sha256", Algorithm: "rsa", Version: 4}})
	no := false
	refused := good(olaBy(-1950))
	refused.Trusted, refused.PolicyReason, refused.Weak = &no, "the tag object is named differently than the ref that points to it", []string{"ref and tag object named differently"}
	i = add("v0.9.9", -1950, refused)
	f.rows[i].InnerName = "v0.8.0"
	i = add("v0.9-\x1b[31m\u202e", -2200, keys.Unsigned("", "", "A lightweight tag is only a name: it cannot be signed."))
	f.rows[i].Lightweight, f.rows[i].Subject = true, hostile
	i = add("junk/tree", -2300, good(by("77007700770077007700AA11BB22CC33DD44EE55", "77007700770077007700AA11BB22CC33DD44EE55", hostile+" <x@y>", day(-2300), day(490))))
	f.rows[i].TargetType, f.rows[i].CommitID = "tree", ""
	for k := range f.rows {
		if k != 0 && k != 2 {
			f.updates = append(f.updates, history.Update{Index: k, Part: history.PartFiles})
		}
	}
	return f
}

// player plays Bubble Tea for a page that stands alone.
type player struct {
	t      *testing.T
	r      soloRoot
	msgs   chan tea.Msg
	ended  chan struct{}
	quit   bool
	copied []string
}

func playHistory(t *testing.T, f *fakeTimeline, change func(*HistoryOptions), coloured bool) *player {
	t.Helper()
	o := HistoryOptions{
		Open: func(context.Context) (Timeline, error) { return f, nil }, Dir: t.TempDir(), Display: noDisplay(),
	}
	if change != nil {
		change(&o)
	}
	r := newHistoryRoot(context.Background(), o)
	return play(t, r.soloRoot, coloured, func(put func(string) error) soloPage { return r.newPage(put) })
}

// play begins to play a page; clipboards keep what is copied.
func play(t *testing.T, r soloRoot, coloured bool, newPage func(func(string) error) soloPage) *player {
	t.Helper()
	p := &player{t: t, r: r, msgs: make(chan tea.Msg), ended: make(chan struct{})}
	if coloured {
		profile := termenv.ANSI256
		p.r.theme = p.r.o.theme(&profile)
	}
	page := newPage(func(text string) error { p.copied = append(p.copied, text); return nil })
	p.r.page = page
	t.Cleanup(func() { close(p.ended); page.Shutdown() })
	p.run(p.r.Init())
	p.apply(tea.WindowSizeMsg{Width: 80, Height: 24})
	return p
}

func (p *player) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		msg := cmd()
		select {
		case p.msgs <- msg:
		case <-p.ended:
		}
	}()
}

func (p *player) apply(msg tea.Msg) {
	p.t.Helper()
	switch msg := msg.(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			p.run(c)
		}
	case tea.QuitMsg:
		p.quit = true
	default:
		_, cmd := p.r.Update(msg)
		p.run(cmd)
		p.check()
	}
}

// check is what must hold of every frame: it fits, and holds nothing but text and colours.
func (p *player) check() {
	p.t.Helper()
	view := p.r.View()
	lines := strings.Split(view, "\n")
	if len(lines) > p.r.h {
		p.t.Fatalf("%d rows on a terminal of %d:\n%s", len(lines), p.r.h, view)
	}
	for i, l := range lines {
		if n := layout.Width(l); n > p.r.w {
			p.t.Fatalf("row %d has %d columns on a terminal of %d:\n%s", i, n, p.r.w, view)
		}
		if codes := sgr.FindAllString(l, -1); len(codes) > 0 && codes[len(codes)-1] != "\x1b[0m" {
			p.t.Fatalf("row %d runs on in its colour:\n%q", i, l)
		}
	}
	for _, c := range sgr.ReplaceAllString(view, "") {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c >= 0x200b && c <= 0x200f || c >= 0x202a && c <= 0x202e || p.r.theme.ASCII && c > '~' {
			p.t.Fatalf("%U reached the screen:\n%q", c, view)
		}
	}
}

func (p *player) see(text string) *player {
	p.t.Helper()
	limit := time.After(patience)
	for !strings.Contains(p.r.View(), text) {
		select {
		case msg := <-p.msgs:
			p.apply(msg)
		case <-limit:
			p.t.Fatalf("never came: %s\n%s", text, p.r.View())
		}
	}
	return p
}

// settled waits until everything is judged.
func (p *player) settled() *player { return p.see("10 tags").see("none").rest() }

// rest applies what is still under way until the status no longer says so.
func (p *player) rest() *player {
	p.t.Helper()
	limit := time.After(patience)
	for v := p.r.View(); strings.Contains(v, "commits, files") || strings.Contains(v, "judged "); v = p.r.View() {
		select {
		case msg := <-p.msgs:
			p.apply(msg)
		case <-limit:
			p.t.Fatalf("never ended:\n%s", p.r.View())
		}
	}
	return p
}

func (p *player) press(keys ...string) *player {
	p.t.Helper()
	for _, k := range keys {
		if typ, ok := named[k]; ok {
			p.apply(tea.KeyMsg{Type: typ})
			continue
		}
		for _, c := range k {
			p.apply(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{c}})
		}
	}
	return p
}

func (p *player) size(w, h int) *player {
	p.t.Helper()
	p.apply(tea.WindowSizeMsg{Width: w, Height: h})
	return p
}

func historyScenes() map[string]func(*player) {
	return map[string]func(*player){
		"timeline":  func(p *player) { p.settled() },
		"bad":       func(p *player) { p.settled().press("down", "down", "down", "down", "down") },
		"hostile":   func(p *player) { p.settled().press("end") },
		"filtered":  func(p *player) { p.settled().press("/", "by:ola", "enter") },
		"typing":    func(p *player) { p.settled().press("/", "is:we") },
		"nothing":   func(p *player) { p.settled().press("/", "nothing like it", "enter") },
		"wanting":   func(p *player) { p.settled().press("w") },
		"by-signer": func(p *player) { p.settled().press("b") },
		"by-worst":  func(p *player) { p.settled().press("s", "s", "s", "s") },
		"story":     func(p *player) { p.settled().press("enter") },
		"message":   func(p *player) { p.settled().press("m").see("Written by") },
		"export":    func(p *player) { p.settled().press("x") },
		"copied":    func(p *player) { p.settled().press("c").see("clipboard") },
		"registry":  func(p *player) { p.settled().press("i").see("Images of v1.4.0") },
		"no-images": func(p *player) { p.settled().press("down", "i").see("Not asked") },
		"help":      func(p *player) { p.settled().press("?").see("more below") },
	}
}

// TestHistoryScreens compares every screen of the history with its picture, at the size of the
// design, on a wide terminal, and at the minimum.
func TestHistoryScreens(t *testing.T) {
	for name, play := range historyScenes() {
		t.Run(name, func(t *testing.T) {
			p := playHistory(t, newFakeTimeline(), nil, false)
			play(p)
			for _, size := range [][2]int{{80, 24}, {120, 40}, {60, 16}} {
				t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
					p.size(size[0], size[1])
					golden.RequireEqual(t, p.r.View())
				})
			}
		})
	}
	t.Run("judging", func(t *testing.T) {
		f := newFakeTimeline()
		f.stuck, f.updates = true, f.updates[:4]
		p := playHistory(t, f, nil, false).see("judged 2 of 10")
		golden.RequireEqual(t, p.r.View())
	})
	t.Run("empty", func(t *testing.T) {
		golden.RequireEqual(t, playHistory(t, &fakeTimeline{}, nil, false).see("No tags yet").r.View())
	})
	t.Run("no-repository", func(t *testing.T) {
		p := playHistory(t, nil, func(o *HistoryOptions) {
			o.Open = func(context.Context) (Timeline, error) { return nil, gitops.ErrNotRepository }
		}, false)
		golden.RequireEqual(t, p.see("not a git repository").r.View())
	})
	t.Run("too-small", func(t *testing.T) {
		p := playHistory(t, newFakeTimeline(), nil, false).settled().size(59, 15)
		golden.RequireEqual(t, p.r.View())
	})
}

// TestHistoryThemes: the timeline in colours, on light and on dark, and in ASCII.
func TestHistoryThemes(t *testing.T) {
	for _, mode := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(string(mode), func(t *testing.T) {
			p := playHistory(t, newFakeTimeline(), func(o *HistoryOptions) { o.Theme = mode }, true)
			golden.RequireEqual(t, p.settled().size(120, 40).r.View())
			for range 10 { // every release's story
				p.press("down", "enter", "esc")
			}
		})
	}
	t.Run("ascii", func(t *testing.T) {
		p := playHistory(t, newFakeTimeline(), func(o *HistoryOptions) { o.ASCII = true }, false)
		golden.RequireEqual(t, p.settled().size(120, 40).r.View())
	})
}

// TestHistoryEverySize resizes every screen through all kinds of sizes; the player holds that
// nothing is wider or taller than the terminal.
func TestHistoryEverySize(t *testing.T) {
	for name, play := range historyScenes() {
		t.Run(name, func(t *testing.T) {
			p := playHistory(t, newFakeTimeline(), nil, true)
			play(p)
			for _, w := range []int{1, 20, 59, 60, 61, 72, 80, 99, 100, 101, 130, 250} {
				for _, h := range []int{1, 3, 15, 16, 17, 24, 41, 90} {
					p.size(w, h)
				}
			}
		})
	}
}

func TestHistoryCopiesFingerprint(t *testing.T) {
	p := playHistory(t, newFakeTimeline(), nil, false).settled().press("c").see("clipboard")
	if len(p.copied) != 1 || p.copied[0] != string(rhea) {
		t.Errorf("copied %q", p.copied)
	}
	p.press("down", "down", "down", "down", "down", "down", "down", "down", "c").see("Not copied")
	if len(p.copied) != 1 {
		t.Errorf("copied %q", p.copied)
	}
}

// TestClipboardWrites is what reaches the terminal: OSC 52 with the text in base64, and nothing
// that waits for an answer.
func TestClipboardWrites(t *testing.T) {
	var out bytes.Buffer
	put := clipboard(&out, func(string) string { return "" })
	if err := put("ABCD"); err != nil || out.String() != "\x1b]52;c;QUJDRA==\x07" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// TestHistoryExports writes what is shown to files, never over one that is there.
func TestHistoryExports(t *testing.T) {
	var dir string
	p := playHistory(t, newFakeTimeline(), func(o *HistoryOptions) { dir = o.Dir }, false).settled()
	export := func(name string) []byte {
		t.Helper()
		p.press("x", "ctrl+u").press(name, "enter").see("to " + name)
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var list struct {
		Releases []struct {
			Tag, Status string
			Verdicts    []struct{ Kind, Status, Fingerprint string }
		}
	}
	if err := json.Unmarshal(export("all.json"), &list); err != nil || len(list.Releases) != 10 {
		t.Fatalf("%d releases, %v", len(list.Releases), err)
	}
	if r := list.Releases[0]; r.Tag != "v1.4.0" || r.Status != "good" || len(r.Verdicts) != 7 || r.Verdicts[0].Fingerprint != string(rheaS) {
		t.Errorf("%+v", r)
	}
	rows, err := csv.NewReader(bytes.NewReader(export("all.csv"))).ReadAll()
	if err != nil || len(rows) != 11 || rows[1][0] != "v1.4.0" || rows[1][6] != "3 good" {
		t.Errorf("%q, %v", rows, err)
	}
	html := string(export("all.html"))
	if strings.Count(html, "<circle") != 10 || strings.Count(html, "<svg") != 1 || strings.Contains(html, "<script") || strings.ContainsAny(html, "\x1b\x07\u202e") {
		t.Errorf("the page:\n%s", html)
	}
	for _, lie := range []string{`bad">good`, `caution">good`, `muted">good`, `good">bad`} { // the colour of a word is its own
		if strings.Contains(html, lie) {
			t.Errorf("the page has %s:\n%s", lie, html)
		}
	}
	for _, outside := range []string{"http:", "https:", "src=", "@import", "url("} {
		if strings.Contains(html, outside) {
			t.Errorf("the page asks for something: %s", outside)
		}
	}
	before := export("kept.csv")
	p.press("/", "is:bad", "enter", "x", "ctrl+u").press("kept.csv", "enter").see("is there already")
	after, _ := os.ReadFile(filepath.Join(dir, "kept.csv"))
	if !bytes.Equal(before, after) {
		t.Error("a file was replaced")
	}
	p.press("x", "ctrl+u").press("picture.png", "enter").see("must end in .json")
	p.press("esc", "x", "ctrl+u").press("bad.json", "enter").see("Wrote 1 release")
}

// TestHistoryReopens: r reads the repository again, and what the first reading still finds is late.
func TestHistoryReopens(t *testing.T) {
	f := newFakeTimeline()
	f.stuck = true
	second := newFakeTimeline()
	second.rows = second.rows[:2]
	second.updates = second.updates[:4]
	opens := 0
	p := playHistory(t, nil, func(o *HistoryOptions) {
		o.Open = func(context.Context) (Timeline, error) {
			if opens++; opens == 1 {
				return f, nil
			}
			return second, nil
		}
	}, false).see("10 tags")
	p.press("r").see("2 tags").rest()
	if opens != 2 {
		t.Errorf("opened %d times", opens)
	}
}

// TestHistoryFails tells what could not be read and keeps the rows.
func TestHistoryFails(t *testing.T) {
	p := playHistory(t, nil, func(o *HistoryOptions) {
		o.Open = func(context.Context) (Timeline, error) { return failing{newFakeTimeline()}, nil }
	}, false)
	p.see("could not be read").see("v1.4.0")
}

type failing struct{ *fakeTimeline }

func (failing) Commits(context.Context, func(history.Update)) error {
	return errors.New("disk on fire")
}

// TestHistoryProgram runs the page as a program: the first rows, a key, the end.
func TestHistoryProgram(t *testing.T) {
	p := playHistory(t, newFakeTimeline(), nil, false)
	tm := teatest.NewTestModel(t, p.r, teatest.WithInitialTermSize(80, 24))
	teatest.WaitFor(t, tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte("v1.4.0")) }, teatest.WithDuration(patience))
	tm.Send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q")})
	tm.WaitFinished(t, teatest.WithFinalTimeout(patience))
}

// BenchmarkHistoryView moves through ten thousand rows and draws each screen.
func BenchmarkHistoryView(b *testing.B) {
	for _, wide := range []int{80, 120} {
		b.Run(fmt.Sprint(wide), func(b *testing.B) {
			r := manyRows(10_000)
			r.Update(tea.WindowSizeMsg{Width: wide, Height: 40})
			down := tea.KeyMsg{Type: tea.KeyPgDown}
			for b.Loop() {
				r.Update(down)
				if len(r.View()) == 0 {
					b.Fatal("nothing drawn")
				}
			}
		})
	}
}

// BenchmarkHistoryFilter types into the filter over ten thousand rows.
func BenchmarkHistoryFilter(b *testing.B) {
	r := manyRows(10_000)
	r.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	r.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("/")})
	for b.Loop() {
		r.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("9")})
		_ = r.View()
		r.Update(tea.KeyMsg{Type: tea.KeyBackspace})
	}
}

// BenchmarkHistoryWanting hides what is good of ten thousand rows, and shows it again.
func BenchmarkHistoryWanting(b *testing.B) {
	r := manyRows(10_000)
	r.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	for b.Loop() {
		r.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("w")})
		_ = r.View()
	}
}

func many(n int) *fakeTimeline {
	f := &fakeTimeline{}
	small := newFakeTimeline()
	for i := range n {
		k := i % len(small.rows)
		row := small.rows[k]
		row.Tag = fmt.Sprintf("v1.%d.0", n-i)
		f.rows = append(f.rows, row)
	}
	for i := range n {
		for _, u := range small.updates {
			if u.Index == i%len(small.rows) {
				u.Index = i
				f.updates = append(f.updates, u)
			}
		}
	}
	return f
}

// manyRows is the page with n judged rows.
func manyRows(n int) *historyRoot {
	f := many(n)
	r := newHistoryRoot(context.Background(), HistoryOptions{
		Open: func(context.Context) (Timeline, error) { return f, nil }, Display: noDisplay(),
	})
	feedAll(r)
	return r
}

// feedAll runs the page's commands until its timeline is judged.
func feedAll(r *historyRoot) {
	queue := []tea.Cmd{r.Init()}
	for len(queue) > 0 {
		cmd := queue[0]
		queue = queue[1:]
		if cmd == nil {
			continue
		}
		switch msg := cmd().(type) {
		case tea.BatchMsg:
			queue = append(queue, msg...)
		default:
			_, next := r.Update(msg)
			queue = append(queue, next)
		}
	}
}

// A registry that gives no answer is told as that.
func TestHistoryRegistryAway(t *testing.T) {
	f := newFakeTimeline()
	f.images = []keys.Verdict{keys.NotChecked(keys.KindImage, f.images[0].Target, "The registry gave no answer.")}
	playHistory(t, f, nil, false).settled().press("i").see("were not checked. The registry gave no answer.")
}
