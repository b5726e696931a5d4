//go:build controllers

package images

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"bulla/docker/cosign"
	"bulla/docker/loopback"
	"bulla/keys/keystest"
)

// TestAdmissionControllers lets the controllers' own command-line programs judge images by our
// policies: cmd/tester of sigstore's policy controller, built as policy-tester, and Kyverno's, built
// as kyverno-cli. Each takes ten minutes to build: hence the build tag.
func TestAdmissionControllers(t *testing.T) {
	pod := func(dir, image string) string {
		file := filepath.Join(dir, "pod.yaml")
		text := fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: test, namespace: default}\nspec: {containers: [{name: c, image: %q}]}\n", image)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for controller, peer := range map[Controller]struct {
		program string
		args    func(dir, file, image string) []string
	}{
		ControllerPolicy: {"policy-tester", func(_, file, image string) []string { return []string{"--policy", file, "--image", image} }},
		ControllerKyverno: {"kyverno-cli", func(dir, file, image string) []string {
			return []string{"apply", file, "--resource", pod(dir, image), "--registry"}
		}},
	} {
		t.Run(string(controller), func(t *testing.T) {
			program := keystest.Peer(t, peer.program)
			p := newPlace(t, loopback.Start)
			s, other := p.signer(), p.signer()
			signed, bundle := p.push("signed", true), p.push("bundle", false)
			if _, err := cosign.SignLegacy(t.Context(), p.world.Registry, signed, s, someTime); err != nil {
				t.Fatal(err)
			}
			p.sign(signed, s)
			p.sign(bundle, s)
			p.push("plain", false)
			judge := func(pattern, image string, pub cosign.PublicKey) error {
				text, err := Admission(controller, pattern, pub)
				if err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				file := filepath.Join(dir, "policy.yaml")
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				_, _, err = keystest.Run(t, nil, []string{"TUF_ROOT=" + t.TempDir()}, program, peer.args(dir, file, image)...)
				return err
			}
			app := p.host + "/demo/app"
			for _, pattern := range []string{app, p.host + "/demo/*", p.host + "/*"} {
				for _, image := range []string{app + ":signed", app + "@" + signed.Digest} {
					if err := judge(pattern, image, s.Public()); err != nil {
						t.Errorf("%s, %s: %v", pattern, image, err)
					}
				}
				if judge(pattern, app+":plain", s.Public()) == nil || judge(pattern, app+":signed", other.Public()) == nil {
					t.Errorf("%s: accepts what is not signed, or by another key", pattern)
				}
			}
			// Neither finds a bundle by key (0.13.1 and 1.15.2): our text says so.
			if judge(app, app+":bundle", s.Public()) == nil {
				t.Error("it finds bundles by key now: say so")
			}
		})
	}
}
