package keys

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/component/human"
	"bulla/ui/dialog"
	"bulla/ui/theme"
)

// notice is a dialog with a few paragraphs.
func notice(title string, lines []string) dialog.Dialog {
	return dialog.NewMessage(title, func(_ theme.Theme, w int) []string { return wrapped(lines, w) })
}

// undo shows what differs between the key and the version before, and goes back to it.
func (m *Model) undo(r *row) tea.Cmd {
	b, f := m.backend, r.Fingerprint
	return m.begin("reading the earlier version", func(context.Context, *errand) ending {
		old, ok := b.Previous(f)
		if !ok {
			return ending{note: "The earlier version of the key cannot be read."}
		}
		return ending{tell: func() dialog.Dialog {
			effects := append(differences(r.Key, old), effect{label: "others", text: "What was published is not undone: what others have of the key, they keep."}, effect{label: "undo", text: "Another undo takes this one back."})
			return consent("Undo the last change", r, effects, "go back", func() tea.Cmd {
				return m.change(r, "going back", func(ctx context.Context, b Backend, sel keys.Selector, _ keys.AskPassphrase) (string, error) {
					_, err := b.Undo(ctx, sel)
					return "The key is as it was before the change.", err
				})
			})
		}}
	})
}

// differences are what changes from one version of a key to another.
func differences(now, then keys.Key) (out []effect) {
	if !now.Expires.Equal(then.Expires) {
		out = append(out, effect{label: "expiry", text: "The key " + until(then) + ", where it now " + until(now) + "."})
	}
	if now.Revoked != then.Revoked {
		word := map[bool]string{true: "revoked", false: "not revoked"}
		out = append(out, effect{label: "state", text: "It is " + word[then.Revoked] + ", where it now is " + word[now.Revoked] + "."})
	}
	lists := func(label string, now, then []string) {
		if gone := without(now, then); len(gone) > 0 {
			out = append(out, effect{label: label, text: "Gone: " + strings.Join(gone, ", ")})
		}
		if back := without(then, now); len(back) > 0 {
			out = append(out, effect{label: label, text: "Back: " + strings.Join(back, ", ")})
		}
	}
	lists("user ids", cleaned(now.UserIDs), cleaned(then.UserIDs))
	lists("subkeys", valid(now), valid(then))
	if len(out) == 0 {
		out = append(out, effect{label: "then", text: "The key says the same as now: what differs are its signatures, or the passphrase of its secret parts."})
	}
	return out
}

func cleaned(list []string) (out []string) {
	for _, s := range list {
		out = append(out, userID(s))
	}
	return out
}

// valid are the subkeys that are not revoked.
func valid(k keys.Key) (out []string) {
	for _, s := range k.Subkeys {
		if !s.Revoked {
			out = append(out, human.Tail(s.Fingerprint))
		}
	}
	return out
}

// without is what of a is not in b.
func without(a, b []string) (out []string) {
	in := map[string]bool{}
	for _, s := range b {
		in[s] = true
	}
	for _, s := range a {
		if !in[s] {
			out = append(out, s)
		}
	}
	return out
}

func (m *Model) forget(r *row) tea.Cmd {
	f := r.Fingerprint
	m.o.Dialogs.Push(consent("Forget the earlier version", r, []effect{
		{label: "goes", text: "The version of the key before its last change. After a change of passphrase it is the key under the old one."},
		{label: "stays", text: "The key as it is now."},
		{label: "mind", text: "The last change cannot be undone then.", caution: true},
	}, "forget it", func() tea.Cmd {
		return m.change(r, "forgetting the earlier version", func(ctx context.Context, b Backend, _ keys.Selector, _ keys.AskPassphrase) (string, error) {
			return "The earlier version is gone.", b.ForgetPrevious(ctx, f)
		})
	}))
	return nil
}

// chooseReason asks in plain words why something is revoked.
func (m *Model) chooseReason(chosen func(store.RevocationReason), more ...dialog.Item) {
	var items []dialog.Item
	for _, reason := range store.KeyReasons() {
		items = append(items, dialog.Item{Name: sentence(reason.Title()), About: reason.Effect(), Do: func() tea.Cmd { chosen(reason); return nil }})
	}
	m.o.Dialogs.Push(dialog.NewMenu("Why?", append(items, more...)))
}

// sentence begins with a capital letter.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// reasonEffects say what a reason means.
func reasonEffects(reason store.RevocationReason) []effect {
	kind := "soft"
	if reason.Hard() {
		kind = "hard"
	}
	return []effect{
		{label: "reason", text: sentence(reason.Title()) + " (a " + kind + " revocation)."},
		{label: "old ones", text: reason.Effect(), caution: reason.Hard()},
	}
}

