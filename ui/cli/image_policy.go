package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"bulla/docker/cosign"
	"bulla/keys/limits"
	"bulla/ui/explain"
	"bulla/workflow/images"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
	"bulla/workflow/world"
)

func (a *app) imagePinsCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "pins [FILE|-]",
		Short: "Carry roots of Content Trust between the policy, daemon.json and notary",
		Long: `Print the roots of Content Trust that are pinned for repositories. FILE is a Docker
daemon.json (content-trust) or a notary config.json (trust_pinning); without it the
policy of the repository is read. --to says in which form: policy for bulla.toml,
daemon.json, or notary.

Nothing is written: look at it, and put it where it belongs. Of the engines only
Mirantis Container Runtime honours content-trust in daemon.json.`,
		Example: `  bulla image pins /etc/docker/daemon.json
  bulla image pins --to daemon.json`,
		Args: cobra.MaximumNArgs(1),
	}
	c.Flags().StringVar(&to, "to", "", "the `form`: policy, daemon.json or notary; by default policy for FILE, daemon.json without")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		var rules []policy.ImageRule
		if len(args) == 0 {
			v, err := a.verifier(cmd.Context(), verifyFlags{Options: verify.Options{Offline: true}})
			if err != nil {
				return err
			}
			if p := v.Policy().Policy; p != nil {
				rules = p.Images
			}
		} else {
			pins, err := a.readPins(args[0])
			if err != nil {
				return err
			}
			rules = pins.Rules
			for _, l := range pins.Left {
				a.note("not taken over: %s", l)
			}
		}
		if to == "" {
			to = "daemon.json"
			if len(args) > 0 {
				to = "policy"
			}
		}
		return a.printPins(to, rules)
	}
	return c
}

func (a *app) readPins(name string) (images.Pins, error) {
	data, err := a.readNamed(name, 2<<20)
	if err != nil {
		return images.Pins{}, err
	}
	return images.ReadPins(data, name)
}

func (a *app) printPins(to string, rules []policy.ImageRule) error {
	var text string
	switch to {
	case "policy":
		var parts []string
		for _, r := range rules {
			parts = append(parts, r.TOML())
		}
		text = strings.Join(parts, "\n")
	case "daemon.json", "notary":
		form := images.DaemonJSON
		if to == "notary" {
			form = images.NotaryConfig
		}
		b, notes, err := form(rules)
		if err != nil {
			return err
		}
		for _, n := range notes {
			a.note("note: %s", n)
		}
		text = string(b)
	default:
		return &explain.UsageError{Message: "--to takes policy, daemon.json and notary"}
	}
	return a.printText(text)
}

// printText prints text of several lines.
func (a *app) printText(text string) error {
	p := a.printer()
	for l := range strings.Lines(text) {
		p.line("%s", strings.TrimSuffix(l, "\n"))
	}
	return p.err
}

func (a *app) imageAdmissionCommand() *cobra.Command {
	var controller, key string
	c := &cobra.Command{
		Use:   "admission REPOSITORY --for CONTROLLER",
		Short: "Print a policy for an admission controller of Kubernetes",
		Long: `Print a policy for an admission controller of Kubernetes: only images of REPOSITORY
(registry.example.org/team/* for all below it) that the key has signed may run.
Nothing is written or applied.`,
		Example: `  bulla image admission registry.example.org/app --for kyverno > policy.yaml`,
		Args:    cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&controller, "for", "", "kyverno or policy-controller")
	f.StringVar(&key, "key", "", "the public key `file`; by default that of the only key that bulla keeps")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if controller == "" {
			return &explain.UsageError{Message: "no admission controller is named", Hints: []string{"--for kyverno or --for policy-controller"}}
		}
		w, err := a.open(cmd.Context())
		if err != nil {
			return err
		}
		pub, err := a.publicImageKey(w, key)
		if err != nil {
			return err
		}
		text, err := images.Admission(images.Controller(controller), args[0], pub)
		if err != nil {
			return err
		}
		return a.printText(text)
	}
	return c
}

// publicImageKey reads a public key, or that of the only key that bulla keeps.
func (a *app) publicImageKey(w *world.World, name string) (cosign.PublicKey, error) {
	if name == "" {
		list, err := images.KeysOf(w).List()
		if err != nil {
			return cosign.PublicKey{}, err
		}
		if len(list) != 1 {
			return cosign.PublicKey{}, &explain.UsageError{Message: "which key is meant is not clear", Hints: []string{"--key FILE.pub names it; bulla image key list shows yours"}}
		}
		name = list[0].PublicPath()
	}
	data, err := limits.ReadNamed(a.path(name), maxImageKeyFile)
	if err != nil {
		return cosign.PublicKey{}, err
	}
	return cosign.ParsePublicKey(data)
}
