package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/keys"
	imagespage "bulla/ui/page/images"
	"bulla/ui/theme"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// fakeImages is a repository made by hand.
type fakeImages struct {
	names  []string
	tags   []images.Tag
	strays []images.Tag
	stuck  int // so many tags are looked at, and then nothing more
}

func (f *fakeImages) Repository() docker.Repository {
	r, _ := docker.ParseRepository("registry.acme.org/widget")
	return r
}
func (f *fakeImages) Names() []string      { return f.names }
func (f *fakeImages) Truncated() bool      { return false }
func (f *fakeImages) TrustProblem() error  { return nil }
func (f *fakeImages) Strays() []images.Tag { return f.strays }
func (f *fakeImages) Judge(ctx context.Context, emit func(int, images.Tag)) error {
	for i, t := range f.tags {
		if f.stuck > 0 && i == f.stuck {
			<-ctx.Done()
			return ctx.Err()
		}
		emit(i, t)
	}
	return nil
}

const imageKey = keys.Fingerprint("38CD11D5052EF115CEA5BD8F958387E76EAB2F84ABA1850322440D38BCD51BC4")

func someDigest(c string) string { return "sha256:" + strings.Repeat(c, 32) }

// add puts a tag into the repository; change makes of it what is wanted.
func (f *fakeImages) add(name, digest string, change func(*images.Tag)) {
	t := images.Tag{Image: docker.Image{Digest: someDigest(digest), MediaType: "application/vnd.oci.image.manifest.v1+json", Size: 1234}}
	t.Cosign.Digest = t.Image.Digest
	if name == "" {
		t.Reference, _ = f.Repository().WithDigest(t.Image.Digest)
	} else {
		t.Reference, _ = f.Repository().WithTag(name)
	}
	if change != nil {
		change(&t)
	}
	t = images.Judged(t)
	if name == "" {
		f.strays = append(f.strays, t)
		return
	}
	f.names, f.tags = append(f.names, name), append(f.tags, t)
}

func signedBy(form cosign.Form, tag string) cosign.Signed {
	return cosign.Signed{Form: form, Tag: tag, Verdict: keys.Verdict{
		Status: keys.StatusGood, Kind: keys.KindImage, Reason: "Signed with the image key " + string(imageKey) + ".",
		Claim:  keys.Claim{Fingerprint: imageKey, SignedAt: day(-3)},
		Signer: &keys.Signatory{Fingerprint: imageKey, Primary: imageKey, Hash: "sha256", Algorithm: "ecdsa-p256"},
	}}
}

func newFakeImages() *fakeImages {
	f := &fakeImages{}
	f.add("1.9.0", "aa", func(t *images.Tag) { t.Cosign.Signatures = []cosign.Signed{signedBy(cosign.FormBundle, "1.9.0")} })
	f.add("1.10.0", "bb", func(t *images.Tag) {
		t.Image.Index, t.Image.Platforms = true, []string{"linux/amd64", "linux/arm64"}
		t.Cosign.Signatures = []cosign.Signed{signedBy(cosign.FormBundle, "1.10.0"), signedBy(cosign.FormLegacy, "1.10.0")}
		t.Children = []images.Child{
			{Child: docker.Child{Platform: "linux/amd64", Digest: someDigest("b1")}, Signed: true},
			{Child: docker.Child{Platform: "linux/arm64", Digest: someDigest("b2")}},
		}
	})
	f.add("1.10.1", "cc", func(t *images.Tag) {
		t.Moved = []images.Move{{From: someDigest("c0"), By: imageKey, SignedAt: day(-9), System: policy.SystemCosign}}
	})
	f.add("edge", "dd", nil)
	f.add("foreign", "ee", func(t *images.Tag) {
		t.Cosign.Signatures = []cosign.Signed{{Form: cosign.FormBundle, Verdict: keys.Verdict{Status: keys.StatusUnknownKey, Reason: "It claims to be by a key that is not among the keys at hand.", Claim: keys.Claim{Fingerprint: ola + "0011223344556677889900AA"}}}}
	})
	f.add("hidden", "ff", func(t *images.Tag) {
		t.Cosign.Signatures = []cosign.Signed{signedBy(cosign.FormLegacy, "")}
		t.Cosign.Others = []cosign.Other{{Digest: someDigest("f1"), ArtifactType: "application/vnd.dev.sigstore.bundle.v0.3+json", Predicate: "https://slsa.dev/" + hostile}}
	})
	f.add("latest", "11", func(t *images.Tag) { t.Err = errors.New("broken") })
	f.add("old", "22", func(t *images.Tag) { t.Cosign.Signatures = []cosign.Signed{signedBy(cosign.FormBundle, "1.2.0")} })
	f.add("", "c0", func(t *images.Tag) { t.Cosign.Signatures = []cosign.Signed{signedBy(cosign.FormBundle, "1.10.1")} })
	return f
}

