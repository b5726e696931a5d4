package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ulikunitz/xz"

	"bulla/keys/keystest"
)

// compress runs xz itself.
func compress(t *testing.T, data []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(keystest.Peer(t, "xz"), append([]string{"-c"}, args...)...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("xz %v: %v", args, err)
	}
	return out
}

func unxz(t *testing.T, data []byte) ([]byte, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.xz")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := xzReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// What xz writes in any of its ways is read.
func TestXZ(t *testing.T) {
	text := bytes.Repeat([]byte("The quick brown fox. "), 50_000)
	noise := make([]byte, 300_000) // not compressed: chunks of another kind
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	data := slices.Concat(text, noise, text)
	for name, packed := range map[string][]byte{
		"plain":          compress(t, data),
		"smallest":       compress(t, data, "-0"),
		"largest window": compress(t, data, "-9"),
		"many blocks":    compress(t, data, "-T2", "--block-size=100000"),
		"sizes in heads": compress(t, data, "-T1", "--block-list=100000,70001,0"),
		"sha256":         compress(t, data, "--check=sha256"),
		"crc32":          compress(t, data, "--check=crc32"),
		"no check":       compress(t, data, "--check=none"),
		"two streams":    slices.Concat(compress(t, data[:len(text)]), make([]byte, 8), compress(t, data[len(text):])),
	} {
		if got, err := unxz(t, packed); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d octets of %d, %v", name, len(got), len(data), err)
		}
	}
	packed := compress(t, data)
	for name, bad := range map[string][]byte{
		"cut": packed[:len(packed)-20], "cut short": packed[:40], "more behind": append(slices.Clone(packed), "more"...),
		"changed": flipped(packed, len(packed)/2), "nothing": packed[:6],
	} {
		if _, err := unxz(t, bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func flipped(data []byte, at int) []byte {
	out := slices.Clone(data)
	out[at] ^= 0x55
	return out
}

// TestXZWindow: a file of a few octets must not make us take gigabytes, in whichever block it asks.
func TestXZWindow(t *testing.T) {
	greedy := func(packed []byte, from int) []byte {
		out := slices.Clone(packed)
		head := out[from : from+(int(out[from])+1)*4]
		i := bytes.Index(head, []byte{0x21, 0x01})
		head[i+2] = 40 // 4 GiB
		binary.LittleEndian.PutUint32(head[len(head)-4:], crc32.ChecksumIEEE(head[:len(head)-4]))
		return out
	}
	packed := compress(t, []byte("a few octets"))
	if _, err := unxz(t, greedy(packed, 12)); !errors.Is(err, errTooMuch) {
		t.Errorf("the first block: %v", err)
	}
	if _, err := unxz(t, slices.Concat(packed, greedy(packed, 12))); !errors.Is(err, errTooMuch) {
		t.Errorf("a later stream: %v", err)
	}
	b := newBed(t)
	path := filepath.Join(b.dir, "a.tar.xz")
	if err := os.WriteFile(path, greedy(packed, 12), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := b.compare(path, Options{}); r.OK() || !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Kind == OverLimit }) {
		t.Errorf("%+v", r)
	}
}

// FuzzXZ: neither the check nor the library behind it fails otherwise than by an error.
func FuzzXZ(f *testing.F) {
	var b bytes.Buffer
	w, err := xz.WriterConfig{DictCap: 1 << 16, BlockSize: 8}.NewWriter(&b)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := io.WriteString(w, "twenty octets in all"); err != nil || w.Close() != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(append(slices.Clone(b.Bytes()), 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.xz")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if r, err := xzReader(file); err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(r, 1<<20))
		}
	})
}
