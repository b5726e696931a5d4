package history

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"bulla/keys/keystest"
)

// BenchmarkTags opens a timeline and judges all its tags: of synthetic repositories, to see that
// growth is linear, and of git's own, whose thousand tags are partly by DSA keys. "remembered" is
// the second opening. heap-MB is what the timeline holds in the end and what it made garbage of
// since the last collection.
func BenchmarkTags(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprintf("synthetic/%d", n), func(b *testing.B) {
			r := newRepo(b)
			s := newSigner(b, "Rhea", epoch.AddDate(0, -1, 0), 0)
			r.build(n, s)
			benchmarkTags(b, r.dir, time.Time{}, n, keyFile(b, s))
		})
	}
	b.Run("git", func(b *testing.B) {
		alone(b)
		dir, at := corpus(b)
		home := filepath.Join(dir, "tags", "git__git")
		benchmarkTags(b, filepath.Join(home, "repo.git"), at, 1008, keyFiles(home)...)
	})
}

func benchmarkTags(b *testing.B, dir string, at time.Time, n int, keys ...string) {
	for _, again := range []bool{false, true} {
		name, cache := "first", ""
		if again {
			name, cache = "remembered", b.TempDir()
		}
		b.Run(name, func(b *testing.B) {
			var peak uint64
			if again {
				if err := open(b, verifier(b, dir, at, keys...), cache).Tags(context.Background(), func(Update) {}); err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
			}
			for b.Loop() {
				tl := open(b, verifier(b, dir, at, keys...), cache)
				count := 0
				if err := tl.Tags(context.Background(), func(Update) { count++ }); err != nil || count != n {
					b.Fatal(count, err)
				}
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
				runtime.KeepAlive(tl)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/tag")
			b.ReportMetric(float64(peak)/1e6, "heap-MB")
		})
	}
}

// BenchmarkFirstRow is how long it takes until the first verdict of git's own repository is there.
func BenchmarkFirstRow(b *testing.B) {
	alone(b)
	dir, at := corpus(b)
	home := filepath.Join(dir, "tags", "git__git")
	for b.Loop() {
		ctx, cancel := context.WithCancel(context.Background())
		tl := open(b, verifier(b, filepath.Join(home, "repo.git"), at, keyFiles(home)...), "")
		_ = tl.Tags(ctx, func(Update) { cancel() })
	}
}

// BenchmarkAgainstGit verifies all signed tags of git's own repository whose key is at hand, by
// `git verify-tag` in one run and by bulla, and reports how many times faster bulla is by the
// clock, and by processor time, where both programs' children count.
func BenchmarkAgainstGit(b *testing.B) {
	alone(b)
	dir, at := corpus(b)
	git := keystest.Peer(b, "git")
	home := filepath.Join(dir, "tags", "git__git")
	gnupg := keystest.GnuPGHome(b)
	if _, errs, err := keystest.GPG(b, gnupg, nil, "--import", filepath.Join(home, "keys.asc")); err != nil {
		b.Fatal(errs)
	}
	repo := filepath.Join(home, "repo.git")
	var names []string
	for _, r := range open(b, verifier(b, repo, at), "").Releases() {
		if r.Signed {
			names = append(names, r.Tag)
		}
	}
	cmd := exec.Command(git, append([]string{"--git-dir", repo, "verify-tag"}, names...)...)
	cmd.Env = append(os.Environ(), "GNUPGHOME="+gnupg)
	began := time.Now()
	out, _ := cmd.CombinedOutput() // it fails for tags whose key is not there or expired
	theirs, theirCPU := time.Since(began), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	if n := strings.Count(string(out), "gpg: Signature made"); n < len(names)*9/10 {
		b.Fatalf("git looked at %d of %d tags", n, len(names))
	}
	cpu := processorTime()
	for b.Loop() {
		tl := open(b, verifier(b, repo, at, keyFiles(home)...), "")
		if err := tl.Tags(context.Background(), func(Update) {}); err != nil {
			b.Fatal(err)
		}
	}
	ours, ourCPU := b.Elapsed()/time.Duration(b.N), (processorTime()-cpu)/time.Duration(b.N)
	b.ReportMetric(theirs.Seconds(), "git-s")
	b.ReportMetric(float64(theirs)/float64(ours), "times-faster")
	if ourCPU > 0 {
		b.ReportMetric(float64(theirCPU)/float64(ourCPU), "times-less-cpu")
	}
}
