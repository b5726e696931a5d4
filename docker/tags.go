package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sync/atomic"
)

// MaxTags is how many tags of a repository are listed; Tags.Truncated says that there are more.
const MaxTags = 100_000

const (
	maxTagPages = 2000
	maxTagBytes = 16 << 20 // of one page: some registries give all tags at once
	// maxListBytes bounds all pages together: MaxTags of the longest names, twice.
	maxListBytes = 32 << 20
)

// Tags are the tags of a repository, in the registry's order.
type Tags struct {
	// Images are the tags that people made.
	Images []string
	// Signed are the digests that have a list of referrers or a signature under a tag of their
	// own, each once. Such tags are no images and are not among Images.
	Signed []string
	// Truncated says that there are more than MaxTags.
	Truncated bool

	all, signed map[string]bool
}

// Has reports whether the list holds a tag, signatures' own included. A truncated list does not
// know.
func (t Tags) Has(tag string) bool { return t.Truncated || t.all[tag] }

// signatureTag is how clients name what lies beside an image: the list of referrers, and
// cosign's signatures, attestations and bills of materials of before OCI 1.1.
var signatureTag = regexp.MustCompile(`^sha256-([0-9a-f]{64})(\.sig|\.att|\.sbom)?$`)

// SignatureTag reports whether a tag is one that clients keep signatures under, and of which
// digest.
func SignatureTag(tag string) (digest string, ok bool) {
	m := signatureTag.FindStringSubmatch(tag)
	if m == nil {
		return "", false
	}
	return "sha256:" + m[1], true
}

// Tags lists the tags of the repository, page by page (distribution specification 1.1, "Listing
// Tags"). Names that cannot be tags are dropped.
func (r *Repo) Tags(ctx context.Context) (Tags, error) {
	const op = "list the tags"
	out := Tags{all: map[string]bool{}, signed: map[string]bool{}}
	// No page size is asked for: registries exist that then cut the list without saying so.
	next, read := r.url("tags/list"), 0
	for page := 0; next != nil; page++ {
		if page == maxTagPages || read > maxListBytes {
			out.Truncated = true
			return out, nil
		}
		resp, body, err := r.do(ctx, request{method: http.MethodGet, url: next, limit: maxTagBytes})
		if err != nil {
			return Tags{}, r.explain(op, err)
		}
		read += len(body)
		var list struct{ Tags []string }
		if json.Unmarshal(body, &list) != nil {
			return Tags{}, r.explain(op, fmt.Errorf("%w: the list of tags is not JSON", errContent))
		}
		if !out.take(list.Tags) {
			return out, nil
		}
		after := nextPage(resp)
		if after != nil && (after.Host != resp.Request.URL.Host || same(after, next)) {
			return Tags{}, r.explain(op, fmt.Errorf("%w: the list of tags does not go on where it says", errContent))
		}
		next = after
	}
	return out, nil
}

func same(a, b *url.URL) bool { return a.String() == b.String() }

// take adds a page; false says that the list is full.
func (t *Tags) take(page []string) bool {
	for _, tag := range page {
		if !tagGrammar.MatchString(tag) || t.all[tag] {
			continue
		}
		if len(t.all) == MaxTags {
			t.Truncated = true
			return false
		}
		t.all[tag] = true
		if digest, ok := SignatureTag(tag); !ok {
			t.Images = append(t.Images, tag)
		} else if !t.signed[digest] {
			t.signed[digest] = true
			t.Signed = append(t.Signed, digest)
		}
	}
	return true
}

// knowledge spares requests whose answer is known.
type knowledge struct {
	tags Tags
	// noAPI says that the registry was asked for referrers once and does not list them.
	noAPI atomic.Bool
}

// Knowing is the same repository, with a list of its tags that was read just now: what is under
// no tag of the list is not asked for, nor is a registry that lists no referrers asked for them
// again. A thousand unsigned tags then take a thousand requests instead of four thousand. It is
// for looking at a repository as it is at one time; the next look needs a new list.
func (r *Repo) Knowing(t Tags) *Repo {
	return &Repo{client: r.client, name: r.name, known: &knowledge{tags: t}}
}
