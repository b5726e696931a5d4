package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// MaxReferrers is how many referrers of one image are listed; Referrers.Truncated says that
// there are more.
const MaxReferrers = 1000

// maxReferrerPages bounds how often a registry may say that the list goes on.
const maxReferrerPages = 20

// Descriptor is an entry in the list of referrers. All of it is the registry's word.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// Referrers lists what refers to an image: signatures, attestations, bills of materials.
type Referrers struct {
	// API says that the registry keeps the list itself (distribution specification 1.1,
	// "Listing Referrers"). If not, clients keep it, in an index under the fallback tag.
	API bool
	// List holds each referrer once, those of the API first.
	List []Descriptor
	// Truncated says that there are more than MaxReferrers, or more pages than are read, or that
	// the registry broke its list off: the next page that it named was not one.
	Truncated bool
	// Problem says that the index under the fallback tag is something else or broken, so that
	// entries may be missing. Anyone who may push can bring that about; it hides no other entry.
	Problem error
}

// FallbackTag is the tag under which clients keep the list of referrers where the registry does
// not (distribution specification 1.1, "Referrers Tag Schema").
func FallbackTag(digest string) string { return strings.Replace(digest, ":", "-", 1) }

// Referrers reads both lists: the registry's own and the one under the fallback tag. A
// signature that was made before the registry learned to list referrers is only in the second.
func (r *Repo) Referrers(ctx context.Context, digest string) (Referrers, error) {
	type answer struct {
		list []Descriptor
		err  error
	}
	fallback := make(chan answer, 1)
	go func() {
		idx, err := r.fallbackIndex(ctx, digest)
		fallback <- answer{idx.descriptors(), err}
	}()
	out, err := r.referrersAPI(ctx, digest)
	f := <-fallback
	if err != nil {
		return Referrers{}, err
	}
	var re *RegistryError
	if errors.As(f.err, &re) && (re.Kind == KindContent || re.Kind == KindTooLarge || re.Kind == KindRefused) {
		out.Problem = f.err
	} else if f.err != nil {
		return Referrers{}, f.err
	}
	out.List = append(out.List, f.list...)
	seen := map[string]bool{}
	out.List = slices.DeleteFunc(out.List, func(d Descriptor) bool {
		dup := seen[d.Digest]
		seen[d.Digest] = true
		return dup || !digestGrammar.MatchString(d.Digest)
	})
	if len(out.List) > MaxReferrers {
		out.List, out.Truncated = out.List[:MaxReferrers], true
	}
	return out, nil
}

// referrersAPI reads the registry's own list, page by page. An answer other than 200 with an
// index means that the registry keeps none, unless it is one of access or of trouble; but only
// for the first page: a registry that gave one has a list, and what it said counts.
func (r *Repo) referrersAPI(ctx context.Context, digest string) (out Referrers, err error) {
	const op = "list the signatures"
	if r.known != nil && r.known.noAPI.Load() {
		return Referrers{}, nil
	}
	defer func() {
		if r.known != nil && err == nil && !out.API {
			r.known.noAPI.Store(true)
		}
	}()
	next := r.url("referrers/" + digest)
	for page := range maxReferrerPages {
		resp, body, err := r.do(ctx, request{method: http.MethodGet, url: next, header: http.Header{"Accept": {string(types.OCIImageIndex)}}, limit: MaxManifest})
		var se *statusError
		none := errors.As(err, &se) && noReferrersAPI(se.status)
		if err != nil && !none {
			return Referrers{}, r.explain(op, err)
		}
		if none || !isIndex(resp) {
			if page == 0 {
				return Referrers{}, nil
			}
			break
		}
		var idx referrersIndex
		if err := json.Unmarshal(body, &idx); err != nil {
			return Referrers{}, r.explain(op, fmt.Errorf("%w: the list of referrers is not JSON", errContent))
		}
		out.API = true
		out.List = append(out.List, idx.descriptors()...)
		if next = nextPage(resp); next == nil {
			return out, nil
		}
		if next.Host != resp.Request.URL.Host || len(out.List) > MaxReferrers {
			break
		}
	}
	out.Truncated = true
	return out, nil
}

// isIndex reports whether an answer is an image index: some registries answer every path with 200
// and a web page.
func isIndex(resp *http.Response) bool {
	mt, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return types.MediaType(mt) == types.OCIImageIndex
}

// noReferrersAPI lists the statuses with which registries of before 1.1 answer.
func noReferrersAPI(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented:
		return true
	}
	return false
}

// nextPage reads a header like: Link: </v2/…?last=…>; rel="next" (RFC 8288).
func nextPage(resp *http.Response) *url.URL {
	link := resp.Header.Get("Link")
	target, params, ok := strings.Cut(link, ">")
	if !ok || !strings.HasPrefix(target, "<") || !strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") {
		return nil
	}
	u, err := resp.Request.URL.Parse(target[1:])
	if err != nil {
		return nil
	}
	return u
}

