// Package ui is the full-screen face of bulla. Release runs it; the packages below it draw its
// pages. Only packages below ui import Charm's libraries, and none of them imports the
// libraries of git, OpenPGP, the keychain or the registry.
//
// Accessible and scripted use have faces of their own: ui/line and ui/cli.
package ui

import (
	"context"
	"errors"
	"os"

	tea "github.com/charmbracelet/bubbletea"

	_ "bulla/ui/early" // must be initialised before Bubble Tea
	"bulla/ui/page/release"
	"bulla/ui/page/sandbox"
	"bulla/workflow"
	"bulla/workflow/finding"
)

// Backend is the repository as the walk needs it: *workflow.Session has its methods.
type Backend = release.Backend

// Vault is where passphrases may be kept: *vault.Manager has its methods.
type Vault = release.Vault

// Practice is a practice world: *sandbox.Sandbox has its methods.
type Practice = sandbox.World

// Outcome is how the walk ended: see release.Outcome.
type Outcome = release.Outcome

// Options say what to release and on which terminal. Open is required; the rest has defaults.
type Options struct {
	// Open finds the repository, most likely by workflow.Open. It runs outside the event loop,
	// after the first frame, and again when the person asks for it. The walk closes what it
	// returns.
	Open func(context.Context) (Backend, error)
	// Choices are what the command line said already; the person may change all of it.
	Choices workflow.Choices
	// Vault offers places for passphrases; nil offers none.
	Vault Vault
	// Practice, if not nil, makes this the practice release; PracticePassphrase is then shown
	// where a passphrase is asked for.
	Practice           Practice
	PracticePassphrase string

	// Images lists the tags of a repository of images, for the page that the walk leads to; nil where
	// there is none. It runs outside the event loop.
	Images func(ctx context.Context, repository string) (Images, error)
	// Doctor says what the registry of a repository can hold; nil where nobody is to be asked.
	Doctor func(ctx context.Context, repository string) ([]finding.Finding, error)
	// ImageDesk signs, judges and manages what is in a repository of images; nil where nothing is to be
	// changed on that page. It uses no network yet. The page closes it.
	ImageDesk func(repository string) (ImageDesk, error)
	// ImagePath makes the name of a file, as it was typed on that page, absolute.
	ImagePath func(string) string

	// Keys opens the places where keys are, for the page of all keys that the walk leads to; nil where
	// there is none. It runs outside the event loop. KeyPath and KeyWizard are as in KeysOptions.
	Keys      func(context.Context) (Keys, error)
	KeyPath   func(string) string
	KeyWizard func() KeyWizard

	Display
}

// Release runs the walk of a release on the whole screen until the person leaves it. It returns
// only when nothing is at work any more: a job that runs when the program ends, or when ctx
// does, is cancelled, and its end is part of the Outcome.
//
// The error is what the exit code hangs on: nil when the person left, after a release or before
// one; context.Canceled when they stopped with Ctrl+C or ctx ended; the error of the last run
// when it failed, most often a *workflow.IncompleteError. A release that was made but does not
// check out is no error: ask Outcome.Result.Good.
func Release(ctx context.Context, o Options) (Outcome, error) {
	// Bubble Tea v1 would write what it draws, passphrase dialogs included, into a file.
	_ = os.Unsetenv("TEA_TRACE")
	_ = os.Unsetenv("TEA_DEBUG")
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	r := newRoot(work, o)
	p := tea.NewProgram(r, tea.WithContext(ctx), tea.WithInput(r.o.In), tea.WithOutput(r.out), tea.WithAltScreen())
	_, err := p.Run()
	cancel()
	out := r.shutdown()
	switch {
	case out.Err != nil:
		return out, out.Err
	case out.Cancelled, ctx.Err() != nil, errors.Is(err, tea.ErrInterrupted):
		out.Cancelled = true
		return out, context.Canceled
	}
	return out, err
}
