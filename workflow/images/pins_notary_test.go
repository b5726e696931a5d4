package images

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/docker/dct/trusttest"
	"bulla/workflow/policy"
)

// The notary command goes by the pins that we print for it, for one repository and for a pattern; a
// root under the other kind of id, or another root, it refuses.
func TestNotaryGoesByOurPins(t *testing.T) {
	p := newTrustPlace(t)
	p.notarise(p.push("v1", false))
	certificate, key := p.root, p.dctKeyID()
	look := func(repository, id string) error {
		t.Helper()
		text, _, err := NotaryConfig([]policy.ImageRule{{Repository: repository, By: []policy.System{policy.SystemContentTrust}, Roots: []string{id}}})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		fresh := trusttest.Notary(t, p.server, t.TempDir()) // has seen nothing yet
		out, err := fresh.Run("-c", file, "lookup", p.gun(), "v1")
		if err == nil && !strings.Contains(out, "sha256:") {
			t.Errorf("notary says %s", out)
		}
		return err
	}
	below, _, _ := strings.Cut(p.gun(), "/app")
	for _, repository := range []string{p.gun(), below + "/*"} {
		if err := look(repository, certificate); err != nil {
			t.Errorf("%s: the right root is refused: %v", repository, err)
		}
		for _, id := range []string{key, strings.Repeat("0", 64)} {
			if look(repository, id) == nil {
				t.Errorf("%s: notary takes %s", repository, id)
			}
		}
	}
}

// dctKeyID is the id of the root key, which is not that of its certificate.
func (p *trustPlace) dctKeyID() string {
	p.t.Helper()
	list, err := p.dct().Keys().List()
	if err != nil || len(list) == 0 || list[0].Role != "root" || list[0].ID == p.root {
		p.t.Fatal(list, err)
	}
	return list[0].ID
}
