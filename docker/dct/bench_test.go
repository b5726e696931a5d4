package dct

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulla/docker"
	"bulla/docker/dct/trusttest"
	"bulla/keys"
)

// The benchmarks run docker trust and the notary command on the same server in the same loop, and
// report the ratios of the times. Ours is warm, as within a release: the key is open and the
// connection stands; it resolves the tag, as docker trust does. The others are a process each
// time, with a warm cache of their own; the notary command is handed the digest.

// BenchmarkVerify checks one signed tag.
func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	r, trust := w.initialized("bench/app")
	img := w.push("bench/app:1")
	mustSign(b, r, img, trust)
	d := trusttest.Docker(b, w.server, trusttest.DockerDir(b, w.server.CA, "{}", w.server.Host))
	n := trusttest.Notary(b, w.server, trusttest.DockerDir(b, w.server.CA, "{}", w.server.Host))
	var t times
	for b.Loop() {
		t.ours(func() {
			vs, _, err := r.Verify(b.Context(), w.resolve("bench/app:1"), trust)
			if err != nil || vs[0].Status != keys.StatusGood {
				b.Fatal(vs, err)
			}
		})
		t.docker(func() { d.Must("trust", "inspect", img.Reference.String()) })
		t.notary(func() { n.Must("lookup", r.GUN().String(), "1") })
	}
	t.report(b)
}

// BenchmarkSign signs a tag for a new digest: a co-signature for docker trust, which without a
// running engine signs only what is released already.
func BenchmarkSign(b *testing.B) {
	w := newWorld(b)
	d := trusttest.Docker(b, w.server, w.dockerDir)
	n := trusttest.Notary(b, w.server, w.dockerDir)
	r, trust := w.initialized("bench/app")
	notaryRepo, notaryTrust := w.initialized("bench/notary")
	mustSign(b, notaryRepo, w.push("bench/notary:0"), notaryTrust)
	_, pub, err := w.client.Keys().Generate(b.Context(), "alice", answer)
	if err != nil {
		b.Fatal(err)
	}
	mustSign(b, r, w.push("bench/app:0"), trust)
	if _, _, err := r.AddSigner(b.Context(), "alice", []PublicKey{pub}, trust, answer); err != nil {
		b.Fatal(err)
	}
	mustSign(b, r, w.push("bench/app:1"), trust)
	d.Must("trust", "sign", r.GUN().String()+":1") // warms its cache
	n.Must("list", notaryRepo.GUN().String())
	var t times
	i := 0
	for b.Loop() {
		i++
		tag := strconv.Itoa(i)
		img := w.push("bench/app:1")
		t.ours(func() {
			if got, err := r.Sign(b.Context(), w.resolve("bench/app:1"), trust, answer); err != nil || got.Existing || !got.Released {
				b.Fatal(got, err)
			}
		})
		t.docker(func() { d.Must("trust", "sign", r.GUN().String()+":1") })
		t.notary(func() {
			n.Must("addhash", notaryRepo.GUN().String(), tag, fmt.Sprint(img.Size), "--sha256", hexOf(img), "-p")
		})
	}
	t.report(b)
}

func hexOf(img docker.Image) string { return strings.TrimPrefix(img.Digest, "sha256:") }

// times adds up what each took.
type times struct{ us, dockers, notarys time.Duration }

func took(sum *time.Duration, f func()) {
	start := time.Now()
	f()
	*sum += time.Since(start)
}

func (t *times) ours(f func())   { took(&t.us, f) }
func (t *times) docker(f func()) { took(&t.dockers, f) }
func (t *times) notary(f func()) { took(&t.notarys, f) }

func (t *times) report(b *testing.B) {
	n := float64(b.N)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / n }
	b.ReportMetric(ms(t.us), "ours-ms/op")
	b.ReportMetric(ms(t.dockers), "docker-ms/op")
	b.ReportMetric(ms(t.notarys), "notary-ms/op")
	b.ReportMetric(float64(t.us)/float64(t.dockers), "ours/docker")
	b.ReportMetric(float64(t.us)/float64(t.notarys), "ours/notary")
}
