package firstkey

import (
	"context"
	"path/filepath"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/textfield"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/workflow/firstkey"
)

// written is a file that was written and tried.
type written struct {
	path      string
	rehearsal store.Rehearsal
	// kept says where the passphrase is kept for the next time, raw; keepErr why it is not.
	kept    string
	keepErr error
}

// backupRoom writes a backup and tries it. Nothing comes after it before that has worked.
type backupRoom struct {
	*state
	choice choice
	ready  keys.Fingerprint // whose file name is proposed
	made   *written
	again  bool // another backup, though there is one
	target target
	err    error
}

func newBackupRoom(s *state) *backupRoom {
	return &backupRoom{state: s, choice: choice{options: []string{"write it to"}, field: textfield.New("", "a file")}}
}

func (r *backupRoom) enter() tea.Cmd {
	if r.ready != r.fingerprint() {
		r.ready = r.fingerprint()
		r.choice.field.SetValue(firstkey.FileName(r.ready, "key", ".asc"))
	}
	return nil
}

// tried reports whether a backup is known to work.
func (r *backupRoom) tried() bool {
	return !r.again && (r.made != nil || !r.progress.Key.BackedUp.IsZero())
}

func (r *backupRoom) key(msg tea.KeyMsg) tea.Cmd {
	if r.err != nil {
		r.err = acknowledged(r.err, msg, r.keys)
		return nil
	}
	if r.tried() {
		switch {
		case key.Matches(msg, r.keys.Choose) && !msg.Paste:
			r.next = true
		case key.Matches(msg, r.keys.Again):
			r.again = true
		}
		return nil
	}
	if !r.choice.key(msg, r.keys) {
		return nil
	}
	if r.choice.field.Value() == "" {
		r.note = "Name a file first."
		return nil
	}
	path := r.o.Backend.Path(r.choice.field.Value(), ownName(r.ready, "key", ".asc"))
	if r.target.doubtful(r.o.Backend, path) {
		return nil
	}
	return r.write(path)
}

func (r *backupRoom) write(path string) tea.Cmd {
	backend, f := r.o.Backend, r.fingerprint()
	return r.begin("writing the backup, and trying it…", func(ctx context.Context, d *desk) (any, error) {
		d.offers, d.note = backend.Places, "From memory, as if this computer were gone."
		rehearsal, err := backend.BackUp(ctx, f, path, d.ask)
		if err != nil {
			return nil, err
		}
		done := &written{path: path, rehearsal: rehearsal}
		d.offers, d.note = nil, ""
		done.kept, done.keepErr = keepWhere(ctx, backend, f, d)
		return done, nil
	}, func(result any, err error) tea.Cmd {
		if err != nil {
			r.err = err
			return nil
		}
		r.made, r.again = result.(*written), false
		r.progress.Key.BackedUp = r.made.rehearsal.At
		return nil
	})
}

// keepWhere keeps the passphrase where the person wanted it, and names that place. A backup is no
// failure because a keychain is.
func keepWhere(ctx context.Context, b Backend, f keys.Fingerprint, d *desk) (string, error) {
	keep := d.keep
	if err := b.Keep(ctx, f, keep, d.ask); err != nil {
		return "", err
	}
	offers, _ := b.Places(ctx)
	for _, o := range offers {
		if o.Backend == keep && o.Persistent {
			return o.Name, nil
		}
	}
	return "", nil
}

func (r *backupRoom) back() bool {
	if r.again {
		r.again = false
		return true
	}
	return false
}

func (r *backupRoom) typing() bool { return !r.tried() }

func (r *backupRoom) value() (string, bool) {
	if r.progress.Key.BackedUp.IsZero() {
		return "", false
	}
	return "tried", true
}

func (r *backupRoom) view(w, _ int) []string {
	if r.tried() {
		return r.success(w)
	}
	out := r.heading("A backup, tried as if all else were lost", w)
	out = append(out, r.prose("The file is protected by the passphrase. It is restored into a throw-away store, opened with the passphrase that you type from memory, signed with, and verified. The wizard goes on once that has worked.", w)...)
	out = append(out, "")
	out = append(out, r.choice.view(r.theme, w)...)
	out = append(out, "")
	switch {
	case r.work != nil:
		return append(out, r.waiting(w)...)
	case r.err != nil:
		return append(out, r.failure(r.err, w)...)
	}
	out = append(out, r.target.view(r.state, w)...)
	out = append(out, r.prose("A stick, a disk elsewhere: if this computer is lost, so is what lies on it.", w)...)
	return append(out, r.missing(w)...)
}

