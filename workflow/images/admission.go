package images

import (
	"fmt"
	"strings"

	"bulla/docker/cosign"
)

// Controller is an admission controller of Kubernetes that checks image signatures.
type Controller string

// The controllers.
const (
	ControllerKyverno Controller = "kyverno"
	ControllerPolicy  Controller = "policy-controller" // sigstore's
)

// AdmissionError says why no policy can be written for a controller.
type AdmissionError struct{ Reason string }

func (e *AdmissionError) Error() string { return e.Reason }

// Admission is a policy for an admission controller: only images of the repository (or of all below
// it, for a name that ends in /*) that the key has signed may run. It is text to look at, to be
// applied by whoever runs the cluster. Both controllers look for the older form of signatures
// (SignLegacy): the policy says so. The error is an *AdmissionError.
func Admission(c Controller, repository string, pub cosign.PublicKey) (string, error) {
	if !pattern(repository) {
		return "", &AdmissionError{Reason: "the repository must be a name such as registry.example.org/app, or registry.example.org/team/* for all below it"}
	}
	if pub.IsZero() {
		return "", &AdmissionError{Reason: "there is no public key to check by"}
	}
	name := "signed-by-" + strings.ToLower(string(pub.Fingerprint()[:12]))
	base, below := strings.CutSuffix(repository, "/*")
	switch c {
	case ControllerKyverno:
		refs := []string{base + ":*", base + "@*"}
		if below {
			refs = []string{base + "/*"}
		}
		return fmt.Sprintf(kyverno, name, name, quoted(refs), indent(pub.PEM(), 22)), nil
	case ControllerPolicy:
		globs := []string{base, base + ":*", base + "@*"}
		if below {
			globs = []string{base + "/**"}
		}
		var b strings.Builder
		for _, g := range globs {
			fmt.Fprintf(&b, "    - glob: %q\n", g)
		}
		return fmt.Sprintf(policyController, name, b.String(), indent(pub.PEM(), 10)), nil
	}
	return "", &AdmissionError{Reason: "policies can be written for kyverno and policy-controller"}
}

func quoted(list []string) string { return `["` + strings.Join(list, `", "`) + `"]` }

// indent puts spaces before every line of a PEM block.
func indent(pem []byte, n int) string {
	space := strings.Repeat(" ", n)
	return space + strings.ReplaceAll(strings.TrimSpace(string(pem)), "\n", "\n"+space)
}

// Format of kyverno.io/v1 (kyverno.io/docs, "Verify Images, Sigstore").
const kyverno = `# Kyverno finds signatures by key in the older form: bulla image sign --sig writes it too.
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: %s
spec:
  background: false
  webhookConfiguration:
    failurePolicy: Fail
    timeoutSeconds: 30
  rules:
    - name: %s
      match:
        any:
          - resources:
              kinds: [Pod]
      verifyImages:
        - imageReferences: %s
          failureAction: Enforce
          attestors:
            - count: 1
              entries:
                - keys:
                    rekor:
                      ignoreTlog: true
                    ctlog:
                      ignoreSCT: true
                    publicKeys: |-
%s
`

// Format of policy.sigstore.dev/v1beta1 (docs.sigstore.dev/policy-controller).
const policyController = `# The policy controller finds signatures by key in the older form: bulla image sign --sig writes
# it too. It looks only at namespaces with the label policy.sigstore.dev/include=true.
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata:
  name: %s
spec:
  mode: enforce
  images:
%s  authorities:
    - key:
        hashAlgorithm: sha256
        data: |
%s
`
