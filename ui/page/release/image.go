package release

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/rail"
	"bulla/ui/component/textfield"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// imageRoom chooses the images and the key that signs them.
type imageRoom struct {
	*state
	version  string // the version that the references are for
	images   []*imageRow
	list     picker.Model
	field    *textfield.Model // a reference being typed; nil: none
	fieldErr error            // why what was typed there cannot be an image of this release
	removed  string           // the reference that was left out last

	keyTask  task
	known    bool
	all      []images.Key
	keyErr   error
	at       int // index of the chosen key in all
	making   task
	made     string // the file of the key that was made here
	with     images.With
	settled  bool
	choosing bool // the room is entered and not settled anew
}

// imageRow is one reference and what the registry said of it.
type imageRow struct {
	name  string
	typed bool // by the person, here
	task  task
	image docker.Image
	done  bool
	err   error

	offering task // how it can be signed
	offer    *images.Offer
	offerErr error
}

type imageResolved struct {
	id    int
	image docker.Image
	err   error
}

type imageKeysListed struct {
	id   int
	keys []images.Key
	err  error
}

type imageKeyMade struct {
	id  int
	key images.Key
	err error
}

func (r *imageRoom) enter() tea.Cmd {
	r.choosing = true
	var cmds []tea.Cmd
	if r.with == "" {
		r.with = r.initialWith()
	}
	if r.images == nil || r.version != r.state.version {
		r.version = r.state.version
		r.images = []*imageRow{}
		for _, name := range r.references() {
			cmds = append(cmds, r.resolve(r.add(name, false)))
		}
	}
	if !r.known && !r.keyTask.active {
		cmds = append(cmds, r.listKeys())
	}
	return tea.Batch(cmds...)
}

// references are the images named on the command line, or else in the configuration.
func (r *imageRoom) references() []string {
	if r.choices.Images == nil || r.settled {
		return r.backend.ImageReferences(r.state.version)
	}
	out := make([]string, len(r.choices.Images))
	for i, name := range r.choices.Images {
		out[i] = strings.ReplaceAll(name, "{version}", r.state.version)
	}
	return out
}

func (r *imageRoom) add(name string, typed bool) *imageRow {
	row := &imageRow{name: name, typed: typed}
	r.images = append(r.images, row)
	return row
}

func (r *imageRoom) resolve(row *imageRow) tea.Cmd {
	ctx, id := r.begin(&row.task)
	row.done, row.err = false, nil
	backend, name := r.backend, row.name
	return func() tea.Msg {
		image, err := backend.ResolveImage(ctx, name)
		return imageResolved{id, image, err}
	}
}

func (r *imageRoom) listKeys() tea.Cmd {
	ctx, id := r.begin(&r.keyTask)
	backend := r.backend
	return func() tea.Msg {
		list, err := backend.ImageKeys(ctx)
		return imageKeysListed{id, list, err}
	}
}

func (r *imageRoom) update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case imageResolved:
		for _, row := range r.images {
			if row.task.end(m.id) {
				if row.image, row.err, row.done = m.image, m.err, m.err == nil; row.done {
					return r.ask(row)
				}
				if row.typed && r.field == nil {
					r.mistyped(row)
				}
				return nil
			}
		}
	case imageOffered:
		r.offered(m)
	case imageKeysListed:
		if r.keyTask.end(m.id) {
			r.known, r.all, r.keyErr = m.err == nil, m.keys, m.err
			r.preselect()
		}
	case imageKeyMade:
		if !r.making.end(m.id) {
			return nil
		}
		if m.err != nil {
			r.dialogs().Push(dialog.NewError(m.err))
			return nil
		}
		r.all = append([]images.Key{m.key}, r.all...)
		r.at, r.made = 0, m.key.Path
		r.note = "The image key is made. Publish its public half; bulla image key list tells where that lies."
	}
	return nil
}

// preselect stands on the key named on the command line.
func (r *imageRoom) preselect() {
	if r.choices.ImageKey == "" {
		return
	}
	for i, k := range r.all {
		if k.Path == r.choices.ImageKey {
			r.at = i
			return
		}
	}
	r.all = append([]images.Key{{Path: r.choices.ImageKey, Why: "named on the command line"}}, r.all...)
	r.at = 0
}

