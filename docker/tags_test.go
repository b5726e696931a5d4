package docker

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"bulla/docker/internal/registrytest"
)

func TestParseRepository(t *testing.T) {
	for in, want := range map[string]string{
		"alpine":                      "docker.io/library/alpine",
		"acme/app":                    "docker.io/acme/app",
		"registry.example.org/a/b":    "registry.example.org/a/b",
		"localhost:5000/app":          "localhost:5000/app",
		"registry.example.org:443/ap": "registry.example.org:443/ap",
	} {
		r, err := ParseRepository(in)
		if err != nil || r.String() != want {
			t.Errorf("%s: %s, %v", in, r, err)
		}
	}
	var refErr *ReferenceError
	for _, in := range []string{"", "a:v1", "a@sha256:" + strings.Repeat("0", 64), "A/B", "https://a/b", "a b", strings.Repeat("a", 2000), "a/b:"} {
		if r, err := ParseRepository(in); !errors.As(err, &refErr) {
			t.Errorf("%q: %v, %v", in, r, err)
		}
	}
}

func TestRepositoryMatches(t *testing.T) {
	for _, c := range []struct {
		repo, pattern string
		want          bool
	}{
		{"registry.example.org/team/app", "registry.example.org/team/app", true},
		{"registry.example.org/team/app", "registry.example.org/team/*", true},
		{"registry.example.org/team/app", "registry.example.org/*", true},
		{"registry.example.org/team/app", "registry.example.org/te*", false},
		{"registry.example.org/team/app", "registry.example.org/tea/*", false},
		{"registry.example.org/team", "registry.example.org/team/*", false},
		{"alpine", "docker.io/library/*", true},
		{"alpine", "docker.io/*", true},
		{"alpine", "alpine", true},
		{"alpine", "registry.example.org/*", false},
		{"evil.example.org/registry.example.org/app", "registry.example.org/*", false},
	} {
		r, err := ParseRepository(c.repo)
		if err != nil {
			t.Fatal(err)
		}
		if r.Matches(c.pattern) != c.want {
			t.Errorf("%s, %s: %v", c.repo, c.pattern, !c.want)
		}
	}
}

// pages makes the registry give its tags in pages of n.
func pages(all []string, n int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/tags/list") {
			return false
		}
		from := 0
		for from < len(all) && all[from] <= r.URL.Query().Get("last") {
			from++
		}
		page := all[from:min(len(all), from+n)]
		if from+n < len(all) {
			w.Header().Set("Link", fmt.Sprintf(`<%s?last=%s>; rel="next"`, r.URL.Path, page[len(page)-1]))
		}
		fmt.Fprintf(w, `{"name":"demo/app","tags":["%s"]}`, strings.Join(page, `","`))
		return true
	}
}

func TestTags(t *testing.T) {
	reg := registrytest.Faults(t, false)
	ref := mustParse(t, reg.Host+"/demo/app:1")
	pushImage(t, ref.String(), false)
	repo := testClient(Options{}).Repo(ref)
	digest := "sha256:" + strings.Repeat("ab", 32)
	all := []string{"a", "b", "c", FallbackTag(digest), FallbackTag(digest) + ".att", FallbackTag(digest) + ".sig", "sha256-short", "v1"}
	reg.Set(pages(all, 2))
	got, err := repo.Tags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.Images) != "[a b c sha256-short v1]" || fmt.Sprint(got.Signed) != "["+digest+"]" || got.Truncated {
		t.Errorf("got %+v", got)
	}
	if !got.Has("v1") || !got.Has(FallbackTag(digest)+".sig") || got.Has("v2") {
		t.Error("the list does not know its tags")
	}

	// With the list at hand, what is not in it is not asked for.
	reg.Set(nil)
	tags, err := repo.Tags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	known := repo.Knowing(tags)
	reg.Requests()
	if _, err := known.Manifest(t.Context(), "nowhere"); !IsNotFound(err) {
		t.Errorf("got %v", err)
	}
	if r := reg.Requests(); len(r) > 0 {
		t.Errorf("asked for what is known to be missing: %v", r)
	}
	for range 3 {
		if refs, err := known.Referrers(t.Context(), digest); err != nil || refs.API || len(refs.List) > 0 {
			t.Errorf("got %+v, %v", refs, err)
		}
	}
	if r := reg.Requests(); len(r) > 1 {
		t.Errorf("a registry without a list of referrers was asked for it again: %v", r)
	}
}

// A registry that never comes to an end, and one that gives nonsense.
func TestTagsOfABadRegistry(t *testing.T) {
	reg := registrytest.Faults(t, false)
	repo := testClient(Options{}).Repo(mustParse(t, reg.Host+"/demo/app:1"))
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"in a circle": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+r.URL.String()+`>; rel="next"`)
			fmt.Fprint(w, `{"tags":["a"]}`)
		},
		"elsewhere": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `<http://127.0.0.1:1/v2/demo/app/tags/list>; rel="next"`)
			fmt.Fprint(w, `{"tags":["a"]}`)
		},
		"a web page": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
	} {
		reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/tags/list") {
				return false
			}
			answer(w, r)
			return true
		})
		if _, err := repo.Tags(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			wantKind(t, err, KindContent)
		}
	}
	n := 0
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/tags/list") {
			return false
		}
		n++
		w.Header().Set("Link", fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, n))
		fmt.Fprint(w, `{"tags":["a","b/../../c","\u001b[2J"]}`)
		return true
	})
	tags, err := repo.Tags(t.Context())
	if err != nil || !tags.Truncated || fmt.Sprint(tags.Images) != "[a]" {
		t.Errorf("got %+v, %v", tags, err)
	}
	// Long pages that tell nothing new end the list far sooner: nobody reads gigabytes for one tag.
	page := `{"tags":["a"` + strings.Repeat(`,"a"`, 2<<20) + `]}`
	n = 0
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		n++
		w.Header().Set("Link", fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, n))
		fmt.Fprint(w, page)
		return true
	})
	tags, err = repo.Tags(t.Context())
	if err != nil || !tags.Truncated || fmt.Sprint(tags.Images) != "[a]" || n > maxListBytes/len(page)+2 {
		t.Errorf("%d pages; got %v, %v", n, tags.Images, err)
	}
}
