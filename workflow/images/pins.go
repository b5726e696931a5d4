package images

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/workflow/policy"
)

// Pins are the roots that another program's configuration names for repositories.
type Pins struct {
	Rules []policy.ImageRule
	// Left says in plain sentences what cannot be taken over.
	Left []string
}

// PinsError says why a file holds no pins that can be taken over.
type PinsError struct{ Reason string }

func (e *PinsError) Error() string { return e.Reason }

// besides is what such files say beside the pins: dct.ParsePins reads those.
type besides struct {
	Daemon *struct {
		Mode    string `json:"mode"`
		Expired bool   `json:"allow-expired-cached-trust-data"`
	} `json:"content-trust"`
	Notary *struct {
		DisableTOFU bool `json:"disable_tofu"`
	} `json:"trust_pinning"`
}

// ReadPins reads the pins out of Docker's daemon.json, which Mirantis Container Runtime honours and
// no other engine, or the notary client's config.json. name is what the person calls the file. The
// error is a *PinsError.
func ReadPins(data []byte, name string) (Pins, error) {
	found, err := dct.ParsePins(data, name)
	if err != nil {
		return Pins{}, &PinsError{Reason: err.Error()}
	}
	var more besides
	if err := json.Unmarshal(data, &more); err != nil {
		return Pins{}, &PinsError{Reason: name + ": it is no JSON that can be read"}
	}
	if more.Daemon == nil && more.Notary == nil {
		return Pins{}, &PinsError{Reason: name + ": there is neither content-trust (daemon.json) nor trust_pinning (notary) in it"}
	}
	roots := map[string][]string{}
	for gun, ids := range found.Certificates {
		roots[gun] = append(roots[gun], ids...)
	}
	for gun, ids := range found.RootKeys {
		for _, id := range ids {
			roots[gun] = append(roots[gun], policy.RootKeyPrefix+id)
		}
	}
	var p Pins
	for _, gun := range slices.Sorted(maps.Keys(roots)) {
		if !pattern(gun) {
			p.left("%s: a policy names repositories, or all below a name that ends in /*.", gun)
			continue
		}
		p.Rules = append(p.Rules, policy.ImageRule{Repository: gun, By: []policy.System{policy.SystemContentTrust}, Roots: roots[gun]})
	}
	for _, gun := range slices.Sorted(maps.Keys(found.CAs)) {
		p.left("ca for %s: a policy pins roots, not who signed their certificates.", gun)
	}
	if found.Official {
		p.left("official-library-images: the root of Docker's official images is built into the engine and stands nowhere in the file.")
	}
	if d := more.Daemon; d != nil {
		if d.Mode != "" && d.Mode != "enforced" {
			p.left("mode %q: the rules of a policy are always enforced.", d.Mode)
		}
		if d.Expired {
			p.left("allow-expired-cached-trust-data: bulla takes no expired trust data.")
		}
	}
	if n := more.Notary; n != nil && !n.DisableTOFU {
		p.left("disable_tofu is not set: notary believes the first root that it sees; a policy does not.")
	}
	return p, nil
}

func (p *Pins) left(format string, args ...any) {
	p.Left = append(p.Left, fmt.Sprintf(format, args...))
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

// DaemonJSON is the content-trust table for a daemon.json, with the roots of the rules: certificates
// under cert-ids, keys under root-keys. It is a part of a file, to be merged by hand. notes say what
// whoever does so should know.
func DaemonJSON(rules []policy.ImageRule) (text []byte, notes []string, err error) {
	certificates, rootKeys := map[string][]string{}, map[string][]string{}
	for _, r := range trusting(rules) {
		for _, id := range r.Roots {
			if key, ok := strings.CutPrefix(id, policy.RootKeyPrefix); ok {
				rootKeys[r.Repository] = append(rootKeys[r.Repository], key)
			} else {
				certificates[r.Repository] = append(certificates[r.Repository], id)
			}
		}
		if len(certificates[r.Repository]) > 0 && len(rootKeys[r.Repository]) > 0 {
			notes = append(notes, r.Repository+" stands under cert-ids, and an engine looks for it under root-keys no more.")
		}
		if len(certificates[r.Repository]) > 0 && strings.HasSuffix(r.Repository, "*") {
			notes = append(notes, r.Repository+": cert-ids name repositories one by one in the engine's documentation, and no pattern; root-keys take patterns.")
		}
	}
	if len(certificates)+len(rootKeys) == 0 {
		return nil, nil, errNoRoots
	}
	pinning := map[string]any{}
	if len(certificates) > 0 {
		pinning["cert-ids"] = certificates
	}
	if len(rootKeys) > 0 {
		pinning["root-keys"] = rootKeys
	}
	text, err = json.MarshalIndent(map[string]any{"content-trust": map[string]any{"trust-pinning": pinning, "mode": "enforced"}}, "", "  ")
	return text, notes, err
}

// NotaryConfig is the trust_pinning table for the notary client's config.json, which pins
// certificates alone: notes say which roots are left out.
func NotaryConfig(rules []policy.ImageRule) (text []byte, notes []string, err error) {
	certificates := map[string][]string{}
	for _, r := range trusting(rules) {
		for _, id := range r.Roots {
			if strings.HasPrefix(id, policy.RootKeyPrefix) {
				notes = append(notes, fmt.Sprintf("%s: notary pins certificates, and %s is a key. bulla image trust inspect shows the certificate.", r.Repository, id))
				continue
			}
			certificates[r.Repository] = append(certificates[r.Repository], id)
		}
	}
	if len(certificates) == 0 && len(notes) > 0 {
		return nil, nil, &PinsError{Reason: "notary pins certificates, and only keys are named"}
	}
	if len(certificates) == 0 {
		return nil, nil, errNoRoots
	}
	text, err = json.MarshalIndent(map[string]any{"trust_pinning": map[string]any{"disable_tofu": true, "certs": certificates}}, "", "  ")
	return text, notes, err
}

var errNoRoots = &PinsError{Reason: "no rule for images names a root of Content Trust"}

// trusting are the rules that want Content Trust.
func trusting(rules []policy.ImageRule) []policy.ImageRule {
	return slices.DeleteFunc(slices.Clone(rules), func(r policy.ImageRule) bool { return !r.Wants(policy.SystemContentTrust) })
}
