package line

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/backend"
	"bulla/ui/component/human"
	"bulla/ui/explain"
	"bulla/workflow/finding"
	"bulla/workflow/firstkey"
)

// KeyWizard is what making a first key needs.
type KeyWizard = backend.FirstKey

// FirstKey leads line by line from nothing to a key that strangers can find.
type FirstKey struct {
	Terminal *Terminal
	Wizard   KeyWizard
	Now      func() time.Time
	// Heartbeat is how often work that goes on says so; 0 means five seconds.
	Heartbeat time.Duration
}

// firstKey is one way through the questions.
type firstKey struct {
	FirstKey
	t       *Terminal
	start   firstkey.Start
	key     keys.Key // zero until it is made
	purpose firstkey.Use
	done    map[firstkey.Step]string // what is not asked for any more, and why
}

// Run asks and does everything, one step after the other. A person may leave at every question: what
// was made stays, and what is left is listed with the commands that do it. Leaving before the key is
// made is explain.ErrLeft; after it, no error, but for the end of ctx.
func (o FirstKey) Run(ctx context.Context) error {
	f := &firstKey{FirstKey: o, t: o.Terminal}
	err := f.walk(ctx)
	switch {
	case f.key.Fingerprint == "" && errors.Is(err, errLeft) && ctx.Err() == nil:
		return explain.ErrLeft
	case f.key.Fingerprint == "":
		return err
	}
	f.leave(ctx)
	if errors.Is(err, errLeft) && ctx.Err() == nil {
		return nil
	}
	return err
}

// leave says in what state the key is, and how to go on.
func (f *firstKey) leave(ctx context.Context) {
	p, err := f.Wizard.Progress(context.WithoutCancel(ctx), f.key.Fingerprint)
	if err != nil {
		explainOn(f.t, err)
		return
	}
	f.t.Say("")
	SayLeft(f.t, p)
}

// SayLeft says in what state a key is, and what is left to do.
func SayLeft(t *Terminal, p firstkey.Progress) {
	t.Say("The key %s", p.Key.Fingerprint.Grouped())
	t.Say("of %s is in bulla's store.", p.Key.UserID())
	for i, l := range p.Public() {
		if i == 0 {
			t.Say("It is public at")
		}
		t.Say("  %s", l)
	}
	left := p.Left()
	if len(left) == 0 {
		t.Say("Nothing is left to do.")
		return
	}
	t.Say("Left to do; bulla keys generate goes on with it, or:")
	for _, l := range left {
		t.Say("  %s", l.What)
		for _, c := range l.Commands {
			t.SayWhole("    %s", c)
		}
	}
}

