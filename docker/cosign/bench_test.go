package cosign

import (
	"context"
	"strings"
	"testing"
	"time"

	"bulla/docker"
	"bulla/docker/internal/registrytest"
	"bulla/keys"
)

// The benchmarks run cosign on the same image in the same loop and report the ratio of the two
// times as ours/cosign. Ours is warm, as within a release: the key is unlocked and the
// connection stands. cosign is a process each time, which opens the key anew.

func BenchmarkSign(b *testing.B) { benchmarkSign(b, Sign, false) }

func BenchmarkSignLegacy(b *testing.B) { benchmarkSign(b, SignLegacy, true) }

func benchmarkSign(b *testing.B, sign func(context.Context, *docker.Client, docker.Image, *Signer, time.Time) (Signature, error), legacy bool) {
	p := newPeer(b)
	host := registrytest.Distribution(b)
	path, _ := newKey(b, canary)
	s := unlockedSigner(b, path, canary)
	c := testClient()
	var ours, theirs time.Duration
	for b.Loop() {
		img := pushed(b, c, host+"/bench/sign:ours")
		start := time.Now()
		if _, err := sign(b.Context(), c, img, s, someTime); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		img = pushed(b, c, host+"/bench/sign:theirs")
		start = time.Now()
		p.sign(path, digestRef(img), legacy)
		theirs += time.Since(start)
	}
	report(b, ours, theirs)
}

func BenchmarkVerify(b *testing.B) {
	p := newPeer(b)
	host := registrytest.Distribution(b)
	path, pub := newKey(b, canary)
	c := testClient()
	img := pushed(b, c, host+"/bench/verify:1")
	if _, err := Sign(b.Context(), c, img, unlockedSigner(b, path, canary), someTime); err != nil {
		b.Fatal(err)
	}
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		verifyOnce(b, c, img, pub)
		ours += time.Since(start)
		start = time.Now()
		if err := p.verify(strings.TrimSuffix(path, ".key")+".pub", digestRef(img)); err != nil {
			b.Fatal(err)
		}
		theirs += time.Since(start)
	}
	report(b, ours, theirs)
}

func verifyOnce(b *testing.B, c *docker.Client, img docker.Image, pub PublicKey) {
	vs, err := Verify(b.Context(), c, img, []PublicKey{pub})
	if err != nil || vs[0].Status != keys.StatusGood {
		b.Fatal(vs, err)
	}
}

func report(b *testing.B, ours, theirs time.Duration) {
	n := float64(b.N)
	b.ReportMetric(float64(ours.Microseconds())/1000/n, "ours-ms/op")
	b.ReportMetric(float64(theirs.Microseconds())/1000/n, "cosign-ms/op")
	b.ReportMetric(float64(ours)/float64(theirs), "ours/cosign")
}
