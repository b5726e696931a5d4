package keys

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys/keystest"
)

// BenchmarkVerify judges one signature over a short text, again and again, as a walk through a
// repository's tags does.
func BenchmarkVerify(b *testing.B) {
	for _, name := range []string{"ed25519", "nistp256", "rsa3072"} {
		b.Run(name, func(b *testing.B) {
			e := algorithmKey(b, name)
			sig := buildOver(b, e, testText, testEpoch)
			ring, err := ReadKeyring(publicBytes(b, e), SourceFile)
			if err != nil {
				b.Fatal(err)
			}
			j := &Judge{Keyring: ring, Now: testEpoch.Add(time.Hour)}
			b.ReportAllocs()
			for b.Loop() {
				vs, err := j.Verify(KindTag, "v1", strings.NewReader(testText), sig)
				if err != nil || vs[0].Status != StatusGood {
					b.Fatal(vs, err)
				}
			}
		})
	}
}

// BenchmarkBuildSignature signs a ready hash state, and verifies what it signed.
func BenchmarkBuildSignature(b *testing.B) {
	for _, name := range []string{"ed25519", "rsa3072"} {
		b.Run(name, func(b *testing.B) {
			e := algorithmKey(b, name)
			id := PreferredHash(e.PrimaryKey)
			h := id.New()
			_, _ = io.WriteString(h, testText)
			for b.Loop() {
				if _, err := BuildSignature(h, id, e.PrivateKey, testEpoch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyBytes judges a signature over a large document: the speed of the hash.
func BenchmarkVerifyBytes(b *testing.B) {
	e := algorithmKey(b, "ed25519")
	text := strings.Repeat("0123456789abcde\n", 1<<20)
	sig := buildOver(b, e, text, testEpoch)
	ring, err := ReadKeyring(publicBytes(b, e), SourceFile)
	if err != nil {
		b.Fatal(err)
	}
	j := &Judge{Keyring: ring, Now: testEpoch}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if vs, err := j.Verify(KindArtifact, "x", strings.NewReader(text), sig); err != nil || vs[0].Status != StatusGood {
			b.Fatal(vs, err)
		}
	}
}

// BenchmarkReadKeyring reads the largest keyring of the corpus and describes its keys.
func BenchmarkReadKeyring(b *testing.B) {
	var data []byte
	for _, pattern := range []string{"real/*/keys.asc", "checksums/*"} {
		files, _ := filepath.Glob(filepath.Join(keystest.Corpus(b), pattern))
		for _, name := range files {
			if d, err := os.ReadFile(name); err == nil && len(d) > len(data) && bytes.Contains(d, []byte("PUBLIC KEY")) {
				data = d
			}
		}
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		r, err := ReadKeyring(data, SourceFile)
		if err != nil {
			b.Fatal(err)
		}
		r.Keys()
	}
}
