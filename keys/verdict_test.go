package keys

import "testing"

// What says the same of the same thing is told once; whatever differs for a person stays.
func TestDistinct(t *testing.T) {
	by := func(f Fingerprint) *Signatory { return &Signatory{Fingerprint: f} }
	image := Verdict{Kind: KindImage, Target: "app:1", Status: StatusGood, Reason: "Signed.", Signer: by("A")}
	again, other, bad, elsewhere := image, image, image, image
	other.Signer = by("B")
	bad.Status, bad.Signer = StatusBad, nil
	elsewhere.Target = "app:2"
	got := Distinct([]Verdict{image, other, again, bad, elsewhere, other})
	if len(got) != 4 || got[0].Signer.Fingerprint != "A" || got[1].Signer.Fingerprint != "B" || got[2].Status != StatusBad || got[3].Target != "app:2" {
		t.Errorf("they are %+v", got)
	}
}