// refused is why the walk cannot go on, or "".
func (r *imageRoom) refused() string {
	for _, row := range r.images {
		switch {
		case row.task.active:
			return "the registry has not answered yet"
		case row.err != nil:
			return "an image cannot be signed: x leaves it out, r asks again"
		}
	}
	switch {
	case len(r.images) == 0:
	case r.with.ContentTrust() && r.withoutTrust() != "":
		return r.withoutTrust()
	case !r.with.Cosign():
	case r.keyTask.active:
		return "still looking for image keys"
	case r.making.active:
		return "the image key is being made"
	case len(r.all) == 0:
		return "there is no image key: n makes one"
	}
	return ""
}

func (r *imageRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case r.field != nil:
		return r.fieldKey(msg)
	case key.Matches(msg, r.keys.Choose):
		if why := r.refused(); why != "" {
			r.note = capitalized(why) + "."
			return nil
		}
		r.settle()
	case key.Matches(msg, r.keys.Images):
		// Who took one out by mistake, or mistyped it, need not type all of it again.
		r.field = textfield.Propose(r.removed, "registry.example.org/widget:"+r.state.version)
	case key.Matches(msg, r.keys.Remove):
		if i := r.list.At(); i < len(r.images) {
			r.images[i].task.stop()
			r.images[i].offering.stop()
			r.removed = r.images[i].name
			r.images = append(r.images[:i:i], r.images[i+1:]...)
			r.list.Set(min(i, max(0, len(r.images)-1)))
		}
	case key.Matches(msg, r.keys.Key):
		if !r.with.Cosign() {
			r.note = "Content Trust signs with its own keys, in Docker's folder."
		} else if len(r.all) > 1 {
			r.at = (r.at + 1) % len(r.all)
		} else {
			r.note = "There is no other image key. n makes one."
		}
	case key.Matches(msg, r.keys.Repository):
		r.show()
	case key.Matches(msg, r.keys.With):
		r.change()
	case key.Matches(msg, r.keys.New):
		r.askForNewKey()
	case key.Matches(msg, r.keys.Again):
		return r.again()
	default:
		r.list.Update(msg, r.keys, len(r.images))
	}
	return nil
}

func (r *imageRoom) settle() {
	r.choices.Images = []string{}
	for _, row := range r.images {
		r.choices.Images = append(r.choices.Images, row.name)
	}
	r.choices.ImageWith = r.with
	if len(r.images) > 0 && r.with.Cosign() {
		r.choices.ImageKey = r.all[r.at].Path
	}
	r.settled, r.choosing, r.target = true, false, placeLook
	r.mended(placeImage)
}

func (r *imageRoom) again() tea.Cmd {
	var cmds []tea.Cmd
	for _, row := range r.images {
		switch {
		case !row.done:
			cmds = append(cmds, r.resolve(row))
		case row.offer == nil || row.offer.ContentTrust == nil:
			cmds = append(cmds, r.ask(row))
		}
	}
	return tea.Batch(append(cmds, r.listKeys())...)
}

func (r *imageRoom) fieldKey(msg tea.KeyMsg) tea.Cmd {
	if !key.Matches(msg, r.keys.Choose) || msg.Paste {
		r.fieldErr = nil
		r.field.Update(msg)
		return nil
	}
	name := strings.ReplaceAll(r.field.Value(), "{version}", r.state.version)
	if name != "" {
		if _, err := docker.ParseReference(name); err != nil { // it stays, to be mended
			r.fieldErr = err
			return nil
		}
	}
	r.field, r.fieldErr = nil, nil
	if name == "" {
		return nil
	}
	return r.resolve(r.add(name, true))
}

// mistyped takes back an image that was typed here and cannot be had, and opens its field again: what the
// person types to correct it must not be taken for keys of the page.
func (r *imageRoom) mistyped(row *imageRow) {
	r.images = slices.DeleteFunc(r.images, func(x *imageRow) bool { return x == row })
	r.list.Set(max(0, len(r.images)-1))
	r.field, r.fieldErr = textfield.New(row.name, ""), row.err
}

func (r *imageRoom) askForNewKey() {
	r.dialogs().Push(dialog.NewPassphrase(dialog.PassphraseOptions{
		Request: keys.PassphraseRequest{Purpose: keys.PurposeImage, Label: "a new key for signing images", Attempt: 1, New: true},
		Note:    "It protects the key's file. Cosign asks for the same one.",
		Answer: func(s keys.Secret, _ vault.Backend, ok bool) tea.Cmd {
			if !ok {
				return nil
			}
			return r.makeKey(s)
		},
	}))
}

