package ui

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/charmbracelet/x/exp/golden"

	"bulla/artifacts"
	"bulla/gitops"
	"bulla/ui/theme"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/keychoice"
)

// scene is a screen: a world, and the keys that lead there.
type scene struct {
	name  string
	world func(*fake, *Options)
	play  func(*driver)
}

// scenes are all the screens of the walk.
func scenes() []scene {
	broken := func(f *fake, _ *Options) { f.run = f.brokenWalk }
	return []scene{
		{"opening", func(f *fake, o *Options) { o.Open = never }, func(d *driver) { d.see("reading the repository") }},
		{"no-repository", func(f *fake, o *Options) { o.Open = noRepository }, func(d *driver) { d.see("look again") }},
		{"unfinished", func(f *fake, _ *Options) { f.unfinished = unfinished() }, func(d *driver) { d.see("was begun") }},
		{"unfinished-elsewhere", func(f *fake, _ *Options) { f.unfinished = unfinished(); f.unfinished.Running = true }, func(d *driver) { d.see("Another bulla") }},
		{"preflight", nil, func(d *driver) { d.see("Nothing stands in the way") }},
		{"preflight-refused", func(f *fake, _ *Options) { f.findings = dirty() }, func(d *driver) { d.see("not clean").press("enter") }},
		{"key", nil, func(d *driver) { d.toKey().see("Rhea Release") }},
		{"key-unusable", nil, func(d *driver) { d.toKey().see("Rhea Release").press("end", "enter").see("cannot sign: it expired") }},
		{"key-agent", agentSpeaks, func(d *driver) { d.toKey().see("inserted, PIN and touch").press("down") }},
		{"key-filter", nil, func(d *driver) { d.toKey().see("Rhea Release").press("/", "yubi") }},
		{"key-none", noKeys, func(d *driver) { d.toKey().see("no signing key yet") }},
		{"key-form", noKeys, func(d *driver) { d.toKey().see("no signing key yet").press("n", "tab", "tab", "tab", "tab", "abc") }},
		{"key-made", noKeys, func(d *driver) { d.makeKey().see("Made a key") }},
		{"tag", nil, func(d *driver) { d.toTag() }},
		{"tag-other", nil, func(d *driver) { d.toTag().press("end", "down", "next", "enter").see("is not a version") }},
		{"message", nil, func(d *driver) { d.toText().press("a") }},
		{"message-edit", nil, func(d *driver) { d.toText().press("e", "enter", "More words.") }},
		{"files", nil, func(d *driver) { d.toFiles().press("down", " ") }},
		{"files-former", former, func(d *driver) { d.toFiles().see("release v1.3.0 already").see("R lets bulla") }},
		{"files-replace", former, func(d *driver) { d.toFiles().see("R lets bulla").press("R").see("R keeps") }},
		{"files-none", func(f *fake, _ *Options) { f.config.Release.Artifacts = nil }, func(d *driver) { d.toText().press("enter").see("No files are named") }},
		{"files-missing", func(f *fake, _ *Options) { f.files, f.filesErr = nil, &artifacts.NoMatchError{Glob: "dist/*"} }, func(d *driver) { d.toText().press("enter").see("looked for") }},
		{"files-globs", nil, func(d *driver) { d.toFiles().press("s") }},
		{"image", nil, func(d *driver) { d.toImage() }},
		{"image-none", func(f *fake, _ *Options) { f.images = nil }, func(d *driver) { d.toFiles().press("enter").see("No image is part") }},
		{"image-refused", func(f *fake, _ *Options) { f.imageErr = errors.New("the registry refused (403)") }, func(d *driver) { d.toFiles().press("enter").see("403").see("release.key").press("enter") }},
		{"image-keyless", func(f *fake, _ *Options) { f.imageKeys = nil }, func(d *driver) {
			d.toFiles().press("enter").see("no key to sign images").see("2 platforms").see("takes cosign")
		}},
		{"image-new-key", nil, func(d *driver) { d.toImage().press("n", "abc", "enter", "ab") }},
		{"image-both", func(f *fake, _ *Options) { trustTaken(f) }, func(d *driver) {
			d.toImage().see("takes cosign, Content Trust").press("t").see("cosign and Content Trust")
		}},
		{"image-trust", func(f *fake, _ *Options) { trustTaken(f) }, func(d *driver) { d.toImage().see("takes cosign, Content Trust").press("t", "t") }},
		{"image-untrusted", nil, func(d *driver) { d.toImage().press("t").see("Content Trust cannot sign here") }},
		{"look", nil, func(d *driver) { d.toLook().press("1.4") }},
		{"look-both", func(f *fake, _ *Options) { trustTaken(f) }, func(d *driver) {
			d.toImage().see("takes cosign, Content Trust").press("t", "enter").see("Type 1.4.0").see("in Content Trust")
		}},
		{"look-wrong", nil, func(d *driver) { d.toLook().press("1.5.0", "enter") }},
		{"look-push", nil, func(d *driver) { d.toLook().press("ctrl+p").see("yes, the tag to origin") }},
		{"look-refused", func(f *fake, _ *Options) { f.planErr = refusal() }, func(d *driver) { d.toImage().press("enter").see("This would fail") }},
		{"look-replace", func(f *fake, _ *Options) { f.planErr = exists() }, func(d *driver) { d.toImage().press("enter").see("lets bulla replace") }},
		{"ask", nil, func(d *driver) { d.toAsk().press("abc", "up") }},
		{"ask-again", nil, func(d *driver) { d.toAsk().press("abc", "enter").see("Try 2 of 3") }},
		{"run", func(f *fake, _ *Options) { f.run = f.stuckWalk }, func(d *driver) { d.toAsk().press(passphrase, "enter").see("1 of 3 files") }},
		{"run-stop", func(f *fake, _ *Options) { f.run = f.stuckWalk }, func(d *driver) { d.toAsk().press(passphrase, "enter").see("1 of 3 files").press("ctrl+c") }},
		{"run-touch", func(f *fake, _ *Options) { f.run = f.cardWalk }, func(d *driver) { d.toLook().press("1.4.0", "enter").see("touch it") }},
		{"ask-pin", func(f *fake, _ *Options) { f.run = f.pinWalk }, func(d *driver) { d.toLook().press("1.4.0", "enter").see("2 more wrong PINs") }},
		{"files-listed", nil, func(d *driver) { d.toFiles().press("l").see("by the signed SHA256SUMS") }},
		{"look-touches", func(f *fake, _ *Options) { f.remark = &manyTouches }, func(d *driver) { d.toLook() }},
		{"look-listed", nil, func(d *driver) {
			d.toFiles().press("l").see("by the signed SHA256SUMS").press("enter").images().press("enter").see("Type 1.4.0")
		}},
		{"end", nil, func(d *driver) { d.toEnd() }},
		{"end-commands", nil, func(d *driver) { d.toEnd().press("v").see("Then anyone") }},
		{"end-push", nil, func(d *driver) { d.toEnd().press("p").see("Push the tag?") }},
		{"end-pushed", nil, func(d *driver) { d.toEnd().press("p", "y").see("The tag is pushed") }},
		{"end-stopped", broken, func(d *driver) { d.toAsk().press(passphrase, "enter").see("stopped at artifacts") }},
		{"end-undo", broken, func(d *driver) {
			d.toAsk().press(passphrase, "enter").see("stopped at").press("t").see("Take the release back?")
		}},
		{"help", nil, func(d *driver) { d.toFiles().press("?").see("Everywhere") }},
		{"practice", practice, func(d *driver) { d.toPractice().see("play the attacker") }},
		{"practice-tampered", practice, func(d *driver) { d.toPractice().press("t").see("is different from what was signed") }},
	}
}