// referrersIndex is an image index whose entries are kept as they came: an index that bulla
// adds to may hold fields that bulla does not know.
type referrersIndex struct {
	SchemaVersion int                        `json:"schemaVersion"`
	MediaType     types.MediaType            `json:"mediaType"`
	Manifests     []json.RawMessage          `json:"manifests"`
	Rest          map[string]json.RawMessage `json:"-"` // every field, of an index that exists
}

func (x referrersIndex) descriptors() []Descriptor {
	var out []Descriptor
	for _, raw := range x.Manifests {
		var d Descriptor
		if json.Unmarshal(raw, &d) == nil { // an entry that can't be read hides no other
			out = append(out, d)
		}
	}
	return out
}

func emptyIndex() referrersIndex {
	return referrersIndex{SchemaVersion: 2, MediaType: types.OCIImageIndex}
}

// fallbackIndex reads the index under the fallback tag; an empty one if there is none.
func (r *Repo) fallbackIndex(ctx context.Context, digest string) (referrersIndex, error) {
	m, err := r.Manifest(ctx, FallbackTag(digest))
	if IsNotFound(err) {
		return emptyIndex(), nil
	}
	if err != nil {
		return referrersIndex{}, err
	}
	return r.readIndex(m)
}

// readIndex reads what the fallback tag holds.
func (r *Repo) readIndex(m Manifest) (x referrersIndex, err error) {
	const op = "list the signatures"
	if json.Unmarshal(m.Raw, &x) != nil || json.Unmarshal(m.Raw, &x.Rest) != nil {
		return referrersIndex{}, r.explain(op, fmt.Errorf("%w: what the fallback tag holds is not JSON", errContent))
	}
	if mt := cmp.Or(x.MediaType, types.MediaType(m.MediaType)); mt != types.OCIImageIndex {
		return referrersIndex{}, r.explain(op, fmt.Errorf("%w: what the fallback tag holds is not an OCI image index", errContent))
	}
	return x, nil
}

// with is the index as JSON with d added, or put right where it is listed already: some clients
// leave the artifact type of their entries empty, and a filter by type then never sees them.
func (x referrersIndex) with(d Descriptor) ([]byte, error) {
	mine, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(slices.Clone(x.Manifests), func(raw json.RawMessage) bool {
		var e Descriptor
		return json.Unmarshal(raw, &e) == nil && e.Digest == d.Digest
	})
	all := map[string]any{}
	for k, v := range x.Rest {
		all[k] = v
	}
	all["schemaVersion"], all["mediaType"] = 2, types.OCIImageIndex
	all["manifests"] = append(list, mine)
	return json.Marshal(all)
}

// NotListedError says that a signature was stored but is not listed as one: verifiers that ask
// for the image's referrers will not see it.
type NotListedError struct {
	Host, Repo string
	Subject    string // the image's digest
	Manifest   string // the signature's manifest digest
	// ArtifactType is what the list says of it, where it is listed with a wrong type.
	ArtifactType string
}

func (e *NotListedError) Error() string {
	if e.ArtifactType != "" {
		return fmt.Sprintf("%s lists the signature of %s with the type %q, so verifiers may overlook it", e.Host, e.Subject, e.ArtifactType)
	}
	return fmt.Sprintf("%s does not list the signature that was stored for %s", e.Host, e.Subject)
}

// Attach makes sure that the stored manifest d is listed as a referrer of subject, with its
// artifact type: by the registry itself, else by an entry in the fallback index. It reads the
// list back before it returns. *NotListedError says that it is not there.
func (r *Repo) Attach(ctx context.Context, subject string, d Descriptor) error {
	lost := &NotListedError{Host: r.name.RegistryStr(), Repo: r.name.RepositoryStr(), Subject: subject, Manifest: d.Digest}
	listed := func(list []Descriptor) bool {
		lost.ArtifactType = ""
		i := slices.IndexFunc(list, func(e Descriptor) bool { return e.Digest == d.Digest })
		if i >= 0 && list[i].ArtifactType != d.ArtifactType {
			lost.ArtifactType = cmp.Or(list[i].ArtifactType, "(none)")
		}
		return i >= 0 && lost.ArtifactType == ""
	}
	api, err := r.referrersAPI(ctx, subject)
	switch {
	case err != nil:
		return err
	case api.API && listed(api.List):
		return nil
	case api.API:
		return lost
	}
	_, err = r.Update(ctx, FallbackTag(subject), string(types.OCIImageIndex), func(m *Manifest) ([]byte, error) {
		idx := emptyIndex()
		if m != nil {
			var err error
			if idx, err = r.readIndex(*m); err != nil {
				return nil, err
			}
		}
		if listed(idx.descriptors()) {
			return nil, nil
		}
		raw, err := idx.with(d)
		if err == nil && len(raw) > MaxManifest {
			err = r.explain("list the signature", fmt.Errorf("%w of %d bytes", errTooLarge, MaxManifest))
		}
		return raw, err
	})
	if errors.Is(err, ErrOverwritten) {
		return lost
	}
	return err
}
