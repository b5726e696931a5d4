package cosign

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bulla/docker"
	"bulla/keys"
)

const (
	// maxJudged is how many attachments of one image are read; the rest are not checked.
	maxJudged = 200
	// readers is how many of them are read at the same time.
	readers = 8

	emptyConfigType      = "application/vnd.oci.empty.v1+json"
	predicateAnnotation  = "dev.sigstore.bundle.predicateType"
	contentAnnotation    = "dev.sigstore.bundle.content"
	createdAnnotation    = "org.opencontainers.image.created"
	ociImageManifestType = "application/vnd.oci.image.manifest.v1+json"
)

// manifest is what matters of the OCI manifest that holds a signature.
type manifest struct {
	SchemaVersion int                 `json:"schemaVersion"`
	MediaType     string              `json:"mediaType"`
	ArtifactType  string              `json:"artifactType,omitempty"`
	Config        docker.Descriptor   `json:"config"`
	Layers        []docker.Descriptor `json:"layers"`
	Subject       *docker.Descriptor  `json:"subject,omitempty"`
	Annotations   map[string]string   `json:"annotations,omitempty"`
}

// collection is what lies beside an image.
type collection struct {
	list   []found
	others []Other
	api    bool // the registry lists referrers itself
}

// collect reads everything beside the image that is or may be a signature.
func collect(ctx context.Context, repo *docker.Repo, digest string) (collection, error) {
	if !isDigest(digest) {
		return collection{}, fmt.Errorf("%q is not the digest of an image", digest)
	}
	var older []found
	var legacyErr error
	var wg sync.WaitGroup
	wg.Go(func() { older, legacyErr = collectLegacy(ctx, repo, digest) })
	out, err := collectBundles(ctx, repo, digest)
	wg.Wait()
	if err == nil {
		err = legacyErr
	}
	if err != nil {
		return collection{}, err
	}
	out.list = append(out.list, older...)
	return out, nil
}

func collectBundles(ctx context.Context, repo *docker.Repo, digest string) (out collection, err error) {
	refs, err := repo.Referrers(ctx, digest)
	if err != nil {
		return collection{}, err
	}
	out.api = refs.API
	var candidates []docker.Descriptor
	for _, d := range refs.List {
		if mayBeSignature(d) {
			candidates = append(candidates, d)
		} else {
			out.others = append(out.others, otherOf(d))
		}
	}
	// Those that are listed as bundles go first, so that others cannot use up the limit.
	slices.SortStableFunc(candidates, func(a, b docker.Descriptor) int { return isBundle(b.ArtifactType) - isBundle(a.ArtifactType) })
	long := len(candidates) > maxJudged
	candidates = candidates[:min(len(candidates), maxJudged)]
	results := make([]*found, len(candidates))
	forEach(len(candidates), func(i int) { results[i] = readBundle(ctx, repo, candidates[i], digest) })
	if err := ctx.Err(); err != nil {
		return collection{}, context.Cause(ctx)
	}
	for i, f := range results {
		switch {
		case f == nil:
			out.others = append(out.others, otherOf(candidates[i]))
		case f.states != "":
			out.others = append(out.others, Other{Digest: f.manifest, ArtifactType: bundleType, Predicate: f.states})
		default:
			f.form = FormBundle
			out.list = append(out.list, *f)
		}
	}
	if refs.Problem != nil {
		out.list = append(out.list, unjudged(keys.StatusNotChecked, "the list of signatures that clients keep under the fallback tag is not readable"))
	}
	switch {
	case long:
		out.list = append(out.list, unjudged(keys.StatusNotChecked, fmt.Sprintf("the image has more than %d attachments; the rest was not read", maxJudged)))
	case refs.Truncated:
		out.list = append(out.list, unjudged(keys.StatusNotChecked, "the registry's list of signatures is too long or breaks off; the rest was not read"))
	}
	return out, nil
}

