package keydesk

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/limits"
	"bulla/keys/publish"
	"bulla/keys/publish/web"
	"bulla/keys/store"
	"bulla/keys/vault"
)

// Places are where keys are, and what is needed to do something with them there.
type Places struct {
	// Home is the folder that holds everything of bulla's own (BULLA_HOME).
	Home  string
	Store *store.Store
	GnuPG *agent.GnuPG // nil where GnuPG is absent
	// GnuPGTrouble says why a GnuPG that is there was left out; nil for none.
	GnuPGTrouble error
	Vault        *vault.Manager
	// Attendant stands before gpg-agent while a command signs. A run of a release has its own: its Face.
	Attendant agent.Attendant
	// Web speaks to the servers that public keys are published on and fetched from; Published
	// remembers where keys were published.
	Web       *web.Client
	Published *publish.Records
	// Env looks up an environment variable; Environ is what the programs get that are started.
	Env     func(string) string
	Environ []string
	// Now is the clock.
	Now func() time.Time

	gnupg *agent.Options // where GnuPG is looked for; nil for nowhere
}

// Options say where the Places are.
type Options struct {
	// Home is the folder of Places.Home.
	Home string
	// GnuPGHome is GnuPG's home; "" takes GnuPG's own default. NoGnuPG leaves GnuPG out.
	GnuPGHome string
	NoGnuPG   bool
	// NoKeychain leaves the OS keychain out.
	NoKeychain bool
	// UserAgent is what key servers are told.
	UserAgent string
	Env       func(string) string
	Environ   []string
	Now       func() time.Time
	Rand      io.Reader
}

// Open opens them. It writes nothing. An absent GnuPG is no error; one that does not work is left out,
// so that it stands in the way of nothing that does not need it.
func Open(ctx context.Context, o Options) (Places, error) {
	p := Places{Home: o.Home, Env: o.Env, Environ: o.Environ, Now: o.Now}
	p.Store = store.Open(store.Options{Dir: filepath.Join(o.Home, "keys"), Now: o.Now, Rand: o.Rand})
	if !o.NoGnuPG {
		p.gnupg = &agent.Options{Home: o.GnuPGHome, Environ: o.Environ, Now: o.Now}
		g, err := agent.Find(ctx, *p.gnupg)
		if ctx.Err() != nil {
			return p, context.Cause(ctx)
		}
		if err != nil && !errors.Is(err, agent.ErrAbsent) {
			p.GnuPGTrouble = err
		}
		p.GnuPG = g
	}
	if p.Vault = vault.Open(o.Home, o.Env); o.NoKeychain {
		p.Vault = vault.NewManager(vault.ManagerOptions{Dir: o.Home})
	}
	p.Web = web.New(web.Options{UserAgent: o.UserAgent})
	p.Published = publish.OpenRecords(filepath.Join(o.Home, "published"))
	return p, nil
}

// Git is what repositories get of these places: what git's variables say of a person and a moment is
// what they say.
func (w *Places) Git() gitops.Options {
	return gitops.Options{Environ: w.Environ, Env: w.Env, Now: w.Now}
}

// OpenRepository finds the repository at or above dir, as gitops.OpenWith does.
func (w *Places) OpenRepository(ctx context.Context, dir string) (*gitops.Repo, error) {
	return gitops.OpenWith(ctx, dir, w.Git())
}

// Close wipes the passphrases kept for this run.
func (w *Places) Close() { w.Vault.Close() }

// Keyring is every public key at hand: bulla's store, GnuPG's keyring, the repository's KEYS.
func (w *Places) Keyring(ctx context.Context, repoRoot string) (*keys.Keyring, []error) {
	var rings []*keys.Keyring
	var problems []error
	add := func(data []byte, err error, src keys.Source) {
		if err == nil && len(data) > 0 {
			var r *keys.Keyring
			if r, err = keys.ReadKeyring(data, src); err == nil {
				rings = append(rings, r)
			}
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	data, err := w.Store.PublicKeyring(ctx)
	add(data, err, keys.SourceStore)
	if w.GnuPG != nil {
		data, err = w.GnuPG.PublicKeyring(ctx)
		add(data, err, keys.SourceGnuPG)
	}
	if repoRoot != "" {
		data, err = limits.ReadIfThere(filepath.Join(repoRoot, "KEYS"), keys.MaxKeyringBytes)
		add(data, err, keys.SourceFile)
	}
	return keys.MergeKeyrings(rings...), problems
}
