package images

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bulla/docker"
	"bulla/docker/cosign"
)

// counted makes requests and counts them.
type counted struct {
	atomic.Int64
	inner http.Transport
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.Add(1)
	return c.inner.RoundTrip(r)
}

// BenchmarkMigrateFifty carries the signatures of fifty tags over from Content Trust (a real
// notary-server, signed by the notary command) to cosign, then looks at all of it again, as a migration
// that is begun anew does. It reports the time and the requests to the registry of each.
func BenchmarkMigrateFifty(b *testing.B) {
	p := newTrustPlace(b)
	names := p.many(50)
	for _, n := range names {
		img := p.image(p.host + "/demo/app:" + n)
		p.notary.Must("addhash", p.gun(), n, strconv.FormatInt(img.Size, 10), "--sha256", strings.TrimPrefix(img.Digest, "sha256:"))
	}
	p.notary.Must("publish", p.gun())
	var requests counted
	client := docker.NewClient(docker.Options{Transport: &requests})
	data, err := p.dct().Read(b.Context(), p.repository(), []string{p.root}, p.server.URL, false)
	if err != nil || len(data.Tags()) != len(names) {
		b.Fatal(data, err)
	}
	run := func(want Carry, by *cosign.Signer) (took time.Duration, asked int64) {
		requests.Store(0)
		begun := time.Now()
		n := 0
		err := Migrate(b.Context(), client, p.repository(), data, by, p.world.Now, false, func(c Carriage) {
			if c.Result != want {
				b.Errorf("%s: %s, %s", c.Tag, c.Result, c.Reason)
			}
			n++
		})
		if err != nil || n != len(names) {
			b.Fatal(n, err)
		}
		return time.Since(begun), requests.Load()
	}
	var first, again time.Duration
	var asked [2]int64 // by the first run: later ones find the signatures of those before
	for b.Loop() {
		s := p.signer()
		took, n := run(Carried, s)
		tookAgain, nAgain := run(CarriedPast, s)
		if first, again = first+took, again+tookAgain; asked[0] == 0 {
			asked = [2]int64{n, nAgain}
		}
	}
	b.ReportMetric(float64(asked[0]), "requests")
	b.ReportMetric(float64(asked[1]), "requests-again")
	b.ReportMetric(float64(first.Milliseconds())/float64(b.N), "carry-ms")
	b.ReportMetric(float64(again.Milliseconds())/float64(b.N), "again-ms")
}
