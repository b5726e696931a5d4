package trusttest

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"bulla/keys/keystest"
)

// Peer is a command that signs and judges by Content Trust, with a Docker folder of its own.
type Peer struct {
	t       testing.TB
	program string
	dir     string
	server  *Server
	env     []string
}

// The passphrases that peers protect and open keys with.
const (
	RootPassphrase = "a root passphrase"
	Passphrase     = "a repository passphrase"
)

func newPeer(t testing.TB, name string, s *Server, dir string) *Peer {
	t.Helper()
	p := &Peer{t: t, program: keystest.Peer(t, name), dir: dir, server: s}
	for _, prefix := range []string{"DOCKER_CONTENT_TRUST", "NOTARY"} {
		p.env = append(p.env, prefix+"_ROOT_PASSPHRASE="+RootPassphrase, prefix+"_REPOSITORY_PASSPHRASE="+Passphrase)
	}
	p.env = append(p.env,
		"NOTARY_TARGETS_PASSPHRASE="+Passphrase, "NOTARY_SNAPSHOT_PASSPHRASE="+Passphrase, "NOTARY_DELEGATION_PASSPHRASE="+Passphrase,
		"DOCKER_CONFIG="+dir, "HOME="+t.TempDir(), "DOCKER_CONTENT_TRUST_SERVER="+s.URL)
	return p
}

// Notary is the notary command. It is handed digests and sizes, and knows no registry.
func Notary(t testing.TB, s *Server, dockerDir string) *Peer {
	return newPeer(t, "notary", s, dockerDir)
}

// Docker is docker trust, which needs no running engine for what is done here. A docker command
// of version 29 has no trust any more and counts as missing.
func Docker(t testing.TB, s *Server, dockerDir string) *Peer {
	t.Helper()
	p := newPeer(t, "docker", s, dockerDir)
	if exec.Command(p.program, "trust", "inspect", "--help").Run() != nil {
		keystest.Missing(t, "peer not installed: a docker command that has trust (before version 29)")
	}
	return p
}

// Run runs the command in a folder of its own.
func (p *Peer) Run(args ...string) (string, error) {
	p.t.Helper()
	return p.RunWith("", args...)
}

// RunWith is Run with something on standard input.
func (p *Peer) RunWith(stdin string, args ...string) (string, error) {
	p.t.Helper()
	if strings.HasSuffix(p.program, "notary") {
		args = append([]string{"-s", p.server.URL, "--tlscacert", p.server.CA.File, "-d", p.dir + "/trust"}, args...)
	}
	out, errs, err := keystest.Run(p.t, []byte(stdin), p.env, p.program, args...)
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, out, errs)
	}
	return out, err
}

// Must is Run for what has to succeed.
func (p *Peer) Must(args ...string) string {
	p.t.Helper()
	out, err := p.Run(args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// Inspected is what docker trust inspect says of a repository.
type Inspected struct {
	Name       string
	SignedTags []struct {
		SignedTag, Digest string
		Signers           []string
	}
	Signers, AdministrativeKeys []struct {
		Name string
		Keys []struct{ ID string }
	}
}

// Inspect runs docker trust inspect on a repository or a tag.
func (p *Peer) Inspect(ref string) (Inspected, error) {
	p.t.Helper()
	out, err := p.Run("trust", "inspect", ref)
	if err != nil {
		return Inspected{}, err
	}
	var list []Inspected
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 {
		return Inspected{}, fmt.Errorf("docker trust inspect: %v\n%s", err, out)
	}
	return list[0], nil
}
