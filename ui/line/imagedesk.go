package line

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/component/human"
	"bulla/ui/component/imagedeed"
	"bulla/ui/component/imageword"
	"bulla/ui/explain"
	"bulla/workflow/images"
)

// ImageDesk looks after the images of a repository line by line: what the page of images does, without
// a screen. Terminal, Desk and Path are required.
type ImageDesk struct {
	Terminal *Terminal
	Desk     *images.Desk
	// Path makes the name of a file, as it was typed, absolute.
	Path func(string) string
	// Heartbeat is how often work that goes on says so; 0 means five seconds.
	Heartbeat time.Duration
	// Back says where leaving leads to, in words that follow "goes back to"; "" for out of bulla.
	Back string
}

// imageTalk is one session at the desk.
type imageTalk struct {
	ImageDesk
	t     *Terminal
	list  []images.Tag // in the order of their names
	cut   bool         // there are more tags than are listed
	text  string       // of the filter
	worry bool         // only what is not plainly signed

	standing imagedeed.Standing // what is known of what can be done
}

// Run shows the images and does with them what the person wants, until they leave: with Enter or b at
// the list, with q or the end of input anywhere. That is no error; the end of ctx is.
func (o ImageDesk) Run(ctx context.Context) error {
	k := &imageTalk{ImageDesk: o, t: o.Terminal, standing: imagedeed.Standing{Asked: true, MakesKey: "k makes one", KeyOnTheWay: true}}
	k.t.Say("Images of %s, line by line.", k.repository().String())
	k.t.Say("b goes back to the question before, q leaves. What is done stays done.")
	if k.repository().PlainHTTP() {
		k.t.prose("", "The registry is on this computer or in a private network: without TLS, if it offers none.")
	}
	k.look(ctx)
	err := ctx.Err()
	if err == nil {
		err = k.choose(ctx)
	}
	left := errors.Is(err, errLeft) && ctx.Err() == nil
	if err == nil && ctx.Err() == nil {
		err = k.keep(ctx)
		left = left || errors.Is(err, errLeft) && ctx.Err() == nil
	}
	if left && k.Back == "" {
		return nil
	}
	return err
}

func (k *imageTalk) repository() docker.Repository { return k.Desk.Repository() }

// keep offers to keep the passphrases that were typed for the next time.
func (k *imageTalk) keep(ctx context.Context) error {
	w := &walk{Walker: Walker{Vault: k.Desk.Vault()}, t: k.t}
	return w.keepPassphrases(ctx, nil)
}

// look lists the tags and judges what signs them. A registry that gives no answer is told: what needs
// none can be done all the same.
func (k *imageTalk) look(ctx context.Context) {
	k.t.Say("Looking at the tags…")
	var done, total atomic.Int64
	var list []images.Tag
	var cut bool
	var trust error
	var survey atomic.Pointer[images.Survey]
	still := func() string {
		if s := survey.Load(); s != nil && s.Waits() {
			return "still waiting for " + k.trustServer(ctx)
		}
		if n := int(total.Load()); n > 0 {
			return "looked at " + strconv.Itoa(int(done.Load())) + " of " + human.Count(n, "tag")
		}
		return "still waiting for " + k.repository().Registry()
	}
	err := busyWith(ctx, k.t, k.Heartbeat, still, func(ctx context.Context, _ keys.AskPassphrase) error {
		s, err := k.Desk.Open(ctx)
		if err != nil {
			return err
		}
		survey.Store(s)
		list, cut = make([]images.Tag, len(s.Names())), s.Truncated()
		total.Store(int64(len(list)))
		seen := make([]bool, len(list))
		err = s.Judge(ctx, func(i int, t images.Tag) {
			if list[i] = t; !seen[i] {
				seen[i] = true
				done.Add(1)
			}
		})
		list, trust = append(list, s.Strays()...), s.TrustProblem()
		return err
	})
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		explainOn(k.t, err)
		return
	case trust != nil:
		explainOn(k.t, trust)
	}
	slices.SortStableFunc(list, func(a, b images.Tag) int { return human.Naturally(b.Reference.Tag(), a.Reference.Tag()) })
	k.list, k.cut = list, cut
}

// shown are the images that the filter lets through.
func (k *imageTalk) shown() (out []images.Tag) {
	for _, t := range k.list {
		word := imageword.State(t)
		if strings.Contains(t.Reference.Tag()+" "+t.Image.Digest+" "+word, k.text) && (!k.worry || word != "signed" || imageword.Remark(t) != "") {
			out = append(out, t)
		}
	}
	return out
}

// maxImages is how many images are read out at once.
const maxImages = 20

