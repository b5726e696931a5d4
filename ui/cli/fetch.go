package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/explain"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

func (a *app) keysFetchCommand() *cobra.Command {
	var from []string
	var keep bool
	var ca string
	c := &cobra.Command{
		Use:   "fetch FINGERPRINT|ADDRESS|URL",
		Short: "Get somebody's public key, and look at it before it is kept",
		Long: `Get a public key by its full fingerprint, its key id of 16 digits, an address or a
URL. It is shown; with --import it is kept in bulla's store, and in a terminal you
are asked. Another key than the one asked for is refused.

A key found by an address is not yet the key of that person: anyone can upload one.
Compare the fingerprint with one that you have from elsewhere.

--from names the places to ask, in their order: hkps://HOST, keys.openpgp.org or
vks:URL, wkd (the directory of the address's domain), file:PATH. Without it: an
address is looked for in its domain's directory and on keys.openpgp.org, a
fingerprint on keys.openpgp.org and keyserver.ubuntu.com; BULLA_KEYSERVERS names
others. The places learn what you look for.

Exit codes: 0 found; 1 only another key, or a revocation or key that cannot be used;
3 not found, or nobody could be reached.`,
		Example: `  bulla keys fetch ada@example.org
  bulla keys fetch 3E9C… --from hkps://keyserver.ubuntu.com --import
  bulla keys fetch https://github.com/ada.gpg`,
		Args: cobra.ExactArgs(1),
	}
	fs := c.Flags()
	fs.StringArrayVar(&from, "from", nil, "`place` to ask (repeatable)")
	fs.BoolVar(&keep, "import", false, "keep the key in bulla's store")
	a.serverFlags(fs, &ca, nil)
	a.jsonFlag(fs, "print each key as a line of JSON")
	a.yesFlag(fs)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		q, err := publish.ParseQuery(args[0])
		if err != nil {
			return err
		}
		w, err := a.openWeb(cmd.Context(), ca)
		if err != nil {
			return err
		}
		places, err := a.sources(from)
		if err != nil {
			return err
		}
		return a.fetch(cmd.Context(), w, q, places, keep)
	}
	return c
}

// sources reads the flags --from; nil for none.
func (a *app) sources(from []string) (out []publish.Target, err error) {
	for _, s := range from {
		t, err := publish.ParseSource(s, a.Dir)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// fetchFace tells whom bulla asks.
func (a *app) fetchFace() keydesk.PublishFace {
	return keydesk.PublishFace{Progress: func(e publish.Event) {
		if !a.flags.json {
			a.note("%s…", e.Doing)
		}
	}}
}

// foundLine is a key as `keys fetch --json` prints it.
type foundLine struct {
	keyLine
	From     string       `json:"from"`
	Form     publish.Form `json:"form"`
	Note     string       `json:"note"`
	Usable   bool         `json:"usable"`
	Imported bool         `json:"imported"`
}

func (a *app) fetch(ctx context.Context, w *world.World, q publish.Query, from []publish.Target, keep bool) error {
	found, misses, err := w.Fetch(ctx, q, from, a.fetchFace())
	if err != nil {
		return err
	}
	a.missed(misses)
	if len(found) == 0 {
		return &keydesk.NotFetchedError{Query: q, Misses: misses}
	}
	p := a.printer()
	usable := false
	for _, f := range found {
		imported := false
		if !a.flags.json {
			p.found(f, a)
		}
		usable = usable || f.Data != nil
		if f.Data != nil {
			if imported, err = a.keepFetched(ctx, w, f, keep, len(found)); err != nil {
				return err
			}
		}
		if a.flags.json {
			p.object(foundLine{toKeyLine(f.Key, a.Now()), f.From, f.Form, f.Note, f.Data != nil, imported})
		}
	}
	if p.err == nil && !usable {
		return exitCode(explain.CodeFailed)
	}
	return p.err
}

// missed tells which places gave nothing, and why.
func (a *app) missed(misses []publish.Miss) {
	for _, m := range misses {
		text := explain.Error(m.Err).Headline
		if !strings.Contains(text, m.From) {
			text = m.From + ": " + text
		}
		a.note("%s", text)
	}
}

// found prints a key that was not kept yet.
func (p *printer) found(f publish.Found, a *app) {
	p.line("From %s:", f.From)
	if f.Key.Fingerprint != "" {
		p.key(f.Key, a.Now(), true)
	}
	if f.Note != "" {
		p.wrapped(4, f.Note)
	}
}

// keepFetched imports a key, if that was asked for or a person agrees.
func (a *app) keepFetched(ctx context.Context, w *world.World, f publish.Found, keep bool, n int) (bool, error) {
	if keep && n > 1 {
		a.note("warning: not kept: %d keys were found; fetch one by its fingerprint: bulla keys fetch %s --import", n, f.Key.Fingerprint)
		return false, nil
	}
	if !keep && a.interactive() && !a.flags.json {
		var err error
		if keep, err = a.terminal().Confirm(ctx, "Keep "+f.Key.Fingerprint.Short()+" in bulla's store?"); err != nil {
			return false, err
		}
	}
	if !keep {
		return false, nil
	}
	list, err := w.KeepFetched(ctx, f)
	for _, i := range list {
		switch {
		case i.New:
			a.note("Kept %s.", i.Key.Fingerprint.Grouped())
		case i.Changed:
			a.note("%s was here already and learned something new.", i.Key.Fingerprint.Grouped())
		default:
			a.note("%s was here already; nothing is new.", i.Key.Fingerprint.Grouped())
		}
	}
	return err == nil, err
}

// fetchMissing looks for the keys that verdicts lack, shows them, and returns them for this run;
// they are not kept. Who asked for it wants the verdicts, so that a place that cannot be reached is
// told and no error.
func (a *app) fetchMissing(ctx context.Context, w *world.World, list []keys.Verdict, from []publish.Target) (*keys.Keyring, error) {
	var rings []*keys.Keyring
	asked := map[publish.Query]bool{}
	for _, v := range list {
		q, ok := keydesk.MissingKey(v)
		if !ok || asked[q] || len(asked) == maxFetched {
			continue
		}
		asked[q] = true
		found, misses, err := w.Fetch(ctx, q, from, a.fetchFace())
		if err != nil {
			return nil, err
		}
		a.missed(misses)
		for _, f := range found {
			p := &printer{out: a.Stderr}
			p.found(f, a)
			if f.Data == nil {
				continue
			}
			ring, err := keys.ReadKeyring(f.Data, keys.SourceFile)
			if err != nil {
				return nil, errors.Join(err, p.err)
			}
			rings = append(rings, ring)
			a.note("Used for this check, and not kept. bulla keys fetch %s --import keeps it.", f.Key.Fingerprint)
		}
	}
	return keys.MergeKeyrings(rings...), nil
}

// maxFetched is how many keys one check looks for.
const maxFetched = 20