// forEach calls f for 0 to n-1, readers of them at a time.
func forEach(n int, f func(int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, readers) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func isBundle(artifactType string) int {
	if strings.HasPrefix(artifactType, bundleTypeFamily) {
		return 1
	}
	return 0
}

// mayBeSignature sorts out what the list itself says is something else. Some clients and
// registries list a bundle without its type, or with that of its empty config.
func mayBeSignature(d docker.Descriptor) bool {
	if p := d.Annotations[predicateAnnotation]; p != "" && p != signPredicateType {
		return false
	}
	return isBundle(d.ArtifactType) == 1 || d.ArtifactType == "" || d.ArtifactType == emptyConfigType
}

// readBundle reads one attachment; nil means that it is no bundle.
func readBundle(ctx context.Context, repo *docker.Repo, d docker.Descriptor, digest string) *found {
	listed := isBundle(d.ArtifactType) == 1
	problem := func(status keys.Status, reason string) *found {
		if !listed { // whatever it is, nothing says that it is a signature
			return nil
		}
		f := unjudged(status, reason)
		f.manifest = d.Digest
		return &f
	}
	m, err := repo.Manifest(ctx, d.Digest)
	if err != nil {
		listed = true // it may have been one: never call an image unsigned because of a failure
		return problem(keys.StatusNotChecked, unreadable(err))
	}
	var mf manifest
	if json.Unmarshal(m.Raw, &mf) != nil {
		return problem(keys.StatusMalformed, "the manifest of the signature is not readable")
	}
	listed = listed || isBundle(mf.ArtifactType) == 1
	if !listed && (len(mf.Layers) != 1 || isBundle(mf.Layers[0].MediaType) == 0) {
		return nil
	}
	if len(mf.Layers) != 1 || isBundle(mf.Layers[0].MediaType) == 0 {
		return problem(keys.StatusMalformed, "the manifest of the signature does not hold exactly one bundle")
	}
	listed = true
	raw, err := repo.Blob(ctx, mf.Layers[0].Digest)
	if err != nil {
		return problem(keys.StatusNotChecked, unreadable(err))
	}
	f, err := parseBundle(raw, digest)
	var not notSignature
	if errors.As(err, &not) {
		f.states = cmp.Or(not.predicate, "(none)")
	}
	f.manifest = d.Digest
	if t, err := time.Parse(time.RFC3339, mf.Annotations[createdAnnotation]); err == nil {
		f.claim.SignedAt = t.UTC()
	}
	return &f
}

// collectLegacy reads what lies under the .sig tag.
func collectLegacy(ctx context.Context, repo *docker.Repo, digest string) ([]found, error) {
	m, err := repo.Manifest(ctx, docker.FallbackTag(digest)+legacyTagSuffix)
	switch {
	case docker.IsNotFound(err):
		return nil, nil
	case err != nil && isAnswer(err):
		return []found{legacy(keys.StatusNotChecked, unreadable(err))}, nil
	case err != nil:
		return nil, err
	}
	var mf manifest
	if json.Unmarshal(m.Raw, &mf) != nil {
		return []found{legacy(keys.StatusMalformed, "what the .sig tag holds is not readable")}, nil
	}
	layers := slices.DeleteFunc(mf.Layers, func(d docker.Descriptor) bool { return d.MediaType != simpleSigningType })
	truncated := len(layers) > maxJudged
	layers = layers[:min(len(layers), maxJudged)]
	out := make([]found, len(layers))
	forEach(len(layers), func(i int) {
		payload, err := repo.Blob(ctx, layers[i].Digest)
		if err != nil {
			out[i] = unjudged(keys.StatusNotChecked, unreadable(err))
		} else {
			out[i] = parseLegacy(payload, layers[i].Annotations, digest)
		}
		out[i].manifest, out[i].form = m.Digest, FormLegacy
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if truncated {
		out = append(out, legacy(keys.StatusNotChecked, fmt.Sprintf("the .sig tag holds more than %d signatures; the rest was not read", maxJudged)))
	}
	return out, nil
}

// legacy is unjudged for the .sig tag.
func legacy(status keys.Status, reason string) found {
	f := unjudged(status, reason)
	f.form = FormLegacy
	return f
}

// isAnswer reports whether the registry did answer, with something that cannot be used.
func isAnswer(err error) bool {
	var e *docker.RegistryError
	return errors.As(err, &e) && (e.Kind == docker.KindContent || e.Kind == docker.KindTooLarge)
}

// unreadable says why an attachment could not be read, without quoting the registry.
func unreadable(err error) string {
	var e *docker.RegistryError
	if errors.As(err, &e) {
		switch e.Kind {
		case docker.KindNotFound:
			return "the registry lists a signature and does not have it"
		case docker.KindTooLarge:
			return "what is listed as a signature is far longer than any signature"
		case docker.KindContent:
			return "the registry gave other content than the digest of the signature names"
		}
		return "the registry did not give the signature (" + string(e.Kind) + ")"
	}
	return "the signature could not be read from the registry"
}