func (m *Model) revoke(r *row) tea.Cmd {
	final := []effect{
		{label: "new ones", text: "What is signed with the key from now on counts for nobody who knows of the revocation."},
		{label: "others", text: "Publish the key at once (p): until then nobody knows."},
		{label: "undo", text: "u takes it back only until it is published. What others have, they keep.", caution: true},
	}
	certificate := dialog.Item{
		Name: "Apply the revocation certificate that was made with the key", About: "It needs no passphrase, and gives no reason: every signature of the key becomes invalid, also those of past releases.",
		Do: func() tea.Cmd {
			effects := append(reasonEffects(store.ReasonNone), final...)
			m.o.Dialogs.Push(typedConsent("Revoke the key", r, effects, "revoke it", func() tea.Cmd {
				return m.change(r, "revoking the key", func(ctx context.Context, b Backend, sel keys.Selector, _ keys.AskPassphrase) (string, error) {
					_, err := b.ApplyRevocation(ctx, sel)
					return "The key is revoked. p publishes it: until then nobody knows.", err
				})
			}))
			return nil
		},
	}
	m.chooseReason(func(reason store.RevocationReason) {
		if why := m.fault(renew, r); why != "" { // the secret of the primary key is needed
			m.Note = "Not possible: " + why + "; the revocation certificate needs no secret."
			return
		}
		m.askText("Revoke the key", func(text string) {
			effects := append(reasonEffects(reason), publicText(text, final...)...)
			m.o.Dialogs.Push(typedConsent("Revoke the key", r, effects, "revoke it", func() tea.Cmd {
				return m.change(r, "revoking the key", func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
					_, err := b.Revoke(ctx, sel, store.RevokeParams{Reason: reason, Text: text}, ask)
					return "The key is revoked. p publishes it: until then nobody knows.", err
				})
			}))
		})
	}, certificate)
	return nil
}

func (m *Model) revokeSubkey(r *row) tea.Cmd {
	var items []dialog.Item
	for _, s := range r.Subkeys {
		if s.Revoked {
			continue
		}
		items = append(items, dialog.Item{
			Name: human.Tail(s.Fingerprint) + "  may " + uses(false, s.CanSign, s.CanEncrypt), About: s.Fingerprint.Grouped(),
			Do: func() tea.Cmd { m.revokeOneSubkey(r, s); return nil },
		})
	}
	m.o.Dialogs.Push(dialog.NewMenu("Which subkey?", items))
	return nil
}

func (m *Model) revokeOneSubkey(r *row, s keys.Subkey) {
	m.chooseReason(func(reason store.RevocationReason) {
		m.askText("Declare a subkey invalid", func(text string) {
			effects := append([]effect{{label: "subkey", text: s.Fingerprint.Grouped()}}, reasonEffects(reason)...)
			effects = append(effects, publicText(text, effect{label: "stays", text: "The key and its other subkeys."}, othersLearn(r), undoable)...)
			m.o.Dialogs.Push(consent("Declare a subkey invalid", r, effects, "declare it invalid", func() tea.Cmd {
				return m.change(r, "revoking the subkey", func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
					_, err := b.RevokeSubkey(ctx, sel, s.Fingerprint, store.RevokeParams{Reason: reason, Text: text}, ask)
					return "The subkey " + human.Tail(s.Fingerprint) + " is revoked. p publishes it.", err
				})
			}))
		})
	})
}

func (m *Model) deleteIt(r *row) tea.Cmd {
	what := "The public key, from bulla's store."
	if secretInStore(r) {
		what = "The public and the secret key, from bulla's store, for good."
	}
	effects := []effect{{label: "goes", text: what}}
	if !r.BackedUp.IsZero() {
		effects = append(effects, effect{label: "backup", text: "One was tried on " + human.Date(r.BackedUp) + ". Importing it brings the key back."})
	}
	if r.InGnuPG {
		effects = append(effects, effect{label: "stays", text: "GnuPG's copy."})
	}
	if secretInStore(r) {
		effects = append(effects, effect{label: "stays", text: "Its revocation certificate, and what was published."})
	}
	do := func() tea.Cmd {
		b, f := m.backend, r.Fingerprint
		return m.begin("deleting the key", func(ctx context.Context, _ *errand) ending {
			if _, err := b.Delete(ctx, selector(f), false); err != nil {
				return ending{err: err}
			}
			return ending{note: "Deleted the key " + human.Tail(f) + ".", anew: true, apply: func() { m.table.drop(f) }}
		})
	}
	if secretInStore(r) {
		m.o.Dialogs.Push(typedConsent("Delete the key", r, effects, "delete it", do))
	} else {
		m.o.Dialogs.Push(consent("Delete the key", r, effects, "delete it", do))
	}
	return nil
}
