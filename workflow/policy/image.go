package policy

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"bulla/docker"
	"bulla/keys"
)

// System is a way to sign images.
type System string

// The systems. A rule may want one of them or both.
const (
	SystemCosign       System = "cosign"
	SystemContentTrust System = "content-trust"
)

// ImageRule says who must vouch for the images of some repositories: a [[policy.image]] table.
type ImageRule struct {
	// Repository is the full name of a repository, or one that ends in /* for all below it.
	Repository string
	// By are the systems that must all vouch.
	By []System
	// Keys are cosign keys, any of which will do. Empty: the signers that the policy lists for
	// images, or where it lists nobody every key at hand.
	Keys []keys.Fingerprint
	// Roots are root keys of Content Trust, one of which must stand behind the trust data: ids of
	// certificates, 64 lower-case hexadecimal digits; or RootKeyPrefix and the id of the key in one.
	// SplitRoots tells them apart.
	Roots []string
	// TrustServer is the https address of the trust server; "" for the one that belongs to the
	// registry by Docker's rule.
	TrustServer string
}

// Wants reports whether a system must vouch.
func (r ImageRule) Wants(s System) bool { return slices.Contains(r.By, s) }

// ImageRule finds the rule for a repository: the longest pattern that fits, the full name before
// all.
func (p *Policy) ImageRule(repo docker.Repository) (rule ImageRule, ok bool) {
	if p == nil {
		return ImageRule{}, false
	}
	rank := func(pattern string) int {
		if !strings.HasSuffix(pattern, "/*") {
			return 1 << 20
		}
		return len(pattern)
	}
	for _, r := range p.Images {
		if repo.Matches(r.Repository) && (!ok || rank(r.Repository) > rank(rule.Repository)) {
			rule, ok = r, true
		}
	}
	return rule, ok
}

// ImageTable is one [[policy.image]].
type ImageTable struct {
	Repository  string   `toml:"repository"`
	By          []string `toml:"by"`
	Keys        []string `toml:"keys,omitempty"`
	Roots       []string `toml:"roots,omitempty"`
	TrustServer string   `toml:"trust_server,omitempty"`
}

const maxImageRules = 1000

// parsePattern checks the repository of a rule.
func parsePattern(s string) bool {
	name := strings.TrimSuffix(s, "/*")
	if name != s && !strings.Contains(name, "/") { // a whole registry: a name in it must be one
		name += "/x"
	}
	_, err := docker.ParseRepository(name)
	return err == nil && len(s) <= maxText
}

func (t *ImageTable) understand(where string) (out ImageRule, err error) {
	out = ImageRule{Repository: t.Repository, TrustServer: t.TrustServer}
	if !parsePattern(t.Repository) {
		return out, faultf(where+".repository", "repository must be a repository such as registry.example.org/app, or registry.example.org/team/* for all below it")
	}
	for _, s := range t.By {
		if s := System(s); (s == SystemCosign || s == SystemContentTrust) && !out.Wants(s) {
			out.By = append(out.By, s)
			continue
		}
		return out, faultf(where+".by", "by takes cosign and content-trust")
	}
	if len(out.By) == 0 {
		return out, faultf(where+".by", "by must say what vouches for the image: cosign, content-trust, or both")
	}
	for _, k := range t.Keys {
		f, ok := parseKey(k)
		if !ok || len(f) != 64 {
			return out, faultf(where+".keys", "a key is the SHA-256 of a cosign public key: 64 hexadecimal digits")
		}
		out.Keys = append(out.Keys, f)
	}
	for _, r := range t.Roots {
		id, ok := ParseRoot(r)
		if !ok {
			return out, faultf(where+".roots", "a root is the id of a root certificate: 64 hexadecimal digits, as docker trust inspect shows it; or key: and the id of a root key")
		}
		out.Roots = append(out.Roots, id)
	}
	switch u, err := url.Parse(t.TrustServer); {
	case len(t.Keys) > maxKeys || len(t.Roots) > maxKeys:
		return out, faultf(where, "more than %d keys", maxKeys)
	case len(t.Keys) > 0 && !out.Wants(SystemCosign):
		return out, faultf(where+".keys", "keys are for cosign, which %q does not name", "by")
	case out.Wants(SystemContentTrust) != (len(t.Roots) > 0):
		return out, faultf(where+".roots", "content-trust and roots belong together: without a root anybody's trust data would do")
	case t.TrustServer != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || !out.Wants(SystemContentTrust)):
		return out, faultf(where+".trust_server", "trust_server is the https address of a trust server, for content-trust")
	}
	return out, nil
}

// RootKeyPrefix marks a root that is named by the id of its key, which is what its file is called,
// and not by that of a certificate, which is what docker trust inspect shows.
const RootKeyPrefix = "key:"

// ParseRoot reads the id of a root certificate, or of a root key with RootKeyPrefix.
func ParseRoot(s string) (id string, ok bool) {
	s = strings.ToLower(s)
	_, err := hex.DecodeString(strings.TrimPrefix(s, RootKeyPrefix))
	return s, err == nil && len(strings.TrimPrefix(s, RootKeyPrefix)) == 64
}

// SplitRoots tells ids of certificates from ids of keys. Where people name a root without saying
// which of the two it is, it stands in both lists.
func SplitRoots(roots []string) (certificates, rootKeys []string) {
	for _, r := range roots {
		id, isKey := strings.CutPrefix(r, RootKeyPrefix)
		if !isKey {
			certificates = append(certificates, id)
		}
		rootKeys = append(rootKeys, id)
	}
	return certificates, rootKeys
}

// TOML is the rule as it stands in bulla.toml.
func (r ImageRule) TOML() string {
	var b strings.Builder
	list := func(name string, values []string) {
		if len(values) > 0 {
			fmt.Fprintf(&b, "%s = [\"%s\"]\n", name, strings.Join(values, `", "`))
		}
	}
	b.WriteString("[[policy.image]]\n")
	fmt.Fprintf(&b, "repository = %q\n", r.Repository)
	var by, ids []string
	for _, s := range r.By {
		by = append(by, string(s))
	}
	for _, k := range r.Keys {
		ids = append(ids, string(k))
	}
	list("by", by)
	list("keys", ids)
	list("roots", r.Roots)
	if r.TrustServer != "" {
		fmt.Fprintf(&b, "trust_server = %q\n", r.TrustServer)
	}
	return b.String()
}
