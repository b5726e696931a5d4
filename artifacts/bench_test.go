//go:build !windows

package artifacts

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/keystest"
)

// The benchmarks compare processor time, user and system together, with that of the tools
// people would use instead, measured in the same run: on a busy machine wall time says little.
// The metrics whose names begin with "x" are ratios: how many times the tool's cost is ours.
//
//	BULLA_BENCH_BYTES  size of the one large file (default 256 MiB)
//	BULLA_BENCH_FILES  number of small files (default 200)

// cpu is the processor time that a process, this one or its children, has used.
func cpu(b *testing.B, who int) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(who, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// cost is the processor time that f takes, in this process and the children it waits for.
func cost(b *testing.B, f func()) time.Duration {
	b.Helper()
	before := cpu(b, syscall.RUSAGE_SELF) + cpu(b, syscall.RUSAGE_CHILDREN)
	f()
	return cpu(b, syscall.RUSAGE_SELF) + cpu(b, syscall.RUSAGE_CHILDREN) - before
}

func fromEnv(b *testing.B, name string, fallback int64) int64 {
	b.Helper()
	s := os.Getenv(name)
	if s == "" {
		return fallback
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return n
}

// benchDir is a folder in memory where there is one, so that no disk is measured.
func benchDir(b *testing.B) string {
	b.Helper()
	base := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		base = "/dev/shm"
	}
	dir, err := os.MkdirTemp(base, "bulla-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// fill writes n bytes that differ from page to page.
func fill(b *testing.B, path string, n int64) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	page := make([]byte, min(n, 1<<20))
	for i := range page {
		page[i] = byte(i * 2654435761 >> 13)
	}
	for done := int64(0); done < n; done += int64(len(page)) {
		page[0]++
		if _, err := f.Write(page[:min(int64(len(page)), n-done)]); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// withAgent is the cost of f and what home's gpg-agent spends meanwhile. The agent is a daemon,
// so it is no child whose time the kernel would add up; where there is no /proc it is left out,
// which flatters gpg.
func withAgent(b *testing.B, home string, f func()) time.Duration {
	b.Helper()
	before := agentCPU(home)
	spent := cost(b, f)
	return spent + agentCPU(home) - before
}

// agentCPU is the processor time of home's running gpg-agent, from /proc in ticks of 10 ms.
func agentCPU(home string) time.Duration {
	const tick = 10 * time.Millisecond
	out, err := exec.Command("gpg-connect-agent", "--homedir", home, "GETINFO pid", "/bye").Output()
	if err != nil {
		return 0
	}
	pid, _, _ := strings.Cut(strings.TrimPrefix(string(out), "D "), "\n")
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // the third on
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick
}

func run(b *testing.B, name string, args ...string) {
	b.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// BenchmarkLargeFile: one file, its line in SHA256SUMS and its signature, against sha256sum
// followed by gpg, and against hashing alone.
func BenchmarkLargeFile(b *testing.B) {
	sha256sum, gpg := keystest.Peer(b, "sha256sum"), keystest.Peer(b, "gpg")
	s, home := gpgSigner(b, "ed25519")
	dir := benchDir(b)
	path := filepath.Join(dir, "large.bin")
	size := fromEnv(b, "BULLA_BENCH_BYTES", 256<<20)
	fill(b, path, size)
	files := find(b, dir, "large.bin")
	o := s.options()
	o.Now = time.Now
	b.SetBytes(size)

	var ours, hashing, theirs time.Duration
	for b.Loop() {
		ours += cost(b, func() {
			if _, err := WriteChecksums(b.Context(), dir, mustSign(b, files, o), o); err != nil {
				b.Fatal(err)
			}
		})
		b.StopTimer()
		remove(b, path+".asc", filepath.Join(dir, SHA256Name), filepath.Join(dir, SHA256Name+".asc"))
		hashing += cost(b, func() { hashAlone(b, path) })
		theirs += withAgent(b, home, func() {
			run(b, sha256sum, path)
			run(b, gpg, "--batch", "--homedir", home, "--armor", "--detach-sign", path)
		})
		remove(b, path+".asc")
		b.StartTimer()
	}
	b.ReportMetric(ours.Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(hashing.Seconds()/float64(b.N), "hash-alone-cpu-s/op")
	b.ReportMetric(theirs.Seconds()/float64(b.N), "sha256sum+gpg-cpu-s/op")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "x-sha256sum+gpg")
	b.ReportMetric(100*(ours.Seconds()/hashing.Seconds()-1), "%-over-hash-alone")
}

// hashAlone is the least that can be done with a file: read it in large pieces and hash it.
func hashAlone(b *testing.B, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	h := crypto.SHA256.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{f}, make([]byte, bufferSize)); err != nil {
		b.Fatal(err)
	}
	h.Sum(nil)
}

func remove(b *testing.B, paths ...string) {
	b.Helper()
	for _, p := range paths {
		if err := os.Remove(p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSmallFiles: many files of 64 KiB against a loop of the shell that calls gpg for each, with a key
// without a passphrase, and with one that is protected by a passphrase in a file, as scripts hand it
// over: gpg-agent derives a key from it for every signature, even where it remembers it; we do once
// for all of them.
func BenchmarkSmallFiles(b *testing.B) {
	for _, algorithm := range []string{"ed25519", "rsa4096"} {
		b.Run(algorithm, func(b *testing.B) { smallFiles(b, algorithm, "") })
		b.Run(algorithm+"-protected", func(b *testing.B) { smallFiles(b, algorithm, "a passphrase for a benchmark") })
	}
}

// batch is how many files are signed before it is the other's turn: a machine that is shared with
// others is slower one minute than the next, and the ratio should not tell of that.
const batch = 100

func smallFiles(b *testing.B, algorithm, passphrase string) {
	keystest.Peer(b, "gpg")
	shell := keystest.Peer(b, "bash")
	secret, home := gpgKey(b, algorithm, passphrase)
	loop := gpgLoop(b, home, passphrase)
	n := int(fromEnv(b, "BULLA_BENCH_FILES", 200))
	batches := batchesOfFiles(b, n)
	var ours, theirs, alone time.Duration
	for b.Loop() {
		var signer *testSigner
		ours += cost(b, func() { signer = unlocked(b, secret, passphrase) })
		o := signer.options()
		o.Now = time.Now
		for _, files := range batches {
			ours += cost(b, func() { mustSign(b, files, o) })
			b.StopTimer()
			removeSignatures(b, files)
			alone += cost(b, func() { signAlone(b, signer, len(files)) })
			theirs += withAgent(b, home, func() { run(b, shell, "-c", "cd '"+filepath.Dir(files[0].Path)+"' && "+loop) })
			removeSignatures(b, files)
			b.StartTimer()
		}
	}
	each := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(b.N*n) }
	b.ReportMetric(each(ours), "cpu-ms/file")
	b.ReportMetric(each(alone), "signature-alone-cpu-ms/file")
	b.ReportMetric(each(theirs), "gpg-cpu-ms/file")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "x-gpg")
}

// gpgLoop is the loop that people write; a passphrase is read from a file.
func gpgLoop(b *testing.B, home, passphrase string) string {
	options := []string{"--batch", "--homedir", home}
	if passphrase != "" {
		file := filepath.Join(b.TempDir(), "passphrase")
		if err := os.WriteFile(file, []byte(passphrase), 0o600); err != nil {
			b.Fatal(err)
		}
		options = append(options, "--pinentry-mode", "loopback", "--passphrase-file", file)
	}
	return `for f in ./*.bin; do gpg ` + strings.Join(options, " ") + ` --armor --detach-sign "$f" || exit; done`
}

// batchesOfFiles makes n files of 64 KiB, each batch in a folder of its own.
func batchesOfFiles(b *testing.B, n int) [][]File {
	base := benchDir(b)
	var batches [][]File
	for start := 0; start < n; start += batch {
		dir := filepath.Join(base, fmt.Sprintf("batch-%05d", start))
		if err := os.Mkdir(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for i := start; i < min(start+batch, n); i++ {
			fill(b, filepath.Join(dir, fmt.Sprintf("file-%05d.bin", i)), 64<<10)
		}
		batches = append(batches, find(b, dir, "*.bin"))
	}
	return batches
}

// signAlone makes n signatures over nothing: what the arithmetic of the key costs, to which
// everything else is added.
func signAlone(b *testing.B, s *testSigner, n int) {
	key := s.entity.PrivateKey
	for range n {
		sig := &packet.Signature{
			Version: 4, SigType: packet.SigTypeBinary, PubKeyAlgo: key.PubKeyAlgo,
			Hash: s.key.Hash, CreationTime: now, IssuerKeyId: &key.KeyId,
		}
		if err := sig.Sign(s.key.Hash.New(), key, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func removeSignatures(b *testing.B, files []File) {
	for _, f := range files {
		remove(b, f.SignaturePath())
	}
}
