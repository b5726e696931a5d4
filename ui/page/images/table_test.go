package images

import (
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// What signs a tag by two systems is not cut at 80 columns while there is room for it.
func TestWideSignatures(t *testing.T) {
	repo, err := docker.ParseRepository("registry.example.org/app")
	if err != nil {
		t.Fatal(err)
	}
	ref, _ := repo.WithTag("1.0.0")
	good := keys.Verdict{Status: keys.StatusGood, Signer: &keys.Signatory{Fingerprint: "AA", Primary: "AA"}}
	x := table{theme: theme.New(theme.Options{ASCII: true})}
	x.set([]string{"1.0.0"})
	x.judge(0, images.Judged(images.Tag{
		Reference: ref, Image: docker.Image{Reference: ref, Digest: "sha256:" + strings.Repeat("ab", 32)},
		Cosign: cosign.Report{Signatures: []cosign.Signed{{Form: cosign.FormBundle, Verdict: good}}}, Trust: &images.Trusted{Verdicts: []keys.Verdict{good}},
	}))
	x.arrange()
	if got := strings.Join(x.view(80, 10, false), "\n"); !strings.Contains(got, "bundle, content trust  abababababab") {
		t.Errorf("got\n%s", got)
	}
	if got := strings.Join(x.view(60, 10, false), "\n"); !strings.Contains(got, "bundle, content trust") {
		t.Errorf("at 60 columns\n%s", got)
	}
}
