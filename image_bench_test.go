package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/docker/dct/trusttest"
	"bulla/docker/loopback"
	"bulla/keys/keystest"
)

// The benchmarks run bulla as a whole process against the peers, also a process each, on the same
// registry and the same trust server, taking turns in one loop, and report the ratios of the times. The
// caches of all are warm. Those in docker/cosign and docker/dct measure the libraries within a process.

// contenders are bulla and the peers, with folders of their own.
type contenders struct {
	b     *testing.B
	dir   string
	bulla string
	env   []string
	reg   *loopback.Registry
	spent map[string]time.Duration
}

func newContenders(b *testing.B) *contenders {
	b.Helper()
	c := &contenders{b: b, dir: b.TempDir(), spent: map[string]time.Duration{}}
	c.bulla = filepath.Join(c.dir, "bulla")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", c.bulla, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	var err error
	if c.reg, err = loopback.StartWithoutReferrers(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.reg.Close)
	c.env = []string{"HOME=" + c.dir, "BULLA_HOME=" + filepath.Join(c.dir, "home"), "GNUPGHOME=" + filepath.Join(c.dir, "none"), "COSIGN_PASSWORD=correct horse"}
	return c
}

func (c *contenders) push(tag string) string {
	c.b.Helper()
	digest, err := c.reg.PushRandom(c.b.Context(), "bench/app", tag, 50, true)
	if err != nil {
		c.b.Fatal(err)
	}
	return digest
}

func (c *contenders) repo() string { return c.reg.Host() + "/bench/app" }

// must runs a command, whose answers for descriptors 3 and 4 are passphrases.
func (c *contenders) must(env []string, name string, args []string, passphrases ...string) string {
	c.b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir = append(append(os.Environ(), c.env...), env...), c.dir
	for _, p := range passphrases {
		r, w, err := os.Pipe()
		if err != nil {
			c.b.Fatal(err)
		}
		if _, err := w.WriteString(p); err != nil {
			c.b.Fatal(err)
		}
		_ = w.Close()
		defer r.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, r)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		c.b.Fatalf("%s %q: %v\n%s%s", filepath.Base(name), args, err, &out, &errs)
	}
	return out.String()
}

// turn measures one contender.
func (c *contenders) turn(name string, f func()) {
	begun := time.Now()
	f()
	c.spent[name] += time.Since(begun)
}

func (c *contenders) report() {
	for name, d := range c.spent {
		c.b.ReportMetric(float64(d.Milliseconds())/float64(c.b.N), name+"-ms")
		if name != "bulla" {
			c.b.ReportMetric(float64(c.spent["bulla"])/float64(d), "bulla/"+name)
		}
	}
}

func (c *contenders) cosignKey() (private, public string) {
	c.must(nil, c.bulla, []string{"image", "keygen", "--passphrase-fd", "3"}, "correct horse")
	private = filepath.Join(c.dir, "home", "images", "release.key")
	return private, strings.TrimSuffix(private, ".key") + ".pub"
}

func BenchmarkCommandCosignSign(b *testing.B) {
	c, cosign := newContenders(b), keystest.Peer(b, "cosign")
	private, _ := c.cosignKey()
	for b.Loop() {
		c.push("ours")
		c.turn("bulla", func() {
			c.must(nil, c.bulla, []string{"image", "sign", c.repo() + ":ours", "--yes", "--passphrase-fd", "3"}, "correct horse")
		})
		digest := c.push("theirs")
		c.turn("cosign", func() {
			c.must(nil, cosign, []string{"sign", "--yes", "--key", private, "--tlog-upload=false", "--use-signing-config=false", c.repo() + "@" + digest})
		})
	}
	c.report()
}

func BenchmarkCommandCosignVerify(b *testing.B) {
	c, cosign := newContenders(b), keystest.Peer(b, "cosign")
	_, public := c.cosignKey()
	c.push("1")
	c.must(nil, c.bulla, []string{"image", "sign", c.repo() + ":1", "--yes", "--passphrase-fd", "3"}, "correct horse")
	for b.Loop() {
		c.turn("bulla", func() { c.must(nil, c.bulla, []string{"image", "verify", c.repo() + ":1"}) })
		c.turn("cosign", func() {
			c.must(nil, cosign, []string{"verify", "--key", public, "--insecure-ignore-tlog=true", c.repo() + ":1"})
		})
	}
	c.report()
}