// choose shows the images and takes one answer after the other, until the person leaves.
func (k *imageTalk) choose(ctx context.Context) error {
	for {
		shown := k.shown()
		k.t.Say("")
		k.t.Say("%s", k.heading(len(shown)))
		for i, t := range shown[:min(len(shown), maxImages)] {
			k.row(i+1, t)
		}
		if n := len(shown) - maxImages; n > 0 {
			k.t.Say("  and %d more: type a part of a tag or digest to see those that fit", n)
		}
		if k.cut {
			k.t.Say("  There are more tags than are listed.")
		}
		leave, err := k.answer(ctx, shown)
		if err != nil || leave {
			return err
		}
	}
}

// heading counts the images by what they are worth.
func (k *imageTalk) heading(shown int) string {
	if len(k.list) == 0 {
		return "There is no image to show."
	}
	count := map[string]int{}
	var words []string
	for _, t := range k.list {
		word := imageword.State(t)
		if count[word]++; count[word] == 1 {
			words = append(words, word)
		}
	}
	for i, w := range words {
		words[i] = strconv.Itoa(count[w]) + " " + w
	}
	out := human.Count(len(k.list), "image") + ": " + strings.Join(words, ", ")
	if shown != len(k.list) {
		out = strconv.Itoa(shown) + " of " + out + "; a shows all again"
	}
	return out
}

// row tells an image in short.
func (k *imageTalk) row(n int, t images.Tag) {
	name := t.Reference.Tag()
	if name == "" {
		name = "no tag"
	}
	k.t.Say("  %d  %s: %s, %s", n, name, imageword.State(t), imageword.Digest(t.Image.Digest))
	if by := imageword.By(t); by != "" {
		k.t.Say("     by %s", by)
	}
	if r := imageword.Remark(t); r != "" {
		k.t.Say("     %s", r)
	}
}

// answer takes one answer at the list.
func (k *imageTalk) answer(ctx context.Context, shown []images.Tag) (leave bool, err error) {
	out := "leaves"
	if k.Back != "" {
		out = "goes back to " + k.Back
	}
	k.t.Say("A number chooses an image. w shows only what is not plainly signed, r looks")
	k.t.Say("again. t Content Trust, k image keys, m carry Content Trust over to cosign,")
	k.t.Say("d the registry doctor, f the images of a Dockerfile, p pins and policies.")
	k.t.Say("Enter %s.", out)
	text, err := k.t.Ask(ctx, "Image:")
	if err != nil {
		return false, err
	}
	if n, nerr := strconv.Atoi(text); nerr == nil && len(text) < 4 && n >= 1 && n <= len(shown) {
		return false, k.within(ctx, func() error { return k.image(ctx, shown[n-1]) })
	}
	rooms := map[string]func(context.Context) error{
		"t": k.trust, "k": k.imageKeys, "m": k.migrate, "d": k.doctor, "f": k.bases, "p": k.pins,
		"r": func(ctx context.Context) error { k.look(ctx); return ctx.Err() },
	}
	switch s := strings.ToLower(text); {
	case s == "" || s == "b":
		return true, nil
	case rooms[s] != nil:
		return false, k.within(ctx, func() error { return rooms[s](ctx) })
	case s == "w":
		k.worry = true
	case s == "a":
		k.text, k.worry = "", false
	default:
		k.text = text
	}
	if len(k.shown()) == 0 && len(k.list) > 0 {
		k.t.Say("Nothing fits. All again:")
		k.text, k.worry = "", false
	}
	return false, nil
}

// within does something that is left by b, and tells its errors. What ends it is a person who leaves
// altogether, or the end of ctx; the error is then about what may be public, if anything may.
func (k *imageTalk) within(ctx context.Context, do func() error) error {
	err := k.t.leadingBack(do)
	switch {
	case ctx.Err() != nil && images.MayHavePublished(err):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, errors.Is(err, errBack):
		return nil
	case errors.Is(err, errLeft):
		return err
	case errors.Is(err, errStopped):
		k.t.Say("Left.")
	default:
		explainOn(k.t, err)
	}
	return nil
}

// errStopped says that a person did not agree, or stopped at a question for a passphrase: what was
// begun is left, and not the whole desk.
var errStopped = errors.New("the person stopped it")

// job does something with the Desk that may take a while and may ask for passphrases; still says
// what it is at. The error of a person who would not type a passphrase is errStopped.
func (k *imageTalk) job(ctx context.Context, still string, do func(context.Context, imagedeed.Person) error) error {
	err := busy(ctx, k.t, k.Heartbeat, still, func(ctx context.Context, ask keys.AskPassphrase) error {
		ask = k.warning(ask)
		note := func(text string) {
			if text != "" {
				k.t.Say("  %s", text)
			}
		}
		return do(ctx, imagedeed.Person{Face: images.Face{Ask: k.Desk.Remembered(ask, k.keychain), Emit: k.emit}, Note: note, Self: func(text string) keys.AskPassphrase {
			return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
				if req.Attempt <= 1 {
					note(text)
				}
				return ask(ctx, req)
			}
		}})
	})
	if errors.Is(err, context.Canceled) && ctx.Err() == nil && !images.MayHavePublished(err) {
		return errStopped
	}
	return err
}

