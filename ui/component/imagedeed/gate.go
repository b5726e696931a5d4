package imagedeed

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bulla/docker"
	"bulla/docker/dockerfile"
	"bulla/keys"
	"bulla/keys/limits"
	"bulla/ui/component/imageword"
	"bulla/ui/component/sheet"
	"bulla/ui/component/verdictsign"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// Voucher is who may have to vouch for an image: By is empty for who the policy names.
type Voucher struct {
	Name, About string
	By          []policy.System
}

// WhoVouches is the question of Vouchers.
const WhoVouches = "Who must vouch for it?"

// Vouchers are those to choose from.
func Vouchers() []Voucher {
	return []Voucher{
		{"Who the policy names", "Where no rule of it names the repository: a cosign key at hand.", nil},
		{"A cosign key", "By a signature in the registry.", []policy.System{policy.SystemCosign}},
		{"Content Trust", "By the trust server's data, under the root that is pinned.", []policy.System{policy.SystemContentTrust}},
		{"Both", "A cosign key, and Content Trust.", []policy.System{policy.SystemCosign, policy.SystemContentTrust}},
	}
}

// Decide asks the gate about an image. By, where it is not empty, must vouch, whatever the policy says.
func Decide(ctx context.Context, d Desk, ref docker.Reference, by []policy.System) (images.Decision, error) {
	out, err := d.Gate(ctx, ref, by)
	var moved *docker.MovedError
	if errors.As(err, &moved) { // only a reference with a digest can
		return images.Undecidable(ref.String(), keys.StatusBad, moved.Error()+"."), nil
	}
	return out, err
}

// OutcomeWord is what a gate says.
func OutcomeWord(o images.Outcome) string {
	return map[images.Outcome]string{images.Allowed: "allowed", images.Unchecked: "could not be checked", images.Refused: "refused"}[o]
}

// Decided tells what the gate says of an image; chosen says that a person chose who must vouch.
func Decided(name string, d images.Decision, chosen bool) Story {
	rows := append([]Row{head(safetext.Line(name))}, decision(d, chosen)...)
	rows = append(rows, space())
	switch d.Outcome {
	case images.Allowed:
		rows = append(rows, para("Use this from here on; nobody can change what it means:"), pull(d))
	case images.Unchecked:
		rows = append(rows, mind("Nothing is known to be wrong, and nothing vouches for it: do not use it before it could be checked."))
	}
	return Story{"May it be used?", rows}
}

// pull is what to use of an image that is allowed.
func pull(d images.Decision) Row {
	return Row{Kind: Reference, Effect: sheet.Effect{Label: safetext.Line(d.Pull.Repository().String() + "@"), Text: d.Pull.Digest()}}
}

// decision is what was decided, by what, and why.
func decision(d images.Decision, chosen bool) []Row {
	state := map[images.Outcome]theme.State{images.Allowed: theme.Done, images.Unchecked: theme.Waiting, images.Refused: theme.Failed}[d.Outcome]
	var by []string
	for _, x := range d.By {
		by = append(by, map[policy.System]string{policy.SystemCosign: "a cosign signature", policy.SystemContentTrust: "Content Trust"}[x])
	}
	rule := "no rule of the policy names the repository"
	switch {
	case chosen:
		rule = "you chose that"
	case d.Rule != "":
		rule = "the policy's rule for " + safetext.Line(d.Rule)
	}
	rows := []Row{{Kind: Result, State: state, Effect: sheet.Effect{Text: OutcomeWord(d.Outcome)}}, fact("wanted", strings.Join(by, " and ")+": "+rule+".")}
	for _, v := range d.Verdicts() {
		judged := Row{Kind: Judged, State: verdictsign.State(v), Effect: sheet.Effect{Label: string(v.Status), Text: safetext.Line(v.Reason)}}
		rows = append(rows, judged, fact("", safetext.Line(v.PolicyReason)))
	}
	rows = append(rows, caution("mind", imageword.Elsewhere(d)))
	for _, mv := range d.Tag.Moved {
		rows = append(rows, fact("before", "It was signed over "+safetext.Line(mv.From)+"."))
	}
	return append(rows, caution("warning", imageword.OtherName(d.Tag)))
}

// BuildArgs reads build arguments as they are typed, with spaces between them; wrong says what is wrong.
func BuildArgs(text string) (args map[string]string, wrong string) {
	args = map[string]string{}
	for _, s := range strings.Fields(text) {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, "A build argument is NAME=VALUE."
		}
		args[name] = value
	}
	return args, ""
}

// DecideBases decides on the images that a Dockerfile names.
func DecideBases(ctx context.Context, d Desk, path string, args map[string]string, f images.Face) ([]images.BaseDecision, error) {
	data, err := Aside(ctx, func() ([]byte, error) { return limits.ReadNamed(path, dockerfile.MaxSize) })
	if err != nil {
		return nil, err
	}
	return d.Bases(ctx, data, args, f)
}

// BasesNote sums the decisions up.
func BasesNote(list []images.BaseDecision) string {
	count := map[images.Outcome]int{}
	for _, b := range list {
		count[b.Outcome]++
	}
	return fmt.Sprintf("%d allowed, %d refused, %d could not be checked.", count[images.Allowed], count[images.Refused], count[images.Unchecked])
}

// BasesOf tells what was decided on the images of a Dockerfile.
func BasesOf(path string, list []images.BaseDecision) Story {
	rows := []Row{small(safetext.Line(path))}
	if len(list) == 0 {
		return Story{"Base images", append(rows, para("It builds on no other image."))}
	}
	rows = append(rows, para(BasesNote(list)))
	for _, b := range list {
		rows = append(rows, space(), head(safetext.Line(b.Base.Image)), fact("line", fmt.Sprintf("%d, %s", b.Base.Line, b.Base.Use)))
		rows = append(rows, decision(b.Decision, false)...)
		if b.NoPlatform {
			rows = append(rows, caution("mind", "It has no image for "+safetext.Line(b.Base.Platform)+"."))
		}
		if b.Outcome == images.Allowed {
			rows = append(rows, pull(b.Decision))
		}
	}
	return Story{"Base images", rows}
}