func (d *driver) makeKey() *driver {
	return d.toKey().see("no signing key yet").press("n", "tab", "tab", "tab", "tab", passphrase, "tab", passphrase, "enter")
}

func (d *driver) toPractice() *driver {
	return d.toLook().press("1.4.0", "enter").see("This is practice").press(passphrase, "enter").see("Released v1.4.0").press("enter").see("stranger now")
}

func never(ctx context.Context) (Backend, error) { <-ctx.Done(); return nil, ctx.Err() }

func noRepository(context.Context) (Backend, error) { return nil, gitops.ErrNotRepository }

func noKeys(f *fake, _ *Options) {
	f.keyChoices = keychoice.Choices{Preselected: -1}
}

func practice(_ *fake, o *Options) { o.Practice, o.PracticePassphrase = &fakePractice{}, passphrase }

// former has the lists and the record of the release before in its folder.
func former(f *fake, _ *Options) {
	f.inTheWay = []workflow.Finding{{Finding: finding.Finding{Rule: workflow.RuleSignatureExists, Severity: finding.Error, Message: "There are files of the release v1.3.0 already, as its record tells: dist/SHA256SUMS, dist/SHA256SUMS.asc, dist/bulla-release.json, dist/bulla-release.json.asc.", Here: "keep a copy of them if these are the only ones; then they can be replaced"}, Step: workflow.StepArtifacts}}
}