func playImages(t *testing.T, f *fakeImages, change func(*ImagesOptions), coloured bool) *player {
	t.Helper()
	o := ImagesOptions{
		Open: func(context.Context) (Images, error) { return f, nil }, Name: "registry.acme.org/widget", Display: noDisplay(),
		Doctor: func(context.Context) ([]finding.Finding, error) {
			return []finding.Finding{
				{Severity: finding.Info, Message: "The connection to registry.acme.org is verified (TLS 1.3, certificate by CN=Example CA)."},
				{Severity: finding.Warning, Message: "You may not push: forbidden.", Hint: "docker login registry.acme.org, or ask for the right; to sign an image is to push its signature"},
				{Severity: finding.Info, Message: "The trust server https://notary.acme.org has no trust data for the repository.\x1b[2J"},
			}, nil
		},
	}
	if change != nil {
		change(&o)
	}
	r := newImagesRoot(context.Background(), o)
	return play(t, r.soloRoot, coloured, func(put func(string) error) soloPage { return r.newPage(put) })
}

func imageScenes() map[string]func(*player) {
	return map[string]func(*player){
		"list":      func(p *player) { p.see("no tag") },
		"moved":     func(p *player) { p.see("no tag").press("home") },
		"stray":     func(p *player) { p.see("no tag").press("end") },
		"story":     func(p *player) { p.see("no tag").press("/", "1.10.0", "enter", "enter") },
		"hidden":    func(p *player) { p.see("no tag").press("/", "hidden", "enter", "enter", "down", "down", "down") },
		"filtered":  func(p *player) { p.see("no tag").press("/", "is:signed", "enter") },
		"typing":    func(p *player) { p.see("no tag").press("/", "is:un") },
		"nothing":   func(p *player) { p.see("no tag").press("/", "nothing like it", "enter") },
		"wanting":   func(p *player) { p.see("no tag").press("w") },
		"by-worst":  func(p *player) { p.see("no tag").press("s") },
		"copied":    func(p *player) { p.see("no tag").press("c").see("clipboard") },
		"no-digest": func(p *player) { p.see("no tag").press("/", "latest", "enter", "c") },
		"doctor":    func(p *player) { p.see("no tag").press("d").see("The registry") },
		"help":      func(p *player) { p.see("no tag").press("?").see("In the filter") },
	}
}

