package imagedeed

import (
	"context"

	"bulla/docker/cosign"
	"bulla/keys/limits"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// Snippet is a text that others need, which bulla puts nowhere by itself. Its texts have to be cleaned.
type Snippet struct {
	Title, Text string
	File        string // a name for it
	Notes       []string
}

// AdmissionPolicy is a policy for the admission controller of an action, by the public half of an image key.
func AdmissionPolicy(a Action, repository string, k images.Key) (Snippet, error) {
	c, file := images.ControllerKyverno, "kyverno-images.yaml"
	if a == PolicyController {
		c, file = images.ControllerPolicy, "cluster-image-policy.yaml"
	}
	data, err := limits.ReadNamed(k.PublicPath(), maxKeyFile)
	if err != nil {
		return Snippet{}, err
	}
	pub, err := cosign.ParsePublicKey(data)
	if err != nil {
		return Snippet{}, err
	}
	text, err := images.Admission(c, repository, pub)
	return Snippet{Title: "A policy for " + string(c), Text: text, File: file}, err
}

// PinnedRoot is the pinned root as another program wants it.
func PinnedRoot(ctx context.Context, d Desk, a Action) (Snippet, error) {
	rule, err := d.PinRule(ctx)
	if err != nil {
		return Snippet{}, err
	}
	s, form, about := Snippet{Title: "content-trust for a daemon.json", File: "content-trust.json"}, images.DaemonJSON, "Of the engines only Mirantis Container Runtime honours it."
	if a == NotaryConfig {
		s, form, about = Snippet{Title: "trust_pinning for notary", File: "notary-pins.json"}, images.NotaryConfig, "For the config.json of the notary command."
	}
	text, notes, err := form([]policy.ImageRule{rule})
	s.Text, s.Notes = string(text)+"\n", append(notes, about, "A part of the file, to be merged by hand: bulla does not write it there.")
	return s, err
}