func exists() error {
	return &workflow.RefusedError{Findings: []workflow.Finding{{Finding: finding.Finding{Rule: workflow.RuleSignatureExists, Severity: finding.Error, Message: "dist/widget-1.4.0.tar.gz.asc exists and is by another key.", Hint: "look at it, then remove it or allow --replace", Here: "look at it, then remove it or let it be replaced"}, Step: workflow.StepArtifacts}}}
}

// brokenWalk fails at the artifacts; stuckWalk stays there until it is cancelled.
func (f *fake) brokenWalk(ctx context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
	return f.walkWith(ctx, p, face, func(s workflow.StepID) error {
		if s == workflow.StepArtifacts {
			return errors.New("no space left on device")
		}
		return nil
	})
}

func (f *fake) stuckWalk(ctx context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
	return f.walkWith(ctx, p, face, func(s workflow.StepID) error {
		if s == workflow.StepArtifacts {
			face.Emit(workflow.StepProgress{Step: s, Item: "widget_1.4.0_amd64.deb", ItemDone: 5_300_000, ItemTotal: 8_300_000, Done: 17_400_000, Total: 28_300_000, Items: 1, ItemsTotal: 3})
			<-ctx.Done()
		}
		return ctx.Err()
	})
}

func (s scene) start(t *testing.T, change func(*Options), run func(*testing.T, Options) *driver) *driver {
	f := newFake()
	o := testOptions(f)
	if s.world != nil {
		s.world(f, &o)
	}
	if change != nil {
		change(&o)
	}
	d := run(t, o)
	s.play(d)
	return d
}

// TestScreens compares every screen with its picture in testdata, at the size of the design, on a
// wide terminal, and at the minimum.
func TestScreens(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			d := s.start(t, nil, drive)
			for _, size := range [][2]int{{80, 24}, {120, 40}, {60, 16}} {
				t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
					d.size(size[0], size[1])
					golden.RequireEqual(t, d.r.View())
				})
			}
		})
	}
}

// TestThemes: one screen of each kind in colours, on light and on dark, and in ASCII.
func TestThemes(t *testing.T) {
	some := map[string]bool{"preflight-refused": true, "key": true, "files": true, "look": true, "ask": true, "run": true, "end": true, "practice-tampered": true}
	for _, s := range scenes() {
		if !some[s.name] {
			continue
		}
		for _, mode := range []theme.Mode{theme.Light, theme.Dark} {
			t.Run(s.name+"/"+string(mode), func(t *testing.T) {
				d := s.start(t, func(o *Options) { o.Theme = mode }, driveColoured)
				golden.RequireEqual(t, d.r.View())
			})
		}
		t.Run(s.name+"/ascii", func(t *testing.T) {
			d := s.start(t, func(o *Options) { o.ASCII = true }, drive)
			golden.RequireEqual(t, d.r.View())
		})
	}
}

// TestEverySize resizes every screen through all kinds of sizes, in each theme; the driver holds
// that nothing is wider or taller than the terminal.
func TestEverySize(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			for _, d := range []*driver{s.start(t, func(o *Options) { o.ASCII = true }, drive), s.start(t, nil, driveColoured)} {
				for _, w := range []int{1, 20, 59, 60, 61, 72, 79, 80, 81, 99, 100, 101, 130, 250} {
					for _, h := range []int{1, 3, 15, 16, 17, 20, 24, 41, 90} {
						d.size(w, h)
					}
				}
			}
		})
	}
}

func TestTooSmall(t *testing.T) {
	d := drive(t, testOptions(newFake())).toLook()
	d.size(59, 24).see("needs a terminal of 60x16; this one is 59x24")
	d.press("1.4.0", "enter") // what cannot be read cannot be answered
	d.size(80, 24).see("Type 1.4.0 to sign:  _")
	d.size(80, 15).see("80x15").press("ctrl+c").until("the end", func() bool { return d.quit })
}
