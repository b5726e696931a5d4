package images

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/limits"
	"bulla/ui/component/errand"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// maxKeyFile bounds a key file that is read, in bytes.
const maxKeyFile = 64 << 10

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// newPassword asks for the password of a key that is being made.
func newPassword(ctx context.Context, e *errand.Errand, label string) (keys.Secret, error) {
	return e.Ask(ctx, keys.PassphraseRequest{Purpose: keys.PurposeImage, Label: label, Attempt: 1, New: true})
}

// makeImageKey makes a key pair for cosign.
func (m *Model) makeImageKey() tea.Cmd {
	name := dialog.Text("name", "release", "release", "The two files are NAME.key and NAME.pub, among bulla's own.")
	return m.form("Make an image key", "", []*dialog.Field{name}, "make it", func() (string, *dialog.Field, tea.Cmd) {
		d, as := m.o.Desk, name.Value()
		if as == "" {
			return "Name the key.", name, nil
		}
		return "", nil, m.begin("making the image key", func(ctx context.Context, e *errand.Errand) ending {
			if d.ImageKeyExists(as) != nil {
				return taken(as)
			}
			pass, err := newPassword(ctx, e, as+".key")
			if err != nil {
				return ending{err: err}
			}
			defer pass.Destroy()
			k, err := d.GenerateImageKey(ctx, as, pass)
			return imageKeyMade("The image key is made", k, err)
		})
	})
}

// taken is the ending where there is an image key of a name already.
func taken(name string) ending {
	return ending{tell: notice("There is a key of that name already", []string{safetext.Line(name) + ".key is not replaced, and nothing was changed. Begin again with another name."})}
}

// imageKeyMade is the ending after an image key came.
func imageKeyMade(title string, k images.Key, err error) ending {
	if err != nil {
		return ending{err: err, stand: true}
	}
	return ending{note: "S signs with it.", anew: true, tell: dialog.NewMessage(title, func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		s.Text(t.Strong, safetext.Line(k.Path))
		s.Key("key", keys.Fingerprint(k.ID))
		s.Space()
		s.Text(t.Body, "Give this one to those who verify:")
		s.Text(t.Strong, safetext.Line(k.PublicPath()))
		return s.Lines
	})}
}

// importImageKey makes a cosign key pair of a private key.
func (m *Model) importImageKey() tea.Cmd {
	file := dialog.Text("file", "", "for example cosign.key", "A private key in PEM form. It is not changed.")
	name := dialog.Text("name", "", "as the file", "The two new files are NAME.key and NAME.pub, among bulla's own. Empty: as the file.")
	return m.form("Import an image key", "", []*dialog.Field{file, name}, "import it", func() (string, *dialog.Field, tea.Cmd) {
		path, as := m.o.Path(file.Value()), name.Value()
		if file.Value() == "" {
			return "Name the file.", file, nil
		}
		if as == "" {
			as = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		}
		d := m.o.Desk
		return "", nil, m.begin("importing the image key", func(ctx context.Context, e *errand.Errand) ending {
			if d.ImageKeyExists(as) != nil {
				return taken(as)
			}
			data, err := aside(ctx, func() ([]byte, error) { return limits.ReadNamed(path, maxKeyFile) })
			if err != nil {
				return ending{err: err}
			}
			defer clear(data)
			pass, err := newPassword(ctx, e, as+".key")
			if err != nil {
				return ending{err: err}
			}
			defer pass.Destroy()
			k, err := d.ImportImageKey(ctx, as, filepath.Base(path), data, e.Person("That of the file that is imported."), pass)
			return imageKeyMade("The image key is imported", k, err)
		})
	})
}

// chooseKey goes on with an image key: the only one, or the one that the person chooses.
func (m *Model) chooseKey(title string, next func(images.Key) tea.Cmd) tea.Cmd {
	list := m.standing.keys
	if len(list) == 1 {
		return next(list[0])
	}
	var items []dialog.Item
	for _, k := range list {
		items = append(items, dialog.Item{Name: safetext.Line(k.Path), About: keys.Fingerprint(k.ID).Grouped(), Do: func() tea.Cmd { return next(k) }})
	}
	m.o.Dialogs.Push(dialog.NewMenu(title, items))
	return nil
}

// imageKeyPassword changes the password of an image key.
func (m *Model) imageKeyPassword() tea.Cmd {
	return m.chooseKey("The password of which key?", func(k images.Key) tea.Cmd {
		m.o.Dialogs.Push(m.look("Change the password", k.Path, nil, []sheet.Effect{
			{Label: "first", Text: "The present password is asked for, unless bulla remembers it; then the new one, twice."},
			{Label: "then", Text: "The new file is opened before it takes the place of the old one. Where the old password was remembered, it is forgotten."},
			{Label: "mind", Text: "A copy of the old file still opens with the old password.", Caution: true},
		}, "change it", func() tea.Cmd {
			d, label := m.o.Desk, filepath.Base(k.Path)
			return m.begin("changing the password", func(ctx context.Context, e *errand.Errand) ending {
				pass, err := newPassword(ctx, e, label)
				if err != nil {
					return ending{err: err}
				}
				defer pass.Destroy()
				e.Note("The present one, to open the key.")
				_, err = d.ChangeImageKeyPassword(ctx, k.Path, d.Remembered(e.Ask, e.Waits), pass)
				return ending{err: err, note: "The password of " + label + " is changed.", stand: true}
			})
		}))
		return nil
	})
}