func (r *imageRoom) makeKey(pass keys.Secret) tea.Cmd {
	ctx, id := r.begin(&r.making)
	backend := r.backend
	return r.writes.Go(func() tea.Msg {
		defer pass.Destroy()
		k, err := backend.GenerateImageKey(ctx, pass)
		return imageKeyMade{id, k, err}
	})
}

func (r *imageRoom) back() bool {
	if r.field == nil {
		return false
	}
	r.field, r.fieldErr = nil, nil
	return true
}

func (r *imageRoom) typing() bool { return r.field != nil }

func (r *imageRoom) busy() bool {
	for _, row := range r.images {
		if row.task.active || row.offering.active {
			return true
		}
	}
	return r.keyTask.active || r.making.active
}

func (r *imageRoom) view(w, h int) []string {
	out := r.heading("Which images belong to "+safetext.Line(r.state.version)+"?", w)
	if r.field != nil {
		out = append(out, r.theme.Accent.Render(r.theme.Signs.Marker)+" image "+r.field.View(r.theme, w-8, true), "")
		if r.fieldErr != nil {
			return append(out, failure(r.state, r.fieldErr, w)...)
		}
		return append(out, r.prose("A reference with its tag, as docker pull takes it. The image must be in the registry already.", w)...)
	}
	if len(r.images) == 0 {
		out = append(out, r.plain("No image is part of this release.", w)...)
		out = append(out, "", r.theme.Accent.Render("enter")+" goes on without images", r.theme.Accent.Render("i")+"     adds one: registry.example.org/widget:"+safetext.Line(r.state.version))
		return append(append(out, ""), r.prose("An image is signed where it is, in its registry. No Docker engine is needed.", w)...)
	}
	tail := append([]string{""}, r.withLines(w)...)
	if r.with.Cosign() {
		tail = append(tail, r.keyLines(w)...)
	}
	var items [][]string
	for i, row := range r.images {
		items = append(items, r.row(row, i == r.list.At(), w))
	}
	out = append(out, r.list.View(r.theme, items, h-len(out)-len(tail))...)
	return append(out, tail...)
}

func (r *imageRoom) row(row *imageRow, at bool, w int) []string {
	t := r.theme
	name := layout.Middle(safetext.Line(row.name), w-2, t.Signs.Ellipsis)
	if at {
		name = t.Accent.Render(name)
	}
	out := []string{picker.Marker(t, at) + name}
	switch {
	case row.task.active:
		return append(out, "    "+r.waiting(row.task, "asking "+safetext.Line(host(row.name))+"…"), "")
	case row.err != nil:
		x := explain.Error(row.err)
		for _, l := range layout.Wrap(safetext.Line(x.Headline), w-6) {
			out = append(out, "    "+t.Bad.Render(l))
		}
		return append(out, "")
	}
	kind := "one platform"
	if row.image.Index {
		kind = human.Count(len(row.image.Platforms), "platform")
	}
	line := human.Digest(t, safetext.Line(row.image.Digest))
	if layout.Width(line)+2+len(kind) <= w-4 { // the last look says it in any case
		line += "  " + t.Muted.Render(kind)
	}
	out = append(out, "    "+layout.Cut(line, w-4, t.Signs.Ellipsis))
	if takes := r.takes(row, w-4); takes != "" {
		out = append(out, "    "+takes)
	}
	return append(out, "")
}

// host is the registry's part of a reference, for the line that says who is asked.
func host(ref string) string {
	h, _, ok := strings.Cut(ref, "/")
	if !ok || !strings.ContainsAny(h, ".:") && h != "localhost" {
		return "docker.io"
	}
	return h
}

