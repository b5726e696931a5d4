package imagedeed

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/sheet"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// Migration carries the signatures of a repository over to cosign: what would be carried over is found
// out first.
type Migration struct {
	Desk Desk
	Name string // of the repository
	Key  images.Key
	List []images.Carriage
}

// Nothing reports whether there is nothing to carry over.
func (m Migration) Nothing() bool { return tally(m.List)[images.WouldCarry] == 0 }

// Story tells what became of each tag; those that were not carried over stand first.
func (m Migration) Story(title string) Story {
	list := slices.SortedFunc(slices.Values(m.List), func(x, y images.Carriage) int { return human.Naturally(x.Tag, y.Tag) })
	count := tally(list)
	rows := []Row{head(safetext.Line(m.Name)), para(fmt.Sprintf("%d carried over, %d were so before, %d not, %d failed.", count[images.Carried], count[images.CarriedPast], count[images.NotCarried], count[images.CarryFailed]))}
	for _, part := range []struct {
		title string
		of    []images.Carry
		sign  theme.State
	}{
		{"Not carried over", []images.Carry{images.NotCarried, images.CarryFailed}, theme.Failed},
		{"Carried over", []images.Carry{images.Carried}, theme.Done},
		{"Would be carried over", []images.Carry{images.WouldCarry}, theme.Pending},
		{"Signed with the key before", []images.Carry{images.CarriedPast}, theme.Done},
	} {
		var some []Row
		for _, c := range list {
			if slices.Contains(part.of, c.Result) {
				some = append(some, carriage(part.sign, c)...)
			}
		}
		if len(some) > 0 {
			rows = append(append(rows, space(), head(part.title)), some...)
		}
	}
	return Story{title, rows}
}

func carriage(sign theme.State, c images.Carriage) []Row {
	rows := []Row{mark(sign, safetext.Line(c.Tag))}
	if c.Reason != "" {
		rows = append(rows, fact("", safetext.Line(c.Reason)))
	}
	if len(c.Signers) > 0 {
		rows = append(rows, fact("", "by "+safetext.Line(strings.Join(c.Signers, ", "))))
	}
	return rows
}

// CarryOver does it.
func (m Migration) CarryOver() Job {
	effects := []sheet.Effect{
		{Label: "signed", Text: human.Count(tally(m.List)[images.WouldCarry], "tag") + ", each over the digest that Content Trust signs now, with the tag's name. What the key has signed before stays as it is."},
		{Label: "key", Text: safetext.Line(m.Key.Path)},
		{Key: keys.Fingerprint(m.Key.ID)},
		{Label: "where", Text: safetext.Line(m.Name) + ", beside the images"},
		{Label: "stays", Text: "Content Trust's own data."},
	}
	effects = append(effects, leftBehind(m.List)...)
	effects = append(effects, sheet.Effect{Label: "public", Text: "Signing them is publishing it. It can be stopped between two tags; going on later begins anew and signs nothing twice.", Caution: true})
	return Job{
		Title: "Carry over to cosign", Name: m.Name, Effects: effects, Yes: "carry them over", Doing: "carrying over",
		Do: func(ctx context.Context, p Person) (Outcome, error) {
			list, err := m.Desk.Migrate(ctx, images.MigrateOrder{Key: m.Key.Path}, p.Face)
			carried := human.Count(tally(list)[images.Carried], "tag") + " carried over"
			out := Outcome{Note: carried + "."}
			if len(list) > 0 || err == nil {
				out.Anew, out.Told, out.Left = true, true, "Stopped: "+carried+" by then."
				out.Story = Migration{Name: m.Name, List: list}.Story("What was carried over")
			}
			return out, err
		},
	}
}

// tally counts what became of the tags.
func tally(list []images.Carriage) map[images.Carry]int {
	count := map[images.Carry]int{}
	for _, c := range list {
		count[c.Result]++
	}
	return count
}

// maxLeftBehind is how many tags that are not carried over are named before it is done: the report
// names all.
const maxLeftBehind = 5

// leftBehind names the tags that will not be carried over, and why.
func leftBehind(list []images.Carriage) (out []sheet.Effect) {
	n := 0
	for _, c := range list {
		if c.Result == images.WouldCarry || c.Result == images.CarriedPast {
			continue
		}
		if n++; n <= maxLeftBehind {
			out = append(out, sheet.Effect{Label: "not", Text: safetext.Line(c.Tag + ": " + c.Reason), Caution: true})
		}
	}
	if n > maxLeftBehind {
		out = append(out, sheet.Effect{Label: "not", Text: human.Count(n-maxLeftBehind, "other tag") + ": the report names them.", Caution: true})
	}
	return out
}
