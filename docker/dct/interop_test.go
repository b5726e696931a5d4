package dct

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/dct/trusttest"
	"bulla/keys"
)

// strangers are the peers with empty folders: a warm cache would hide a server that is dead.
func (w *world) strangers() (dockerTrust, notary *trusttest.Peer) {
	w.t.Helper()
	empty := func() string { return trusttest.DockerDir(w.t, w.server.CA, "{}", w.server.Host) }
	return trusttest.Docker(w.t, w.server, empty()), trusttest.Notary(w.t, w.server, empty())
}

// manifestFile is the signed content as a file, for notary verify.
func (w *world) manifestFile(img docker.Image) string {
	w.t.Helper()
	m, err := w.registry.Repo(img.Reference).Manifest(w.t.Context(), img.Digest)
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.t.TempDir(), "manifest.json")
	if err := os.WriteFile(path, m.Raw, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// accepted holds that both peers take the tag as signed, by exactly these signers.
func (w *world) accepted(img docker.Image, signers ...string) {
	w.t.Helper()
	d, n := w.strangers()
	gun, tag := GUNOf(img.Reference).String(), img.Reference.Tag()
	got, err := d.Inspect(gun + ":" + tag)
	switch {
	case err != nil:
		w.t.Errorf("docker trust: %v", err)
	case len(got.SignedTags) != 1 || "sha256:"+got.SignedTags[0].Digest != img.Digest:
		w.t.Errorf("docker trust: %+v, want %s", got.SignedTags, img.Digest)
	default:
		slices.Sort(got.SignedTags[0].Signers)
		if !slices.Equal(got.SignedTags[0].Signers, signers) {
			w.t.Errorf("docker trust: signed by %q, want %q", got.SignedTags[0].Signers, signers)
		}
	}
	path := w.manifestFile(img)
	if _, err := n.Run("verify", gun, tag, "-q", "-i", path); err != nil {
		w.t.Errorf("notary: %v", err)
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if _, err := n.Run("verify", gun, tag, "-q", "-i", path); err == nil {
		w.t.Error("notary accepts another manifest")
	}
}

// refused holds that neither peer takes the tag as signed.
func (w *world) refused(img docker.Image) {
	w.t.Helper()
	d, n := w.strangers()
	gun, tag := GUNOf(img.Reference).String(), img.Reference.Tag()
	if got, err := d.Inspect(gun + ":" + tag); err == nil && len(got.SignedTags) > 0 {
		w.t.Errorf("docker trust: %+v", got.SignedTags)
	}
	if out, err := n.Run("lookup", gun, tag); err == nil {
		w.t.Errorf("notary: %s", out)
	}
}

// The peers accept what we publish: a first tag, the root certificate by its id, a second signer,
// a co-signature, new keys for repository and root; and see that a signature was taken back.
func TestPeersAcceptOurs(t *testing.T) {
	w := newWorld(t)
	img := w.push("team/app:1")
	r, trust := w.initialized("team/app")
	mustSign(t, r, img, trust)
	w.accepted(img, "Repo Admin")
	d, _ := w.strangers()
	if got, err := d.Inspect(r.GUN().String()); err != nil || !slices.ContainsFunc(got.AdministrativeKeys, func(k struct {
		Name string
		Keys []struct{ ID string }
	}) bool {
		return k.Name == "Root" && k.Keys[0].ID == trust.Certificates[0]
	}) {
		t.Errorf("docker trust shows another root: %+v, %v", got.AdministrativeKeys, err)
	}
	_, alice, err := w.client.Keys().Generate(t.Context(), "alice", answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.AddSigner(t.Context(), "alice", []PublicKey{alice}, trust, answer); err != nil {
		t.Fatal(err)
	}
	two := w.push("team/app:2")
	if got := mustSign(t, r, two, trust); !slices.Equal(got.Roles, []string{"targets/alice", "targets/releases"}) || !got.Released {
		t.Errorf("signed into %v, released %v", got.Roles, got.Released)
	}
	w.accepted(two, "alice")
	w.accepted(img, "Repo Admin")
	if _, err := r.RotateTargets(t.Context(), trust, answer); err != nil {
		t.Fatal(err)
	}
	w.accepted(img, "Repo Admin")
	mustSign(t, r, w.push("team/app:3"), trust)
	s, err := r.RotateRoot(t.Context(), rootKey(t, w.client), trust, answer)
	if err != nil || !s.Rotated || pinOf(s).Certificates[0] == trust.Certificates[0] {
		t.Fatalf("%+v, %v", s, err)
	}
	w.accepted(two, "alice")
	mustSign(t, r, w.push("team/app:4"), pinOf(s))
	if _, err := r.Revoke(t.Context(), "2", pinOf(s), answer); err != nil {
		t.Fatal(err)
	}
	w.refused(two)
	w.accepted(img, "Repo Admin")
}

// What docker trust made with its own keys: we judge it, sign in it with the same keys, and it
// accepts that. A co-signature of docker's own beside ours counts for both.
func TestWeAcceptDockers(t *testing.T) {
	w := newWorld(t)
	d := trusttest.Docker(t, w.server, w.dockerDir)
	gun := w.gun("team/app")
	dir := t.TempDir()
	d.Must("trust", "key", "generate", "alice", "--dir", dir)
	d.Must("trust", "signer", "add", "--key", filepath.Join(dir, "alice.pub"), "alice", gun.String())
	r := w.client.Repository(gun)
	got, err := d.Inspect(gun.String())
	if err != nil {
		t.Fatal(err)
	}
	trust := Trust{Certificates: w.client.Repository(gun).DockerRoot()}
	s := mustRead(t, r, trust)
	if s.Root.Certificates[0].ID != adminKey(got, "Root") || s.role("targets").KeyIDs[0] != adminKey(got, "Repository") || len(s.Signers) != 1 || s.Signers[0].Name != "alice" {
		t.Errorf("we see %+v, docker trust %+v", s, got)
	}
	img := w.push("team/app:1")
	// Docker's root key is in its folder and was never backed up: that is told, before the first tag.
	if _, err := r.Sign(t.Context(), img, trust, answer); err == nil {
		t.Fatal("signed though no backup of the root key is known")
	}
	root := s.role("root").KeyIDs[0]
	backup := filepath.Join(t.TempDir(), "root")
	if err := w.client.Keys().Backup(root, backup); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.Keys().Rehearse(t.Context(), backup, answer); err != nil {
		t.Fatal(err)
	}
	mustSign(t, r, img, trust)
	w.accepted(img, "alice")
	d.Must("trust", "key", "generate", "bob", "--dir", dir)
	d.Must("trust", "signer", "add", "--key", filepath.Join(dir, "bob.pub"), "bob", gun.String())
	d.Must("trust", "sign", gun.String()+":1")
	wantSigners(t, mustRead(t, r, trust), "1", "alice", "bob")
	w.accepted(img, "alice", "bob")
	d.Must("trust", "revoke", gun.String()+":1")
	if vs, _, err := r.Verify(t.Context(), img, trust); err != nil || vs[0].Status != keys.StatusUnsigned {
		t.Errorf("%+v, %v", vs, err)
	}
}

func adminKey(i trusttest.Inspected, name string) string {
	for _, k := range i.AdministrativeKeys {
		if k.Name == name {
			return k.Keys[0].ID
		}
	}
	return ""
}

// What the notary command made: a repository, a target given by its digest, a root rotated by it,
// which we follow from the pinned one; a key imported by it signs for us.
func TestWeAcceptNotarys(t *testing.T) {
	w := newWorld(t)
	n := trusttest.Notary(t, w.server, w.dockerDir)
	img := w.push("team/app:1")
	gun := w.gun("team/app")
	n.Must("init", gun.String(), "-p")
	n.Must("key", "rotate", gun.String(), "snapshot", "-r")
	n.Must("addhash", gun.String(), "1", "--sha256", strings.TrimPrefix(img.Digest, "sha256:"), size(img), "-p")
	r := w.client.Repository(gun)
	trust := Trust{FirstUse: true}
	vs, s, err := r.Verify(t.Context(), img, trust)
	if err != nil || vs[0].Status != keys.StatusGood {
		t.Fatalf("%+v, %v", vs, err)
	}
	pinned := pinOf(s)
	mustSign(t, r, w.push("team/app:2"), pinned)
	n.Must("key", "rotate", gun.String(), "targets")
	if out := rotateRootByNotary(n, gun); out != nil {
		t.Fatal(out)
	}
	_, fresh := w.person(w.server.URL)
	for name, c := range map[string]*Client{"who knew it": w.client, "a stranger": fresh} {
		vs, s, err := c.Repository(gun).Verify(t.Context(), img, pinned)
		if err != nil || vs[0].Status != keys.StatusGood || !s.Rotated {
			t.Errorf("%s: %+v, %v", name, vs, err)
		}
	}
	mustSign(t, r, w.push("team/app:3"), pinned)
	n.Must("remove", gun.String(), "1", "-p")
	if vs, _, err := r.Verify(t.Context(), img, pinned); err != nil || vs[0].Status != keys.StatusUnsigned {
		t.Errorf("%+v, %v", vs, err)
	}
}

// rotateRootByNotary answers the question whether that is really wanted.
func rotateRootByNotary(n *trusttest.Peer, gun GUN) error {
	_, err := n.RunWith("yes\n", "key", "rotate", gun.String(), "root")
	return err
}

func size(img docker.Image) string { return strconv.FormatInt(img.Size, 10) }

func asSigner(err error, target **SignerError) bool { return errors.As(err, target) }

// Keys of both kinds that docker trust key load takes, and those that it makes: we sign with
// them; and docker trust signs with ours.
func TestKeysAreShared(t *testing.T) {
	w := newWorld(t)
	d := trusttest.Docker(t, w.server, w.dockerDir)
	r, trust := w.initialized("team/app")
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	private, public := filepath.Join(dir, "rsa.key"), filepath.Join(dir, "rsa.pub")
	pub, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, private, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k))
	writePEM(t, public, "PUBLIC KEY", pub)
	d.Must("trust", "key", "load", "--name", "rsa", private)
	d.Must("trust", "key", "generate", "ec", "--dir", dir)
	for name, file := range map[string]string{"rsa": public, "ec": filepath.Join(dir, "ec.pub")} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePublicKey(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.AddSigner(t.Context(), name, []PublicKey{p}, trust, answer); err != nil {
			t.Fatal(err)
		}
	}
	img := w.push("team/app:1")
	mustSign(t, r, img, trust)
	w.accepted(img, "ec", "rsa")

	// Ours for docker: in another repository, where it only has the keys that we made.
	_, ours, err := w.client.Keys().Generate(t.Context(), "ours", answer)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "ours.pub")
	if err := os.WriteFile(file, ours.PEM("ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Must("trust", "signer", "add", "--key", file, "ours", r.GUN().String())
	d.Must("trust", "sign", img.Reference.String())
	w.accepted(img, "ec", "ours", "rsa")
	// A backup of the root key is a file that notary key import takes, on another machine.
	root := mustRead(t, r, trust).role("root").KeyIDs[0]
	c, err := w.client.Keys().Custody(root)
	if err != nil {
		t.Fatal(err)
	}
	other := trusttest.DockerDir(t, w.server.CA, "{}", w.server.Host)
	n := trusttest.Notary(t, w.server, other)
	n.Must("key", "import", c.Backup)
	if out := n.Must("key", "list"); !strings.Contains(out, "root") || !strings.Contains(out, root) {
		t.Errorf("notary key list: %s", out)
	}
	n.Must("key", "passwd", root) // opens it
	// And the other way: what notary key export wrote passes as a backup.
	exported := filepath.Join(dir, "exported.pem")
	n.Must("key", "export", "--key", root, "-o", exported)
	if id, err := w.client.Keys().Rehearse(t.Context(), exported, answer); err != nil || id != root {
		t.Errorf("%s, %v", id, err)
	}
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A signer who leaves: what was released stays, as far as the keys at hand can see to it; and it
// is said before anything is done where they cannot.
func TestRemovedSigner(t *testing.T) {
	w := newWorld(t)
	r, trust := w.initialized("team/app")
	img := w.push("team/app:1")
	dirs := map[string]string{}
	clients := map[string]*Client{}
	for _, name := range []string{"alice", "bob"} {
		dirs[name], clients[name] = w.person(w.server.URL)
		_, pub, err := clients[name].Keys().Generate(t.Context(), name, answer)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.AddSigner(t.Context(), name, []PublicKey{pub}, trust, answer); err != nil {
			t.Fatal(err)
		}
	}
	mustSign(t, clients["alice"].Repository(r.GUN()), img, trust)
	w.accepted(img, "alice")
	// The owner holds neither of the two keys, and only alice's stands under the release.
	_, err := r.RemoveSigner(t.Context(), "alice", false, trust, answer)
	var refused *SignerError
	if !asSigner(err, &refused) || !slices.Equal(refused.Tags, []string{"1"}) {
		t.Fatalf("removed, and with them the release: %v", err)
	}
	w.accepted(img, "alice")
	// With bob's key at hand the release is signed again.
	copyKeys(t, dirs["bob"], w.dockerDir)
	s, err := r.RemoveSigner(t.Context(), "alice", false, trust, answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Tag("1"); !ok || len(s.Signers) != 1 {
		t.Errorf("after alice left: %+v", s)
	}
	w.accepted(img, "Repo Admin") // docker trust's words for a release that no signer stands behind
	if vs, _, err := r.Verify(t.Context(), img, trust); err != nil || vs[0].Status != keys.StatusGood {
		t.Errorf("%+v, %v", vs, err)
	}
	// The last one, by force: nothing is released any more, and nothing is broken.
	if _, err := r.RemoveSigner(t.Context(), "bob", true, trust, answer); err != nil {
		t.Fatal(err)
	}
	w.refused(img)
	if _, err := r.RemoveSigner(t.Context(), "bob", true, trust, answer); !asSigner(err, &refused) {
		t.Errorf("removed twice: %v", err)
	}
	mustSign(t, r, img, trust)
	w.accepted(img, "Repo Admin")
}

// copyKeys gives the keys in one folder to another, root keys aside.
func copyKeys(t *testing.T, from, to string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(from, "trust", "private", "*.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if k, err := parseKeyFile(b); err != nil || k.role == roleRoot {
			continue
		}
		if err := os.WriteFile(filepath.Join(to, "trust", "private", filepath.Base(f)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// The last signer leaves by force and another one comes: the server still has what the first had
// released, which nobody vouches for. That is told, and mended without taking it over.
func TestSignersComeAndGo(t *testing.T) {
	w := newWorld(t)
	r, trust := w.initialized("team/app")
	pubs := map[string][]PublicKey{}
	for _, name := range []string{"alice", "bob"} {
		_, pub, err := w.client.Keys().Generate(t.Context(), name, answer)
		if err != nil {
			t.Fatal(err)
		}
		pubs[name] = []PublicKey{pub}
	}
	add := func(name string) *State {
		t.Helper()
		s, _, err := r.AddSigner(t.Context(), name, pubs[name], trust, answer)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	img := w.push("team/app:1")
	add("alice")
	mustSign(t, r, img, trust)
	var refused *SignerError
	if _, err := r.RemoveSigner(t.Context(), "alice", false, trust, answer); !errors.As(err, &refused) || len(refused.Tags) != 1 {
		t.Errorf("%T: %v", err, err)
	}
	if _, err := r.RemoveSigner(t.Context(), "alice", true, trust, answer); err != nil {
		t.Fatal(err)
	}
	w.refused(img)
	if s := add("bob"); !slices.Contains(s.Broken, roleReleases) {
		t.Errorf("%+v", s)
	}
	two := w.push("team/app:2")
	_, err := r.Sign(t.Context(), two, trust, answer)
	wantProblem(t, err, ProblemSignature)
	if _, _, err := r.SignReleasesAgain(t.Context(), true, trust, answer); err != nil {
		t.Fatal(err)
	}
	mustSign(t, r, two, trust)
	w.accepted(two, "bob")
	w.refused(img)
	// The first one comes back: both may release, and what was dropped stays so.
	if s := add("alice"); len(s.Broken) > 0 || len(s.Tags) != 1 || len(s.Pending) != 1 {
		t.Errorf("%+v", s)
	}
	mustSign(t, r, img, trust)
	w.accepted(img, "alice", "bob")
	if _, err := r.RemoveSigner(t.Context(), "alice", false, trust, answer); err != nil {
		t.Fatal(err)
	}
	w.accepted(img, "bob")
	w.accepted(two, "bob")
}