func (r *imageRoom) keyLines(w int) []string {
	t := r.theme
	switch {
	case r.making.active:
		return []string{r.waiting(r.making, "making the image key…")}
	case r.keyTask.active:
		return []string{r.waiting(r.keyTask, "looking for image keys…")}
	case r.keyErr != nil:
		return failure(r.state, r.keyErr, w)
	case len(r.all) == 0:
		return []string{t.Caution.Render("! There is no key to sign images with."), t.Accent.Render("n") + " makes one: an OpenPGP key cannot do it."}
	}
	k := r.all[r.at]
	why := ""
	if k.Why != "" {
		why = t.Muted.Render("  " + safetext.Line(k.Why))
	}
	out := []string{layout.Cut(t.Muted.Render("image key ")+safetext.Line(filepath.Base(k.Path))+why, w, t.Signs.Ellipsis)}
	if k.ID != "" {
		out = append(out, t.Muted.Render("          "+human.Key(t, keys.Fingerprint(safetext.Line(k.ID)))))
	}
	if public := k.PublicPath(); k.Path == r.made {
		out = append(out, t.Muted.Render("public    ")+layout.Middle(safetext.Line(public), w-10, t.Signs.Ellipsis))
	}
	return out
}

func (r *imageRoom) detail(w, _ int) []string {
	if r.field != nil || len(r.images) == 0 {
		return nil
	}
	t, row := r.theme, r.images[min(r.list.At(), len(r.images)-1)]
	out := []string{t.Muted.Render("Image")}
	out = append(out, layout.Wrap(safetext.Line(row.name), w)...)
	if row.err != nil {
		return append(append(out, ""), failure(r.state, row.err, w)...)
	}
	if !row.done {
		return out
	}
	out = append(out, "", t.Muted.Render("Digest, which is what gets signed"))
	out = append(out, layout.Wrap(safetext.Line(row.image.Digest), w)...)
	if len(row.image.Platforms) > 0 {
		out = append(out, "", t.Muted.Render("Platforms"))
		out = append(out, layout.Wrap(safetext.Line(strings.Join(row.image.Platforms, ", ")), w)...)
	}
	if r.with.Cosign() && len(r.all) > 0 && r.all[r.at].ID != "" {
		out = append(out, "", t.Muted.Render("Image key"))
		out = append(out, human.FingerprintLines(keys.Fingerprint(safetext.Line(r.all[r.at].ID)), w)...)
	}
	return append(out, r.offerDetail(row, w)...)
}

func (r *imageRoom) status() string {
	switch {
	case r.field != nil:
		return "Enter asks the registry for it; esc leaves everything as it was."
	case len(r.images) > 0:
		return publishing(r.with)
	}
	return ""
}

// publishing says what it means to sign an image.
func publishing(w images.With) string {
	switch w {
	case images.WithContentTrust:
		return "The signature goes to the trust server: to sign a tag is to publish it."
	case images.WithBoth:
		return "Both signatures are public as soon as they are made."
	}
	return "An image's signature lives in the registry: to sign it is to publish it."
}

func (r *imageRoom) hints() []keymap.Hint {
	if r.field != nil {
		return []keymap.Hint{keymap.On(r.keys.Choose, "add it"), keymap.On(r.keys.Back, "as before")}
	}
	none, other := "", ""
	if len(r.images) == 0 {
		none = "there is no image"
	}
	switch {
	case !r.with.Cosign():
		other = "Content Trust signs with its own keys"
	case len(r.all) < 2:
		other = "there is no other image key"
	}
	remove, again := keymap.Unless(none, r.keys.Remove, ""), keymap.On(r.keys.Again, "ask again")
	rest := []keymap.Hint{
		keymap.Unless(none, r.keys.With, "cosign or Content Trust"), keymap.Unless(other, r.keys.Key, "other image key"),
		keymap.On(r.keys.New, "new image key"), keymap.On(r.keys.Quit, ""),
	}
	add, help, back := keymap.On(r.keys.Images, ""), keymap.On(r.keys.Help, ""), keymap.On(r.keys.Back, "")
	tags := keymap.Unless(r.unshowable(), r.keys.Repository, "its tags")
	if i := r.list.At(); i < len(r.images) && r.images[i].err != nil { // what helps there comes first
		return append([]keymap.Hint{remove, again, add, help, back, tags}, rest...)
	}
	return append([]keymap.Hint{keymap.Unless(r.refused(), r.keys.Choose, "go on"), add, tags, help, back, remove, again}, rest...)
}

func (r *imageRoom) item() rail.Item {
	it := rail.Item{Title: "Image", State: theme.Pending}
	switch n := len(r.choices.Images); {
	case r.choosing && len(r.images) > 0:
		it.Value = human.Count(len(r.images), "image")
	case r.choosing:
	case r.settled && n == 0:
		it.State, it.Value = theme.Skipped, "none"
	case r.settled:
		it.State, it.Value = theme.Done, human.Count(n, "image")
	}
	return it
}