// TestImageScreens compares every screen of the images with its picture, at the size of the
// design, on a wide terminal, and at the minimum.
func TestImageScreens(t *testing.T) {
	for name, play := range imageScenes() {
		t.Run(name, func(t *testing.T) {
			p := playImages(t, newFakeImages(), nil, false)
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
		f := newFakeImages()
		f.stuck = 3
		golden.RequireEqual(t, playImages(t, f, nil, false).see("looked at 3 of 8").r.View())
	})
	t.Run("empty", func(t *testing.T) {
		golden.RequireEqual(t, playImages(t, &fakeImages{}, nil, false).see("No tags yet").r.View())
	})
	t.Run("unreachable", func(t *testing.T) {
		p := playImages(t, nil, func(o *ImagesOptions) {
			o.Open = func(context.Context) (Images, error) {
				return nil, &docker.RegistryError{Host: "registry.acme.org", Repo: "widget", Op: "list the tags", Kind: docker.KindUnreachable}
			}
		}, false)
		golden.RequireEqual(t, p.see("cannot be reached").r.View())
	})
	t.Run("too-small", func(t *testing.T) {
		golden.RequireEqual(t, playImages(t, newFakeImages(), nil, false).see("no tag").size(59, 15).r.View())
	})
}

// TestImageThemes: the list in colours, on light and on dark, and in ASCII.
func TestImageThemes(t *testing.T) {
	for _, mode := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(string(mode), func(t *testing.T) {
			p := playImages(t, newFakeImages(), func(o *ImagesOptions) { o.Theme = mode }, true)
			golden.RequireEqual(t, p.see("no tag").size(120, 40).r.View())
			for range 9 { // every tag's story
				p.press("down", "enter", "esc")
			}
		})
	}
	t.Run("ascii", func(t *testing.T) {
		p := playImages(t, newFakeImages(), func(o *ImagesOptions) { o.ASCII = true }, false)
		golden.RequireEqual(t, p.see("no tag").size(120, 40).r.View())
	})
}

// TestImagesEverySize resizes every screen through all kinds of sizes; the player holds that
// nothing is wider or taller than the terminal.
func TestImagesEverySize(t *testing.T) {
	for name, play := range imageScenes() {
		t.Run(name, func(t *testing.T) {
			p := playImages(t, newFakeImages(), nil, true)
			play(p)
			for _, w := range []int{1, 20, 59, 60, 61, 72, 80, 99, 100, 101, 130, 250} {
				for _, h := range []int{1, 3, 15, 16, 17, 24, 41, 90} {
					p.size(w, h)
				}
			}
		})
	}
}

func TestImagesCopyAndQuit(t *testing.T) {
	p := playImages(t, newFakeImages(), nil, false).see("no tag").press("/", "1.10.0", "enter", "c").see("clipboard")
	if want := "registry.acme.org/widget@" + someDigest("bb"); len(p.copied) != 1 || p.copied[0] != want {
		t.Errorf("copied %q", p.copied)
	}
	p.press("q").ends()
	p = playImages(t, &fakeImages{stuck: 1, names: []string{"a", "b"}, tags: make([]images.Tag, 2)}, nil, false).see("looked at 1 of 2").press("ctrl+c")
	p.ends()
}

// The doctor is asked once at a time, opens nothing while somebody types, and says what kept it.
func TestImagesDoctor(t *testing.T) {
	answer := make(chan error)
	asked := 0
	p := playImages(t, newFakeImages(), func(o *ImagesOptions) {
		o.Doctor = func(ctx context.Context) ([]finding.Finding, error) {
			asked++
			select {
			case err := <-answer:
				return nil, err
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}, false).see("no tag").press("d").see("asking what the registry can hold").press("d").see("it is being asked")
	p.press("/", "1.9")
	answer <- nil
	for limit := time.After(patience); p.r.page.(*imagespage.Model).Busy(); {
		select {
		case msg := <-p.msgs:
			p.apply(msg)
		case <-limit:
			t.Fatal("the doctor's answer never came")
		}
	}
	if p.r.dialogs.Top() != nil {
		t.Error("something opened while somebody typed")
	}
	p.press("enter")
	p.press("esc", "d")
	answer <- errors.New("no network")
	if p.see("was not examined"); asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	playImages(t, newFakeImages(), func(o *ImagesOptions) { o.Doctor = nil }, false).see("no tag").press("d").see("nobody is here")
}

// ends waits for the end of the program.
func (p *player) ends() {
	p.t.Helper()
	for limit := time.After(patience); !p.quit; {
		select {
		case msg := <-p.msgs:
			p.apply(msg)
		case <-limit:
			p.t.Fatal("it did not quit")
		}
	}
}
