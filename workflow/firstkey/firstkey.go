// Package firstkey leads a newcomer from nothing to a key that strangers can find: whose key it is,
// the key, its passphrase, a backup that was tried, the revocation certificate put apart, where it is
// published, git told about it, a test of all that, and the text for the project's page.
//
// Nothing here is a state of its own: how far a key has come is read from what is there (the store,
// the record of what was published, git's configuration), so that a person may leave at any step, go
// on by commands, and come back.
package firstkey

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/publish"
	"bulla/workflow"
	"bulla/workflow/keydesk"
	"bulla/workflow/project"
	"bulla/workflow/shell"
	"bulla/workflow/world"
)

// Step is one part of the way.
type Step string

// The steps in their order. The key is made at the end of StepSecret; those after it can be left out
// or done later, all but the backup.
const (
	StepOwner      Step = "owner"
	StepKind       Step = "kind"
	StepSecret     Step = "secret"
	StepBackup     Step = "backup"
	StepPaper      Step = "paper"
	StepRevocation Step = "revocation"
	StepIdentity   Step = "identity"
	StepPublish    Step = "publish"
	StepGit        Step = "git"
	StepTest       Step = "test"
	StepTexts      Step = "texts"
)

// Steps are all steps in their order.
var Steps = []Step{StepOwner, StepKind, StepSecret, StepBackup, StepPaper, StepRevocation, StepIdentity, StepPublish, StepGit, StepTest, StepTexts}

// Title is the step in a word for a list.
func (s Step) Title() string {
	return map[Step]string{
		StepOwner: "Owner", StepKind: "Kind", StepSecret: "Secret", StepBackup: "Backup", StepPaper: "Paper", StepRevocation: "Revoking",
		StepIdentity: "Identity", StepPublish: "Publish", StepGit: "Git", StepTest: "Test", StepTexts: "Texts",
	}[s]
}

// Wizard carries out the steps. Its methods may be called from several goroutines.
type Wizard struct {
	world *world.World
	dir   string
}

// New makes a Wizard over the places of w. dir is the folder that a person stands in: relative paths
// begin there, and a repository around it counts.
func New(w *world.World, dir string) *Wizard { return &Wizard{world: w, dir: dir} }

// Start is what is known before the first question.
type Start struct {
	// Name and Email are proposals; "" where nothing is known. NoReply is the address that git
	// writes into tags where that is one of a forge which no mail reaches, else "".
	Name, Email, NoReply string
	// Git is what git's configuration says; HasGit that there is a git to ask.
	Git    gitops.UserSettings
	HasGit bool
	// Project is the repository around, "" for none, and Host the server it is pushed to.
	Project, Host string
	// RSA says why the policy of the repository wants an RSA key, "" if it does not. Bits is the
	// least that it takes, 0 for no minimum.
	RSA  string
	Bits int
	// Keys are those of bulla's store that were begun and have something important left to do, the
	// newest first.
	Keys []Progress
	// Now is when this was found.
	Now time.Time
}

// Begin looks at git's configuration, the repository around, and the keys that are there. What is
// not there is no error.
func (w *Wizard) Begin(ctx context.Context) (Start, error) {
	s := Start{Now: w.world.Now()}
	if u, err := gitops.OpenUser(w.dir, w.world.Git()); err == nil {
		if s.Git, err = u.Settings(ctx); err == nil {
			s.HasGit = true
		}
	}
	s.Name, s.Email = s.Git.Name, s.Git.Email
	if session, err := workflow.Open(ctx, w.world, w.dir); err == nil {
		s.Project = session.Project()
		if r, ok := session.PushTarget(""); ok {
			s.Host = hostOf(r.URL)
		}
		s.wantRSA(session.Config())
		_ = session.Close()
	}
	if forge, _ := publish.NoReply(s.Email); forge != "" {
		s.NoReply, s.Email = s.Email, ""
	}
	list, err := w.world.Store.List(ctx)
	if err != nil {
		return s, err
	}
	for _, k := range list {
		if !k.HasSecret || k.Revoked || k.ExpiredAt(s.Now) || k.PrimaryOffline || k.Card != "" {
			continue
		}
		if p, err := w.progress(ctx, k); err == nil && slices.ContainsFunc(p.Left(), func(l Left) bool { return l.Step == StepBackup || l.Step == StepPublish }) {
			s.Keys = append(s.Keys, p)
		}
	}
	return s, nil
}

