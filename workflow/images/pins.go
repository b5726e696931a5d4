package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bulla/docker"
	"bulla/workflow/policy"
)

// maxPins bounds a file with pins, in bytes.
const maxPins = 1 << 20

// Pins are the roots that another program's configuration names for repositories.
type Pins struct {
	// From is "daemon.json" or "notary".
	From  string
	Rules []policy.ImageRule
	// Left says in plain sentences what cannot be taken over.
	Left []string
}

// PinsError says why a file holds no pins that can be read.
type PinsError struct{ Reason string }

func (e *PinsError) Error() string { return e.Reason }

// daemonFile is what matters of Docker's daemon.json: the table content-trust, which Mirantis
// Container Runtime honours and no other engine (its documentation, "Runtime Enforcement with
// Docker Content Trust").
type daemonFile struct {
	ContentTrust *struct {
		Pinning *struct {
			RootKeys map[string][]string `json:"root-keys"`
			Official bool                `json:"official-library-images"`
		} `json:"trust-pinning"`
		Mode    string `json:"mode"`
		Expired bool   `json:"allow-expired-cached-trust-data"`
	} `json:"content-trust"`
}

// notaryFile is what matters of the notary client's config.json (package trustpinning).
type notaryFile struct {
	Pinning *struct {
		DisableTOFU bool                `json:"disable_tofu"`
		CA          map[string]string   `json:"ca"`
		Certs       map[string][]string `json:"certs"`
	} `json:"trust_pinning"`
}

// ReadPins reads the pins out of Docker's daemon.json or the notary client's config.json. The error
// is a *PinsError.
func ReadPins(data []byte) (Pins, error) {
	if len(data) > maxPins {
		return Pins{}, &PinsError{Reason: fmt.Sprintf("longer than %d bytes", maxPins)}
	}
	var d daemonFile
	var n notaryFile
	if err := errors.Join(json.Unmarshal(data, &d), json.Unmarshal(data, &n)); err != nil {
		return Pins{}, &PinsError{Reason: "not the JSON of a daemon.json or of notary's config.json"}
	}
	switch {
	case d.ContentTrust != nil && d.ContentTrust.Pinning != nil:
		p := pinsOf("daemon.json", d.ContentTrust.Pinning.RootKeys)
		if d.ContentTrust.Pinning.Official {
			p.left("official-library-images: the root of Docker's official images is built into the engine and stands nowhere in the file.")
		}
		if m := d.ContentTrust.Mode; m != "" && m != "enforced" {
			p.left("mode %q: the rules of a policy are always enforced.", m)
		}
		if d.ContentTrust.Expired {
			p.left("allow-expired-cached-trust-data: bulla takes no expired trust data.")
		}
		return p, nil
	case n.Pinning != nil:
		p := pinsOf("notary", n.Pinning.Certs)
		for _, gun := range slices.Sorted(maps.Keys(n.Pinning.CA)) {
			p.left("ca for %s: a policy pins roots, not who signed their certificates.", gun)
		}
		if !n.Pinning.DisableTOFU {
			p.left("disable_tofu is not set: notary believes the first root that it sees; a policy does not.")
		}
		return p, nil
	}
	return Pins{}, &PinsError{Reason: "there is neither content-trust with trust-pinning (daemon.json) nor trust_pinning (notary) in it"}
}

func (p *Pins) left(format string, args ...any) {
	p.Left = append(p.Left, fmt.Sprintf(format, args...))
}

func pinsOf(from string, roots map[string][]string) Pins {
	p := Pins{From: from}
	for _, gun := range slices.Sorted(maps.Keys(roots)) {
		rule := policy.ImageRule{Repository: gun, By: []policy.System{policy.SystemContentTrust}}
		if !pattern(gun) {
			p.left("%s: a policy names repositories, or all below a name that ends in /*.", gun)
			continue
		}
		for _, r := range roots[gun] {
			if id, ok := policy.ParseRoot(r); ok {
				rule.Roots = append(rule.Roots, id)
			} else {
				p.left("%s: %q is not the id of a root (64 hexadecimal digits).", gun, r)
			}
		}
		if len(rule.Roots) > 0 {
			p.Rules = append(p.Rules, rule)
		}
	}
	return p
}

// pattern reports whether a policy can name a repository in this way.
func pattern(s string) bool {
	name := strings.TrimSuffix(s, "/*")
	if name != s && !strings.Contains(name, "/") {
		name += "/x"
	}
	_, err := docker.ParseRepository(name)
	return err == nil
}

// DaemonJSON is the content-trust table for a daemon.json, with the roots of the rules. It is a part
// of a file, to be merged by hand.
func DaemonJSON(rules []policy.ImageRule) ([]byte, error) {
	roots := rootsOf(rules)
	if len(roots) == 0 {
		return nil, errNoRoots
	}
	return json.MarshalIndent(map[string]any{"content-trust": map[string]any{
		"trust-pinning": map[string]any{"root-keys": roots},
		"mode":          "enforced",
	}}, "", "  ")
}

// NotaryConfig is the trust_pinning table for the notary client's config.json.
func NotaryConfig(rules []policy.ImageRule) ([]byte, error) {
	roots := rootsOf(rules)
	if len(roots) == 0 {
		return nil, errNoRoots
	}
	return json.MarshalIndent(map[string]any{"trust_pinning": map[string]any{"disable_tofu": true, "certs": roots}}, "", "  ")
}

var errNoRoots = &PinsError{Reason: "no rule for images names a root of Content Trust"}

func rootsOf(rules []policy.ImageRule) map[string][]string {
	out := map[string][]string{}
	for _, r := range rules {
		if r.Wants(policy.SystemContentTrust) {
			out[r.Repository] = r.Roots
		}
	}
	return out
}