// missing tells which addresses the key did not get.
func (r *backupRoom) missing(w int) (out []string) {
	if !r.state.made {
		return nil
	}
	for _, u := range r.params.Also {
		found := false
		for _, have := range r.progress.Key.UserIDs {
			found = found || keys.AddressOf(have) == u
		}
		if !found && r.params.Name != "" {
			for _, l := range layout.Wrap("! The key did not get the address "+safetext.Line(u)+". bulla keys adduid adds it.", w) {
				out = append(out, r.theme.Caution.Render(l))
			}
		}
	}
	return out
}

func (r *backupRoom) success(w int) []string {
	out := r.heading("The backup works", w)
	if r.made == nil {
		out = append(out, r.done("A backup of this key was tried on "+human.Date(r.progress.Key.BackedUp)+".", w)...)
		return append(append(out, ""), r.prose("Is it still where you think it is? r makes another.", w)...)
	}
	m := r.made
	out = append(out, r.done("Written, for your eyes only:", w)...)
	out = append(out, r.path(safetext.Line(m.path), w))
	text := "Restored from there into a throw-away store, opened, signed with " + human.Count(len(m.rehearsal.Signed), "secret part") + ", and verified."
	out = append(out, r.done(text, w)...)
	if m.kept != "" {
		out = append(out, r.done("The passphrase is kept in "+safetext.Line(m.kept)+".", w)...)
	}
	if m.keepErr != nil {
		out = append(out, "", r.theme.Caution.Render("! The passphrase was not kept:"))
		out = append(out, r.failure(m.keepErr, w)...)
	}
	out = append(out, "")
	return append(out, layout.Wrap("Copy the file to a place apart from this computer. bulla keys restore-check FILE tries it again whenever you like.", w)...)
}

func (r *backupRoom) status() string {
	if r.tried() {
		return "bulla remembers that it was tried."
	}
	if r.err != nil {
		return "Enter goes back to the name of the file."
	}
	return "~/ is your home; a folder will do. No file is replaced."
}

func (r *backupRoom) hints() []keymap.Hint {
	if r.tried() {
		return []keymap.Hint{keymap.On(r.keys.Choose, "go on"), keymap.On(r.keys.Again, "another one"), keymap.On(r.keys.Help, "")}
	}
	if r.err != nil {
		return []keymap.Hint{keymap.On(r.keys.Choose, "another name"), keymap.On(r.keys.Back, "leave")}
	}
	return []keymap.Hint{keymap.On(r.keys.Choose, "write and try it"), keymap.On(r.keys.Back, "leave")}
}

// paperRoom writes the key for the printer.
type paperRoom struct {
	*state
	choice choice
	ready  keys.Fingerprint
	made   *written
	target target
	err    error
}

func newPaperRoom(s *state) *paperRoom {
	return &paperRoom{state: s, choice: choice{options: []string{"write it to", "not now"}, field: textfield.New("", "a file"), at: 1}}
}

func (r *paperRoom) enter() tea.Cmd {
	if r.ready != r.fingerprint() {
		r.ready, r.made = r.fingerprint(), nil
		r.choice.field.SetValue(firstkey.FileName(r.ready, "paper", ".html"))
	}
	return nil
}

func (r *paperRoom) key(msg tea.KeyMsg) tea.Cmd {
	if r.err != nil {
		r.err = acknowledged(r.err, msg, r.keys)
		return nil
	}
	if r.made != nil {
		r.next = key.Matches(msg, r.keys.Choose) && !msg.Paste
		return nil
	}
	path, ok := r.chosenFile(&r.choice, msg, ownName(r.ready, "paper", ".html"), "Name a file first.")
	if !ok || r.target.doubtful(r.o.Backend, path) {
		return nil
	}
	backend, f := r.o.Backend, r.fingerprint()
	return r.begin("writing the sheet, and trying it…", func(ctx context.Context, d *desk) (any, error) {
		rehearsal, err := backend.Paper(ctx, f, path, d.ask)
		return &written{path: path, rehearsal: rehearsal}, err
	}, func(result any, err error) tea.Cmd {
		if r.err = err; err == nil {
			r.made = result.(*written)
		}
		return nil
	})
}

func (r *paperRoom) back() bool   { return false }
func (r *paperRoom) typing() bool { return r.made == nil && r.choice.typing() }

func (r *paperRoom) value() (string, bool) { return "written", r.made != nil }

func (r *paperRoom) view(w, _ int) []string {
	out := r.heading("A backup on paper", w)
	if r.made != nil {
		out = append(out, r.done("Written, and tried:", w)...)
		out = append(out, r.path(safetext.Line(r.made.path), w), "")
		return append(out, layout.Wrap("Print it, then delete the file. The passphrase must not stand on the paper.", w)...)
	}
	out = append(out, r.prose("Paper outlives disks. Numbered lines with checksums, in HTML with QR codes too; bulla keys import reads them again, and the sheet says how to do it without bulla. It is as secret as the file: protected by the passphrase.", w)...)
	out = append(out, "")
	out = append(out, r.choice.view(r.theme, w)...)
	out = append(out, "")
	switch {
	case r.work != nil:
		return append(out, r.waiting(w)...)
	case r.err != nil:
		return append(out, r.failure(r.err, w)...)
	}
	out = append(out, r.target.view(r.state, w)...)
	return append(out, r.prose("A name that ends in .html gets QR codes, another plain text.", w)...)
}