func (f *firstKey) walk(ctx context.Context) (err error) {
	f.t.Say("A first key, line by line. At every question q leaves; what was made stays.")
	f.t.Say("Until the key is made b goes back to the question before.")
	if f.start, err = f.Wizard.Begin(ctx); err != nil {
		return err
	}
	if err := f.begun(ctx); err != nil {
		return err
	}
	if f.key.Fingerprint == "" {
		if err := f.make(ctx); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		id firstkey.Step
		do func(context.Context) error
	}{
		{firstkey.StepBackup, f.backUp}, {firstkey.StepPaper, f.paper}, {firstkey.StepRevocation, f.revocation}, {firstkey.StepIdentity, f.identity},
		{firstkey.StepPublish, f.publish}, {firstkey.StepGit, f.git}, {firstkey.StepTest, f.trial}, {firstkey.StepTexts, f.texts},
	} {
		f.heading(step.id)
		if said := f.done[step.id]; said != "" {
			f.prose("", said)
			continue
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// doneBefore says of a key that is gone on with what is not asked for again.
func doneBefore(p firstkey.Progress) map[firstkey.Step]string {
	done, left := map[firstkey.Step]string{}, map[firstkey.Step]bool{}
	for _, l := range p.Left() {
		left[l.Step] = true
	}
	if !left[firstkey.StepBackup] {
		done[firstkey.StepBackup] = "A backup was made and tried on " + human.Date(p.Key.BackedUp) + "."
		done[firstkey.StepPaper] = "bulla keys backup --paper writes one for the printer."
	}
	if public := p.Public(); !left[firstkey.StepPublish] && len(public) > 0 {
		done[firstkey.StepPublish] = "It is published: " + strings.Join(public, ", ") + "."
	}
	return done
}

// prose prints a paragraph in lines that fit a terminal of 80 columns.
func (f *firstKey) prose(indent, text string) {
	f.t.prose(indent, text)
}

// heading begins a step.
func (f *firstKey) heading(s firstkey.Step) {
	for i, step := range firstkey.Steps {
		if step == s {
			f.t.Say("")
			f.t.Say("Step %d of %d: %s", i+1, len(firstkey.Steps), s.Title())
		}
	}
}

// begun offers to go on with a key that has something left to do.
func (f *firstKey) begun(ctx context.Context) error {
	if len(f.start.Keys) == 0 {
		return nil
	}
	f.t.Say("")
	f.t.Say("Keys that have something left to do")
	for i, p := range f.start.Keys {
		f.t.Say("  %d  %s", i+1, p.Key.UserID())
		f.t.Say("     %s", p.Key.Fingerprint.Grouped())
		for _, l := range p.Left() {
			f.t.Say("     %s", l.What)
		}
	}
	n := len(f.start.Keys) + 1
	f.t.Say("  %d  make a new key", n)
	got, err := f.t.Number(ctx, "Key", n, 1)
	if err == nil && got < n {
		f.key, f.done = f.start.Keys[got-1].Key, doneBefore(f.start.Keys[got-1])
	}
	return err
}

// make asks whose key it is and of what kind, and makes it.
func (f *firstKey) make(ctx context.Context) error {
	p := firstkey.Params{}
	ask := func(id firstkey.Step, first bool, question func(context.Context, *firstkey.Params) error) func(context.Context) error {
		return func(ctx context.Context) error {
			if first {
				f.heading(id)
			}
			return question(ctx, &p)
		}
	}
	err := f.t.inOrder(ctx, nil, ask(firstkey.StepOwner, true, f.use), ask(firstkey.StepOwner, false, f.name), ask(firstkey.StepOwner, false, f.address), ask(firstkey.StepOwner, false, f.further),
		ask(firstkey.StepKind, true, f.algorithm), ask(firstkey.StepKind, false, f.lifetime), ask(firstkey.StepSecret, true, f.secret))
	defer p.Passphrase.Destroy()
	if err != nil {
		return err
	}
	var made firstkey.Made
	f.t.Say("Making the key…")
	err = busy(ctx, f.t, f.Heartbeat, "still making the key", func(ctx context.Context, _ keys.AskPassphrase) (err error) {
		made, err = f.Wizard.Make(ctx, p)
		return err
	})
	f.key = made.Key
	if err != nil {
		return err
	}
	f.t.Say("Made %s", made.Key.Fingerprint.Grouped())
	for _, e := range made.Missing {
		f.t.Say("The key did not get an address: %v. bulla keys adduid adds it.", e)
	}
	return nil
}

// advise prints remarks, and reports whether one of them refuses.
func (f *firstKey) advise(list []firstkey.Advice) (refused bool) {
	for _, a := range list {
		f.prose("  ", string(a.Severity)+": "+a.Text)
		refused = refused || a.Severity == finding.Error
	}
	return refused
}

// use asks what the key is for.
func (f *firstKey) use(ctx context.Context, _ *firstkey.Params) error {
	f.t.Say("What is the key for?")
	for i, u := range firstkey.Uses {
		f.t.Say("  %d  %s", i+1, u.Sentence())
	}
	use, err := f.t.Number(ctx, "Use", len(firstkey.Uses), 1)
	if err != nil {
		return err
	}
	f.purpose = firstkey.Uses[use-1]
	if text := f.purpose.Caution(); text != "" {
		f.prose("  ", text)
	}
	return nil
}

// name asks for the name, until the advice refuses nothing.
func (f *firstKey) name(ctx context.Context, p *firstkey.Params) (err error) {
	for {
		if p.Name, err = f.t.Text(ctx, "Name, as others will see it", f.start.NameFor(f.purpose)); err != nil {
			return err
		}
		if !f.advise(f.start.JudgeName(p.Name)) {
			return nil
		}
	}
}

// address asks for the main address, until the advice refuses nothing. Where it warns, the person has
// the word: the same again keeps it.
func (f *firstKey) address(ctx context.Context, p *firstkey.Params) (err error) {
	preset, warned := f.start.Email, ""
	if f.start.NoReply != "" {
		f.prose("  ", "git has "+f.start.NoReply+" for you, which no mail reaches: take an address that you read. git's is proposed as a further one.")
	}
	for {
		if p.Email, err = f.t.Text(ctx, "Address", preset); err != nil {
			return err
		}
		advice := f.start.JudgeAddress(p.Email, firstkey.Addresses(strings.TrimSpace(f.start.NoReply)))
		refused := f.advise(advice)
		if !refused && (len(advice) == 0 || warned == p.Email) {
			return nil
		}
		if !refused {
			f.t.Say("Enter keeps it; or type another.")
			preset, warned = p.Email, p.Email
		}
	}
}

// further asks for further addresses, and says what the key will say.
func (f *firstKey) further(ctx context.Context, p *firstkey.Params) error {
	preset := cmp.Or(strings.TrimSpace(f.start.NoReply), "none")
	for {
		text, err := f.t.Text(ctx, "Further addresses, between commas, or none", preset)
		if err != nil {
			return err
		}
		if strings.EqualFold(text, "none") {
			text = ""
		}
		p.Also = firstkey.Addresses(text)
		if !f.advise(f.start.JudgeAlso(p.Email, p.Also)) {
			break
		}
	}
	f.t.Say("The key will say: %s <%s>", p.Name, p.Email)
	for _, a := range p.Also {
		f.t.Say("  and: %s <%s>", p.Name, a)
	}
	return nil
}

// algorithm asks for the kind of the key.
func (f *firstKey) algorithm(ctx context.Context, p *firstkey.Params) error {
	f.t.Say("  1  Ed25519: small and fast; every GnuPG since 2.1 takes it")
	f.t.Say("  2  RSA with 4096 bits: for policies and programs that know nothing newer")
	preset := 1
	if f.start.RSA != "" {
		preset = 2
		f.t.Say("  RSA is wanted here: %s.", f.start.RSA)
	}
	n, err := f.t.Number(ctx, "Algorithm", 2, preset)
	if err != nil {
		return err
	}
	p.Algorithm = []string{store.AlgorithmEd25519, store.AlgorithmRSA4096}[n-1]
	return nil
}

// lifetime asks how long the key is valid.
func (f *firstKey) lifetime(ctx context.Context, p *firstkey.Params) error {
	for {
		text, err := f.t.Text(ctx, "It expires after (2y, 18m, 90d, a date, or never)", "2y")
		if err != nil {
			return err
		}
		life, err := firstkey.Lifetime(text, f.Now())
		if err == nil {
			p.Lifetime = life.Lifetime
			f.prose("  ", life.Sentence)
			return nil
		}
		explainOn(f.t, err)
	}
}
