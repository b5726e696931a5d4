package loopback

import (
	"context"
	"net/http"
	"testing"
	"time"

	"bulla/docker"
)

func TestSample(t *testing.T) {
	r, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	digest, err := r.PushSample(t.Context(), "demo/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.PushSample(t.Context(), "demo/app", "v1")
	if err != nil || again != digest {
		t.Errorf("the sample is not the same twice: %s, %s, %v", digest, again, err)
	}
	other, err := r.PushSample(t.Context(), "demo/app", "v2")
	if err != nil || other == digest {
		t.Errorf("two tags have one sample: %s, %v", other, err)
	}
	c := docker.NewClient(docker.Options{})
	ref, err := docker.ParseReference(r.Host() + "/demo/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	img, err := c.Resolve(t.Context(), ref)
	if err != nil || img.Digest != digest || !img.Index || len(img.Platforms) != 2 {
		t.Errorf("got %+v, %v", img, err)
	}
	if err := c.CanPush(t.Context(), ref); err != nil {
		t.Error(err)
	}
	for _, multiArch := range []bool{true, false} {
		d, err := r.PushRandom(t.Context(), "demo/app", "random", 1000, multiArch)
		if err != nil {
			t.Fatal(err)
		}
		ref, _ := docker.ParseReference(r.Host() + "/demo/app:random")
		if img, err := c.Resolve(t.Context(), ref); err != nil || img.Digest != d || img.Index != multiArch {
			t.Errorf("got %+v, %v", img, err)
		}
	}
}

func TestListsReferrers(t *testing.T) {
	for want, start := range map[bool]func(context.Context) (*Registry, error){true: Start, false: StartWithoutReferrers} {
		r, err := start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		digest, err := r.PushSample(t.Context(), "demo/app", "v1")
		if err != nil {
			t.Fatal(err)
		}
		repo, err := docker.ParseRepository(r.Host() + "/demo/app")
		if err != nil {
			t.Fatal(err)
		}
		refs, err := docker.NewClient(docker.Options{}).In(repo).Referrers(t.Context(), digest)
		if err != nil || refs.API != want {
			t.Errorf("lists them: %v, want %v, %v", refs.API, want, err)
		}
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := StartWithoutReferrers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.Get("http://" + r.Host() + "/v2/"); err != nil {
		t.Fatal(err)
	} else {
		_ = resp.Body.Close()
	}
	cancel()
	select {
	case <-r.done:
	case <-time.After(10 * time.Second):
		t.Fatal("still serving after its context ended")
	}
	r.Close() // a second end is none
}