func (r *paperRoom) status() string { return afterFailure(r.err) }

func (r *paperRoom) hints() []keymap.Hint {
	if r.made != nil {
		return []keymap.Hint{keymap.On(r.keys.Choose, "go on"), keymap.On(r.keys.Back, "")}
	}
	return r.choice.hints(r.keys, "write it")
}

// chosenFile takes a key for a choice between a file and going on without. It returns the path once
// one is chosen; without a name it says what is missing.
func (s *state) chosenFile(c *choice, msg tea.KeyMsg, own, missing string) (path string, ok bool) {
	switch {
	case !c.key(msg, s.keys):
	case c.at == 1:
		s.next = true
	case c.field.Value() == "":
		s.note = missing
	default:
		return s.o.Backend.Path(c.field.Value(), own), true
	}
	return "", false
}

// revocationRoom explains the revocation certificate and puts it apart.
type revocationRoom struct {
	*state
	choice choice
	moved  string
	err    error
}

func newRevocationRoom(s *state) *revocationRoom {
	return &revocationRoom{state: s, choice: choice{options: []string{"move it to", "leave it here for now"}, field: textfield.New("", "a file or folder on a stick or another disk")}}
}

func (r *revocationRoom) enter() tea.Cmd { return nil }

func (r *revocationRoom) key(msg tea.KeyMsg) tea.Cmd {
	if r.err != nil {
		r.err = acknowledged(r.err, msg, r.keys)
		return nil
	}
	if r.progress.Revocation == "" {
		r.next = key.Matches(msg, r.keys.Choose) && !msg.Paste
		return nil
	}
	path, ok := r.chosenFile(&r.choice, msg, filepath.Base(r.progress.Revocation), "Name a file first, or choose to leave it here.")
	if !ok {
		return nil
	}
	backend, f := r.o.Backend, r.fingerprint()
	return r.begin("trying the certificate, then moving it…", func(ctx context.Context, _ *desk) (any, error) {
		return path, backend.MoveRevocation(ctx, f, path)
	}, func(result any, err error) tea.Cmd {
		if r.err = err; err == nil {
			r.moved, r.progress.Revocation = result.(string), ""
		}
		return nil
	})
}

func (r *revocationRoom) back() bool { return false }

func (r *revocationRoom) typing() bool { return r.progress.Revocation != "" && r.choice.typing() }

func (r *revocationRoom) value() (string, bool) {
	return "apart", r.state.made && r.progress.Revocation == ""
}

func (r *revocationRoom) view(w, _ int) []string {
	out := r.heading("The revocation certificate", w)
	out = append(out, layout.Wrap("It declares the key invalid, for good, once it is published: for the day when the key is stolen or lost, or its passphrase forgotten.", w)...)
	out = append(out, layout.Wrap("It needs neither key nor passphrase: whoever has it can revoke the key, though not sign. So it belongs where neither the key nor a thief is.", w)...)
	out = append(out, "")
	switch {
	case r.moved != "":
		out = append(out, r.done("Tried in a throw-away store, where it revokes the key, and moved to", w)...)
		return append(out, r.path(safetext.Line(r.moved), w))
	case r.progress.Revocation == "":
		out = append(out, r.done("It was moved away from bulla's folder before.", w)...)
		if at := r.progress.Key.RevocationAt; at != "" {
			out = append(out, r.path(safetext.Line(at), w))
		}
		return out
	}
	out = append(out, r.theme.Muted.Render("It was made together with the key, and is"), r.path(safetext.Line(r.progress.Revocation), w), "")
	out = append(out, r.choice.view(r.theme, w)...)
	out = append(out, "")
	switch {
	case r.work != nil:
		out = append(out, r.waiting(w)...)
	case r.err != nil:
		out = append(out, r.failure(r.err, w)...)
	}
	return out
}

func (r *revocationRoom) status() string {
	if r.progress.Revocation == "" || r.err != nil {
		return afterFailure(r.err)
	}
	return "It is tried before it is taken from bulla's folder."
}

func (r *revocationRoom) hints() []keymap.Hint {
	if r.progress.Revocation == "" {
		return []keymap.Hint{keymap.On(r.keys.Choose, "go on"), keymap.On(r.keys.Back, "")}
	}
	return r.choice.hints(r.keys, "move it")
}