// work is job for what asks for no passphrase by the person alone.
func (k *imageTalk) work(ctx context.Context, still string, do func(context.Context, images.Face) error) error {
	return k.job(ctx, still, func(ctx context.Context, p imagedeed.Person) error { return do(ctx, p.Face) })
}

// propose shows what a job does, and does it once the person agreed.
func (k *imageTalk) propose(ctx context.Context, j imagedeed.Job) error {
	out, err := jobs{k.t, k.job}.propose(ctx, j)
	return k.done(ctx, out, err)
}

// do is propose for a job that was agreed to by being begun.
func (k *imageTalk) do(ctx context.Context, j imagedeed.Job) error {
	out, err := jobs{k.t, k.job}.carryOut(ctx, j)
	return k.done(ctx, out, err)
}

// done looks at the images again where a job has changed something for them.
func (k *imageTalk) done(ctx context.Context, out imagedeed.Outcome, err error) error {
	if ctx.Err() == nil && (out.Anew || len(out.Seen) > 0) {
		k.look(ctx)
	}
	return err
}

// warning tells of a weak passphrase when a new one was typed.
func (k *imageTalk) warning(ask keys.AskPassphrase) keys.AskPassphrase {
	return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		s, err := ask(ctx, req)
		if err == nil && req.New && req.Purpose != keys.PurposeTrustRoot { // of which the terminal told
			if weak := explain.WeakPassphrase(s, req.Purpose); weak != "" {
				k.t.Say("Warning: %s", weak)
			}
		}
		return s, err
	}
}

// keychain says that a keychain may show a dialog of its own.
func (k *imageTalk) keychain(s vault.Status) {
	k.t.Say("  waiting for %s: it may show a dialog of its own", s.Name)
}

// emit tells what a Desk is at.
func (k *imageTalk) emit(e images.Event) {
	if words := imageword.Event(e); words != "" {
		k.t.Say("  %s…", words)
	}
}

// menu numbers what can be done and takes an answer; Enter is errBack. What cannot be done says why.
func (k *imageTalk) menu(ctx context.Context, question string, offers []imageOffer) error {
	groups := slices.ContainsFunc(offers, func(o imageOffer) bool { return o.group != offers[0].group })
	for i, o := range offers {
		if groups && (i == 0 || o.group != offers[i-1].group) {
			k.t.Say("%s", o.group)
		}
		if o.not != "" {
			k.t.Say("  %d  %s", i+1, o.name)
			k.t.Say("     not now: %s", o.not)
			continue
		}
		k.t.Say("  %d  %s", i+1, o.name)
	}
	for {
		text, err := k.t.Ask(ctx, question+" (1-"+strconv.Itoa(len(offers))+", Enter goes back):")
		if err != nil {
			return err
		}
		if text == "" {
			return errBack
		}
		n, err := strconv.Atoi(text)
		switch {
		case err != nil || n < 1 || n > len(offers):
			k.t.Say("A number from 1 to %d, please.", len(offers))
		case offers[n-1].not != "":
			k.t.Say("Not now: %s.", offers[n-1].not)
		default:
			return k.within(ctx, func() error { return offers[n-1].do(ctx) })
		}
	}
}

// imageOffer is something that can be done; not says why it cannot be now.
type imageOffer struct {
	group, name string
	not         string
	do          func(context.Context) error
}

// offer is an action as something that can be done; not says why it cannot be.
func offer(a imagedeed.Action, not string, do func(context.Context) error) imageOffer {
	d := imagedeed.Of(a)
	return imageOffer{d.Group, d.Name, not, do}
}

// rounds shows something and lets one of its offers be chosen, until the person goes back.
func (k *imageTalk) rounds(ctx context.Context, question string, show func(context.Context) ([]imageOffer, error)) error {
	for {
		offers, err := show(ctx)
		if err == nil {
			err = k.menu(ctx, question, offers)
		}
		if err != nil {
			return err
		}
	}
}

// offers are actions, in the order in which every face lists them.
func (k *imageTalk) offers(do map[imagedeed.Action]func(context.Context) error) (out []imageOffer) {
	for a := range imagedeed.Actions {
		if begin := do[a]; begin != nil {
			out = append(out, offer(a, imagedeed.Fault(a, k.standing), begin))
		}
	}
	return out
}
