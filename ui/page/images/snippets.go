package images

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker/cosign"
	"bulla/keys/limits"
	"bulla/ui/component/errand"
	"bulla/ui/component/layout"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// kyverno shows a policy for Kyverno.
func (m *Model) kyverno() tea.Cmd {
	return m.admission(images.ControllerKyverno, "kyverno-images.yaml")
}

// policyController shows a policy for sigstore's policy controller.
func (m *Model) policyController() tea.Cmd {
	return m.admission(images.ControllerPolicy, "cluster-image-policy.yaml")
}

func (m *Model) admission(c images.Controller, name string) tea.Cmd {
	repository := m.o.Name
	return m.chooseKey("Signed by which key?", func(k images.Key) tea.Cmd {
		return m.begin("reading the key", func(context.Context, *errand.Errand) ending {
			data, err := limits.ReadNamed(k.PublicPath(), maxKeyFile)
			if err != nil {
				return ending{err: err}
			}
			pub, err := cosign.ParsePublicKey(data)
			if err != nil {
				return ending{err: err}
			}
			text, err := images.Admission(c, repository, pub)
			if err != nil {
				return ending{err: err}
			}
			return ending{tell: m.snippet("A policy for "+string(c), text, name, nil)}
		})
	})
}

// snippet shows a text that others need: it is printed, copied or saved, and never put anywhere else.
func (m *Model) snippet(title, text, name string, notes []string) dialog.Dialog {
	h := m.handing(title, text, func(t theme.Theme, w int) []string {
		out := wrapped(cleaned(notes), w)
		for i := range out {
			out[i] = t.Caution.Render(out[i])
		}
		return append(out, textLines(text, w)...)
	})
	h.name = name
	return h
}

// daemonJSON shows the pinned root as content-trust of a daemon.json.
func (m *Model) daemonJSON() tea.Cmd {
	return m.pinSnippet("content-trust for a daemon.json", "content-trust.json", "Of the engines only Mirantis Container Runtime honours it.", images.DaemonJSON)
}

// notaryConfig shows the pinned root as trust_pinning of notary.
func (m *Model) notaryConfig() tea.Cmd {
	return m.pinSnippet("trust_pinning for notary", "notary-pins.json", "For the config.json of the notary command.", images.NotaryConfig)
}

func (m *Model) pinSnippet(title, name, about string, form func([]policy.ImageRule) ([]byte, []string, error)) tea.Cmd {
	d := m.o.Desk
	return m.begin("reading the pins", func(ctx context.Context, _ *errand.Errand) ending {
		rule, err := d.PinRule(ctx)
		if err != nil {
			return ending{err: err}
		}
		text, notes, err := form([]policy.ImageRule{rule})
		if err != nil {
			return ending{err: err}
		}
		notes = append(notes, about, "A part of the file, to be merged by hand: bulla does not write it there.")
		return ending{tell: m.snippet(title, string(text)+"\n", name, notes)}
	})
}

// textLines are the lines of a text, the long ones broken.
func textLines(text string, w int) (out []string) {
	for l := range strings.Lines(text) {
		out = append(out, layout.Wrap(safetext.Line(strings.TrimSuffix(l, "\n")), w)...)
	}
	return out
}