// wantRSA reads from a repository's policy whether it takes keys of RSA alone.
func (s *Start) wantRSA(c project.Config) {
	if c.Policy == nil || c.Policy.Algorithms == nil {
		return
	}
	a := c.Policy.Algorithms
	if len(a.Keys) > 0 && !slices.Contains(a.Keys, "ed25519") && slices.Contains(a.Keys, "rsa") {
		s.RSA, s.Bits = "the policy in "+project.ConfigName+" takes keys of "+strings.Join(a.Keys, ", ")+" only", a.RSABits
	}
}

// hostOf is the host of a remote's address: https://host/x, or host:x as ssh has it. A path has none.
func hostOf(remote string) string {
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		return u.Hostname()
	}
	before, _, ok := strings.Cut(remote, ":")
	if !ok || strings.ContainsAny(before, `/\`) || strings.Contains(remote, "://") {
		return ""
	}
	return before[strings.LastIndexByte(before, '@')+1:]
}

// Progress is how far a key has come.
type Progress struct {
	Key keys.Key
	// Revocation is the file of its revocation certificate where that lies in bulla's own folder
	// still, else "".
	Revocation string
	// Published is where it was published from here.
	Published publish.Record
	// Unshared are those of these places that are files which others do not have yet, by the target.
	Unshared map[string]keydesk.Unshared
}

// Progress looks how far a key of the store has come. It asks no server.
func (w *Wizard) Progress(ctx context.Context, f keys.Fingerprint) (Progress, error) {
	list, err := w.world.Store.List(ctx)
	if err != nil {
		return Progress{}, err
	}
	k, err := keys.Select(list, keys.ParseSelector(string(f)))
	if err != nil {
		return Progress{}, err
	}
	return w.progress(ctx, k)
}

func (w *Wizard) progress(ctx context.Context, k keys.Key) (Progress, error) {
	p := Progress{Key: k}
	if w.world.Store.HasRevocation(k.Fingerprint) {
		p.Revocation = w.world.Store.RevocationPath(k.Fingerprint)
	}
	var err error
	p.Published, err = w.world.Published.Read(k.Fingerprint)
	p.Unshared = w.world.UnsharedFiles(ctx, p.Published)
	return p, err
}

// Left is something that is not done yet, and the commands that do it.
type Left struct {
	Step Step
	// What is a plain sentence.
	What     string
	Commands []string
}

// Left lists what is not done yet, the most important first.
func (p Progress) Left() (out []Left) {
	f := string(p.Key.Fingerprint)
	if p.Key.BackedUp.IsZero() {
		out = append(out, Left{StepBackup, "No backup was made and tried: if this computer is lost, so is the key.", []string{"bulla keys backup " + f + " -o FILE"}})
	}
	if p.Revocation != "" {
		out = append(out, Left{StepRevocation, "Its revocation certificate still lies on this computer: move it to another place.", []string{"mv " + shell.Quote(p.Revocation) + " PLACE"}})
	}
	waits := p.waiting()
	switch {
	case !p.Published.Published():
		out = append(out, Left{StepPublish, "It is not published: strangers cannot find it.", []string{"bulla keys publish " + f + " --to keys.openpgp.org"}})
	case len(waits) > 0:
		what := strings.Join(waits, ", ") + " waits for you"
		if len(waits) > 1 {
			what = strings.Join(waits, ", ") + " wait for you"
		}
		out = append(out, Left{StepPublish, what + ": open the link in the mail, or upload the files; then check.", []string{"bulla keys status " + f}})
	}
	for _, e := range p.Published.Entries {
		if u, yes := p.Unshared[e.Target]; yes {
			out = append(out, Left{StepPublish, placeName(e) + " holds the key. " + u.Sentence(), u.Commands()})
		}
	}
	return out
}

// waiting are the names of the places where a person has to do something still.
func (p Progress) waiting() (out []string) {
	for _, e := range p.Published.Entries {
		if slices.ContainsFunc(e.Addresses, func(a publish.Address) bool {
			return a.State == publish.AddressWaiting || a.State == publish.AddressUpload
		}) {
			out = append(out, placeName(e))
		}
	}
	return out
}

// Public says in a line for each place where the key was seen, or sent to, how far it came there.
func (p Progress) Public() (out []string) {
	for _, e := range p.Published.Entries {
		t, err := publish.ParseTarget(e.Target, "")
		_, unshared := p.Unshared[e.Target]
		switch {
		case e.Stage < publish.StageSent || unshared:
		case err == nil && t.Kind == publish.KindFile:
			out = append(out, placeName(e)+": in the file")
		default:
			out = append(out, placeName(e)+": "+e.Stage.String())
		}
	}
	return out
}

func placeName(e publish.Entry) string {
	t, err := publish.ParseTarget(e.Target, "")
	if err != nil {
		return e.Target
	}
	return t.Name()
}
