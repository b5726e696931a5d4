package images

import (
	"context"
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/errand"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// migrate looks what would be carried over to cosign, and then does it.
func (m *Model) migrate() tea.Cmd {
	d := m.o.Desk
	return m.chooseKey("Which key signs with cosign?", func(k images.Key) tea.Cmd {
		return m.begin("looking what can be carried over", func(ctx context.Context, e *errand.Errand) ending {
			list, err := d.Migrate(ctx, images.MigrateOrder{Key: k.Path, Dry: true}, face(d, e))
			return ending{err: err, then: func() tea.Cmd { return m.lastLookMigration(k, list) }}
		})
	})
}

func (m *Model) lastLookMigration(k images.Key, list []images.Carriage) tea.Cmd {
	count := tally(list)
	if count[images.WouldCarry] == 0 {
		m.o.Dialogs.Push(migrationStory("Nothing to carry over", m.o.Name, list, nil))
		return nil
	}
	effects := []sheet.Effect{
		{Label: "signed", Text: human.Count(count[images.WouldCarry], "tag") + ", each over the digest that Content Trust signs now, with the tag's name. What the key has signed before stays as it is."},
		{Label: "key", Text: safetext.Line(k.Path)},
		{Key: keys.Fingerprint(k.ID)},
		{Label: "where", Text: safetext.Line(m.o.Name) + ", beside the images"},
		{Label: "stays", Text: "Content Trust's own data."},
	}
	effects = append(effects, leftBehind(list)...)
	effects = append(effects, sheet.Effect{Label: "public", Text: "Signing them is publishing it. Esc stops between two tags; going on later begins anew and signs nothing twice.", Caution: true})
	m.o.Dialogs.Push(m.look("Carry over to cosign", m.o.Name, nil, effects, "carry them over", func() tea.Cmd {
		d := m.o.Desk
		return m.begin("carrying over", func(ctx context.Context, e *errand.Errand) ending {
			list, err := d.Migrate(ctx, images.MigrateOrder{Key: k.Path}, face(d, e))
			count := tally(list)
			end := ending{err: err, note: human.Count(count[images.Carried], "tag") + " carried over."}
			if len(list) > 0 || err == nil {
				end.anew = true
				end.left = "Stopped: " + human.Count(count[images.Carried], "tag") + " carried over by then."
				end.tell = migrationStory("What was carried over", m.o.Name, list, err)
			}
			return end
		})
	}))
	return nil
}

// tally counts what became of the tags.
func tally(list []images.Carriage) map[images.Carry]int {
	count := map[images.Carry]int{}
	for _, c := range list {
		count[c.Result]++
	}
	return count
}

// migrationStory tells what became of each tag; those that were not carried over stand first.
func migrationStory(title, name string, list []images.Carriage, err error) dialog.Dialog {
	slices.SortFunc(list, func(x, y images.Carriage) int { return human.Naturally(x.Tag, y.Tag) })
	count := tally(list)
	return dialog.NewMessage(title, func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		s.Text(t.Strong, safetext.Line(name))
		if err != nil {
			s.Lines = append(s.Lines, dialog.Explanation(t, explain.Error(err), w)...)
		}
		s.Text(t.Body, fmt.Sprintf("%d carried over, %d were so before, %d not, %d failed.", count[images.Carried], count[images.CarriedPast], count[images.NotCarried], count[images.CarryFailed]))
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
			carriages(s, part.title, part.sign, slices.DeleteFunc(slices.Clone(list), func(c images.Carriage) bool { return !slices.Contains(part.of, c.Result) }))
		}
		return s.Lines
	})
}

func carriages(s *sheet.Sheet, title string, sign theme.State, list []images.Carriage) {
	if len(list) == 0 {
		return
	}
	s.Space()
	s.Text(s.Theme.Strong, title)
	for _, c := range list {
		s.Lines = append(s.Lines, s.Theme.Icon(sign)+" "+layout.Cut(safetext.Line(c.Tag), s.Width-4, s.Theme.Signs.Ellipsis))
		if c.Reason != "" {
			s.Fact("", safetext.Line(c.Reason))
		}
		if len(c.Signers) > 0 {
			s.Fact("", "by "+safetext.Line(strings.Join(c.Signers, ", ")))
		}
	}
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
