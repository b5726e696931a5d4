package policy

import (
	"strings"
	"testing"

	"bulla/docker"
)

const (
	someKey  = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
	someRoot = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
)

func mustRepository(t *testing.T, s string) docker.Repository {
	t.Helper()
	r, err := docker.ParseRepository(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestImageRules(t *testing.T) {
	p, err := Parse([]byte(`
[[policy.image]]
repository = "registry.example.org/*"
by = ["cosign"]
[[policy.image]]
repository = "registry.example.org/base/*"
by = ["content-trust", "cosign"]
keys = ["` + someKey + `"]
roots = ["` + strings.ToUpper(someRoot) + `"]
trust_server = "https://notary.example.org:4443"
[[policy.image]]
repository = "registry.example.org/base/alpine"
by = ["content-trust"]
roots = ["` + someRoot + `"]
`))
	if err != nil {
		t.Fatal(err)
	}
	for repo, want := range map[string]string{
		"registry.example.org/x":           "registry.example.org/*",
		"registry.example.org/base/debian": "registry.example.org/base/*",
		"registry.example.org/base/alpine": "registry.example.org/base/alpine",
		"alpine":                           "",
	} {
		rule, ok := p.ImageRule(mustRepository(t, repo))
		if rule.Repository != want || ok != (want != "") {
			t.Errorf("%s: %+v", repo, rule)
		}
	}
	rule, _ := p.ImageRule(mustRepository(t, "registry.example.org/base/debian"))
	if !rule.Wants(SystemCosign) || !rule.Wants(SystemContentTrust) || rule.Roots[0] != someRoot || string(rule.Keys[0]) != someKey {
		t.Errorf("got %+v", rule)
	}
	// What a rule prints is what it was read from.
	again, err := Parse([]byte(rule.TOML()))
	if err != nil || again.Digest() != (&Policy{Keyring: DefaultKeyring, Images: []ImageRule{rule}}).Digest() {
		t.Errorf("%v\n%s", err, rule.TOML())
	}
	if _, ok := (*Policy)(nil).ImageRule(mustRepository(t, "alpine")); ok {
		t.Error("no policy has a rule")
	}
}

func TestSenselessImageRules(t *testing.T) {
	for what, c := range map[string]struct{ text, where string }{
		"no repository":      {`by = ["cosign"]`, "repository"},
		"a tag":              {`repository = "a/b:v1"` + "\n" + `by = ["cosign"]`, "repository"},
		"a star inside":      {`repository = "a/*/b"` + "\n" + `by = ["cosign"]`, "repository"},
		"no system":          {`repository = "a/b"`, "by"},
		"an unknown system":  {`repository = "a/b"` + "\n" + `by = ["notation"]`, "by"},
		"a short key":        {`repository = "a/b"` + "\n" + `by = ["cosign"]` + "\n" + `keys = ["9F86"]`, "keys"},
		"trust without root": {`repository = "a/b"` + "\n" + `by = ["content-trust"]`, "roots"},
		"root without trust": {`repository = "a/b"` + "\n" + `by = ["cosign"]` + "\n" + `roots = ["` + someRoot + `"]`, "roots"},
		"plain http":         {`repository = "a/b"` + "\n" + `by = ["content-trust"]` + "\n" + `roots = ["` + someRoot + `"]` + "\n" + `trust_server = "http://x"`, "trust_server"},
		"unknown key":        {`repository = "a/b"` + "\n" + `by = ["cosign"]` + "\n" + `pin = 1`, "pin"},
	} {
		_, err := Parse([]byte("[[policy.image]]\n" + c.text + "\n"))
		if err == nil || !strings.Contains(err.Error(), c.where) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Parse([]byte("[policy]\n")); err == nil {
		t.Error("an empty policy is none")
	}
}