// trusted initialises a repository with bulla, with a signer whose key is at hand, and signs one tag
// in it.
func (c *contenders) trusted(server *trusttest.Server) (dockerDir string) {
	dockerDir = trusttest.DockerDir(c.b, server.CA, "{}", server.Host)
	c.env = append(c.env, "DOCKER_CONFIG="+dockerDir, "DOCKER_CONTENT_TRUST_SERVER="+server.URL)
	root, own := trusttest.RootPassphrase, trusttest.Passphrase
	c.must(nil, c.bulla, []string{"image", "trust", "key", "generate", "--root", "--root-passphrase-fd", "3"}, root)
	list, err := filepath.Glob(filepath.Join(dockerDir, "trust", "private", "*.key"))
	if err != nil || len(list) != 1 {
		c.b.Fatal(list, err)
	}
	c.must(nil, c.bulla, []string{"image", "trust", "key", "backup", strings.TrimSuffix(filepath.Base(list[0]), ".key"), "-o", "stick.key"})
	c.must(nil, c.bulla, []string{"image", "trust", "key", "rehearse", "stick.key", "--root-passphrase-fd", "3"}, root)
	c.must(nil, c.bulla, []string{"image", "trust", "init", c.repo(), "--yes", "--root-passphrase-fd", "3", "--passphrase-fd", "4"}, root, own)
	c.must(nil, c.bulla, []string{"image", "trust", "key", "generate", "alice", "-o", "alice.pub", "--passphrase-fd", "3"}, own)
	c.must(nil, c.bulla, []string{"image", "trust", "signer", "add", c.repo(), "alice", "--key", "alice.pub", "--passphrase-fd", "3"}, own)
	c.push("1")
	c.sign()
	return dockerDir
}

func (c *contenders) sign() {
	c.must(nil, c.bulla, []string{"image", "trust", "sign", c.repo() + ":1", "--passphrase-fd", "3"}, trusttest.Passphrase)
}

// BenchmarkCommandTrustSign: docker trust signs an image that is released already, which is all that it
// does without a running engine; the notary command is handed the digest.
func BenchmarkCommandTrustSign(b *testing.B) {
	c := newContenders(b)
	server := trusttest.Start(b, trusttest.NewCA(b))
	dir := c.trusted(server)
	d, n := trusttest.Docker(b, server, dir), trusttest.Notary(b, server, trusttest.DockerDir(b, server.CA, "{}", server.Host))
	n.Must("init", c.reg.Host()+"/bench/notary", "-p")
	d.Must("trust", "sign", c.repo()+":1") // warms its cache
	i := 0
	for b.Loop() {
		i++
		digest := c.push("1")
		c.turn("bulla", c.sign)
		c.turn("docker", func() { d.Must("trust", "sign", c.repo()+":1") })
		c.turn("notary", func() {
			n.Must("addhash", c.reg.Host()+"/bench/notary", fmt.Sprint(i), "607", "--sha256", strings.TrimPrefix(digest, "sha256:"), "-p")
		})
	}
	c.report()
}

func BenchmarkCommandTrustVerify(b *testing.B) {
	c := newContenders(b)
	server := trusttest.Start(b, trusttest.NewCA(b))
	dir := c.trusted(server)
	d, n := trusttest.Docker(b, server, dir), trusttest.Notary(b, server, trusttest.DockerDir(b, server.CA, "{}", server.Host))
	d.Must("trust", "inspect", c.repo()+":1")
	n.Must("lookup", c.repo(), "1")
	for b.Loop() {
		c.turn("bulla", func() { c.must(nil, c.bulla, []string{"image", "verify", "--by", "content-trust", c.repo() + ":1"}) })
		c.turn("docker", func() { d.Must("trust", "inspect", c.repo()+":1") })
		c.turn("notary", func() { n.Must("lookup", c.repo(), "1") })
	}
	c.report()
}
