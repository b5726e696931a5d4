package images

import (
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/imagedeed"
	"bulla/ui/component/keeping"
	"bulla/workflow/images"
)

// Desk is what changes something for the images of the repository.
type Desk = imagedeed.Desk

// The messages with what is known of what can be done.
type (
	pushSeen struct {
		run  int
		keys []images.Key
		err  error
	}
	trustSeen struct {
		run  int
		view images.TrustView
		err  error
	}
)

// stand asks anew what can be done here. What is known stays until there is news.
func (m *Model) stand() tea.Cmd {
	if m.o.Desk == nil {
		return nil
	}
	m.stands++
	d, run := m.o.Desk, m.stands
	ctx := m.o.Context
	push := m.reads.Go(func() tea.Msg {
		err := d.CanPush(ctx)
		list, keysErr := d.ImageKeys()
		if keysErr != nil {
			list = nil // told by whoever wants one
		}
		return pushSeen{run, list, err}
	})
	trust := m.reads.Go(func() tea.Msg {
		v, err := d.Trust(ctx)
		return trustSeen{run, v, err}
	})
	return tea.Batch(push, trust)
}

func (m *Model) stood(msg tea.Msg) {
	switch msg := msg.(type) {
	case pushSeen:
		if msg.run == m.stands {
			m.standing.Asked, m.standing.Keys, m.standing.PushErr = true, msg.keys, msg.err
		}
	case trustSeen:
		if msg.run == m.stands {
			m.standing.Trusted, m.standing.Trust, m.standing.TrustErr = true, msg.view, msg.err
		}
	}
}

// vaultOf is where passphrases may be kept.
func vaultOf(d Desk) keeping.Vault {
	if d == nil || d.Vault() == nil {
		return nil
	}
	return d.Vault()
}
