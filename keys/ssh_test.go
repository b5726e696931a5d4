package keys

import (
	"crypto/dsa" //lint:ignore SA1019 see TestSSHDSA
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"bulla/keys/keystest"
	"bulla/keys/pgp"
)

// sshFixture signs with OpenSSH itself.
type sshFixture struct {
	t   *testing.T
	dir string
}

func (f sshFixture) path(name string) string { return filepath.Join(f.dir, name) }

func (f sshFixture) run(args ...string) {
	f.t.Helper()
	if _, stderr, err := keystest.Run(f.t, nil, nil, keystest.Peer(f.t, "ssh-keygen"), args...); err != nil {
		f.t.Fatalf("ssh-keygen %v: %v\n%s", args, err, stderr)
	}
}

func (f sshFixture) key(name string, args ...string) (public string) {
	f.t.Helper()
	f.run(append([]string{"-q", "-N", "", "-C", "", "-f", f.path(name)}, args...)...)
	data, err := os.ReadFile(f.path(name) + ".pub")
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func (f sshFixture) sign(key, namespace string, args ...string) []byte {
	f.t.Helper()
	_ = os.Remove(f.path("data.sig"))
	f.run(append([]string{"-Y", "sign", "-q", "-n", namespace, "-f", f.path(key)}, append(args, f.path("data"))...)...)
	sig, err := os.ReadFile(f.path("data.sig"))
	if err != nil {
		f.t.Fatal(err)
	}
	return sig
}

func TestSSH(t *testing.T) {
	f := sshFixture{t, t.TempDir()}
	writeFile(t, f.path("data"), []byte(testText))
	ed := f.key("ed", "-t", "ed25519")
	ec := f.key("ec", "-t", "ecdsa", "-b", "384")
	rsa := f.key("rsa", "-t", "rsa", "-b", "2048")
	weak := f.key("weak", "-t", "rsa", "-b", "1024")
	edGit := f.sign("ed", "git")
	other := f.sign("rsa", "git")
	day := func(n int) time.Time { return time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC) }

	for _, tt := range []struct {
		name   string
		lines  string
		sig    []byte
		text   string
		kind   Kind
		made   time.Time
		want   Status
		signer string
	}{
		{"ed25519", "a@x " + ed, edGit, testText, KindTag, day(5), StatusGood, "ed25519"},
		{"no date", "a@x " + ed, edGit, testText, KindTag, time.Time{}, StatusGood, "ed25519"},
		{"ecdsa", "a@x " + ec, f.sign("ec", "git"), testText, KindCommit, day(5), StatusGood, "nistp384"},
		{"rsa", "a@x " + rsa, other, testText, KindTag, day(5), StatusGood, "rsa2048"},
		{"sha256", "a@x " + ed, f.sign("ed", "git", "-O", "hashalg=sha256"), testText, KindTag, day(5), StatusGood, "ed25519"},
		{"file", "a@x " + ed, f.sign("ed", "file"), testText, KindArtifact, day(5), StatusGood, "ed25519"},
		{"weak", "a@x " + weak, f.sign("weak", "git"), testText, KindTag, day(5), StatusWeak, "rsa1024"},
		{"changed", "a@x " + ed, edGit, testText + "!", KindTag, day(5), StatusBad, ""},
		{"other namespace", "a@x " + ed, edGit, testText, KindArtifact, day(5), StatusBad, ""},
		{"unknown", "a@x " + ec, edGit, testText, KindTag, day(5), StatusUnknownKey, ""},
		{"namespace allowed", `a@x namespaces="file,gi?" ` + ed, edGit, testText, KindTag, day(5), StatusGood, "ed25519"},
		{"namespace not allowed", `a@x namespaces="*,!git" ` + ed, edGit, testText, KindTag, day(5), StatusBad, ""},
		{"expired since", `a@x valid-before="20260307" ` + ed, edGit, testText, KindTag, day(5), StatusGoodExpiredSince, "ed25519"},
		{"after expiry", `a@x valid-before="20260307" ` + ed, edGit, testText, KindTag, day(8), StatusAfterExpiry, "ed25519"},
		{"expired, no date", `a@x valid-before="20260307" ` + ed, edGit, testText, KindTag, time.Time{}, StatusAfterExpiry, "ed25519"},
		{"not yet valid", `a@x valid-after="202603061200Z" ` + ed, edGit, testText, KindTag, day(5), StatusNotYetValid, "ed25519"},
		{"in the future", "a@x " + ed, edGit, testText, KindTag, day(12), StatusNotYetValid, "ed25519"},
		{"two lines", `a@x valid-before="20260302" ` + ed + "\na@x " + ed, edGit, testText, KindTag, day(5), StatusGood, "ed25519"},
		{"unknown option", "a@x no-such-thing " + ed, edGit, testText, KindTag, day(5), StatusUnknownKey, ""},
		{"an authority signs nothing itself", "a@x cert-authority " + ed, edGit, testText, KindTag, day(5), StatusUnknownKey, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ring, _ := ReadKeyring([]byte("# comment\n\n"+tt.lines+"\n"), SourceFile)
			sigs, err := ParseSignatures(tt.sig)
			if err != nil {
				t.Fatal(err)
			}
			c := (&Judge{Keyring: ring, Now: day(10)}).Begin(sigs)
			_, _ = c.Write([]byte(tt.text))
			c.MadeAt(tt.made)
			v := c.Verdicts(tt.kind, "v1")[0]
			if v.Status != tt.want || v.Reason == "" {
				t.Errorf("%s (%s), want %s", v.Status, v.Reason, tt.want)
			}
			if tt.signer == "" {
				if v.Signer != nil {
					t.Errorf("signer %+v of a signature that is %s", v.Signer, v.Status)
				}
				return
			}
			if v.Signer == nil || v.Signer.Algorithm != tt.signer || !slices.Equal(v.Signer.UserIDs, []string{"a@x"}) || v.Signer.Fingerprint != v.Claim.Fingerprint {
				t.Errorf("signer %+v", v.Signer)
			}
		})
	}
}

func TestSSHDamaged(t *testing.T) {
	f := sshFixture{t, t.TempDir()}
	writeFile(t, f.path("data"), []byte(testText))
	f.key("ed", "-t", "ed25519")
	sig := string(f.sign("ed", "git"))
	for name, s := range map[string]string{
		"short":   "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n",
		"no end":  sig[:len(sig)-30],
		"not b64": strings.Replace(sig, "U1NI", "****", 1),
	} {
		vs, err := (&Judge{Now: testEpoch}).Verify(KindTag, "v1", strings.NewReader(testText), []byte(s))
		if err != nil || vs[0].Status != StatusMalformed {
			t.Errorf("%s: %+v, %v", name, vs, err)
		}
	}
}

func TestAllowedSigners(t *testing.T) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDcfOgk+7fVQNwnD3WQBUnABIBGO8k7YwUN/WWGCfSEz"
	text := strings.Join([]string{
		"# a comment ssh-ed25519",
		"a@x,b@x " + key + " laptop",
		"\t\"c d@x\" NAMESPACES=\"git\",valid-after=\"20240101\" " + key,
		"broken ssh-ed25519 AAAA",
		"a line of prose about ssh-keygen",
	}, "\r\n")
	r, err := ReadKeyring([]byte(text), SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	ks := r.Keys()
	if len(ks) != 2 || r.Len() != 2 || !slices.Equal(ks[0].UserIDs, []string{"a@x", "b@x"}) || ks[1].UserID() != "c d@x" ||
		ks[0].Fingerprint != ks[1].Fingerprint || ks[0].Algorithm != "ed25519" {
		t.Errorf("%+v", ks)
	}
	if p := r.Problems(); len(p) != 2 {
		t.Errorf("problems %v", p)
	}
	if m := MergeKeyrings(r, r); m.Len() != 2 || m.Digest() != r.Digest() {
		t.Error("merging repeats lines")
	}
}

func TestMatchPatterns(t *testing.T) {
	for _, tt := range []struct {
		list, s string
		want    bool
	}{
		{"git", "git", true}, {"git", "file", false}, {"*", "any/thing", true}, {"g?t", "git", true},
		{"file,git", "git", true}, {"!git,*", "git", false}, {"*,!git", "file", true}, {"[a]", "a", false}, {"[a]", "[a]", true},
		{`a\b`, `a\b`, true}, {"", "git", false},
	} {
		if got := matchPatterns(tt.list, tt.s); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.list, tt.s, got)
		}
	}
}

// TestSSHToken: keys on a token sign a blob with flags and a counter; without a touch the flag
// is 0 and the signature still counts.
func TestSSHToken(t *testing.T) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wire := ssh.Marshal(struct{ Type, Key, Application string }{ssh.KeyAlgoSKED25519, string(pub), "ssh:"})
	key, err := ssh.ParsePublicKey(wire)
	if err != nil {
		t.Fatal(err)
	}
	app, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256([]byte(testText))
	for _, rest := range [][]byte{{0, 0, 0, 0, 7}, {1, 0, 0, 0, 8}} {
		signed := slices.Concat(app[:], rest, message[:])
		sig := &ssh.Signature{Format: key.Type(), Blob: ed25519.Sign(priv, signed), Rest: rest}
		if !verifySSH(key, []byte(testText), sig) {
			t.Errorf("flags %d: refused", rest[0])
		}
		if verifySSH(key, []byte(testText+"!"), sig) {
			t.Errorf("flags %d: accepts other data", rest[0])
		}
		for _, other := range [][]byte{nil, rest[:4], append(slices.Clone(rest), 0), {rest[0] ^ 4, 0, 0, 0, rest[4]}} {
			if verifySSH(key, []byte(testText), &ssh.Signature{Format: key.Type(), Blob: sig.Blob, Rest: other}) {
				t.Errorf("flags and counter %v in place of %v are accepted", other, rest)
			}
		}
	}
}

// TestRevokedSSH revokes by lists that OpenSSH makes, and asks ssh-keygen -Y verify too.
func TestRevokedSSH(t *testing.T) {
	f := sshFixture{t, t.TempDir()}
	writeFile(t, f.path("data"), []byte(testText))
	ed, other := f.key("ed", "-t", "ed25519"), f.key("other", "-t", "ed25519")
	writeFile(t, f.path("allowed"), []byte("a@x "+ed+"\na@x "+other+"\n"))
	sig := f.sign("ed", "git")
	writeFile(t, f.path("sig"), sig)
	spec := func(name, text string) string {
		writeFile(t, f.path("spec"), []byte(text))
		f.run("-q", "-k", "-f", f.path(name), f.path("spec"))
		return name
	}
	writeFile(t, f.path("lines"), []byte("# gone\n"+ed+" a comment\n"))
	writeFile(t, f.path("none"), []byte(other+"\n"))
	f.run("-q", "-k", "-f", f.path("krl"), f.path("ed.pub"))
	for name, want := range map[string]Status{
		"lines": StatusRevoked, "none": StatusGood, "krl": StatusRevoked,
		spec("sha1", "sha1: "+ed+"\n"):       StatusRevoked,
		spec("sha256", "sha256: "+ed+"\n"):   StatusRevoked,
		spec("not-this", "key: "+other+"\n"): StatusGood,
	} {
		data, err := os.ReadFile(f.path(name))
		if err != nil {
			t.Fatal(err)
		}
		list, err := ReadRevocations(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		signers, _ := ReadKeyring([]byte("a@x "+ed+"\n"), SourceFile)
		ring := MergeKeyrings(signers, list)
		c := (&Judge{Keyring: ring, Now: testEpoch}).Begin(mustSignatures(t, sig))
		_, _ = c.Write([]byte(testText))
		v := c.Verdicts(KindTag, "v1")[0]
		if v.Status != want || v.Signer == nil || v.OK(true) != (want == StatusGood) {
			t.Errorf("%s: %s (%s), want %s", name, v.Status, v.Reason, want)
		}
		if ring.Digest() == signers.Digest() || MergeKeyrings(ring, list).Digest() != ring.Digest() {
			t.Errorf("%s: the digest does not tell", name)
		}
		_, stderr, err := keystest.Run(t, []byte(testText), nil, keystest.Peer(t, "ssh-keygen"),
			"-Y", "verify", "-n", "git", "-I", "a@x", "-f", f.path("allowed"), "-s", f.path("sig"), "-r", f.path(name))
		if (err == nil) != (want == StatusGood) {
			t.Errorf("%s: ssh-keygen: %v %s", name, err, stderr)
		}
	}
	krl, err := os.ReadFile(f.path("krl"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"cut": krl[:len(krl)-1], "head alone": krl[:20], "prose": []byte("this is no list\n"), "unknown section": append(slices.Clone(krl), 77, 0, 0, 0, 0)} {
		if _, err := ReadRevocations(data); !errors.Is(err, ErrRevocationList) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mustSignatures(t *testing.T, data []byte) []*Signature {
	t.Helper()
	sigs, err := ParseSignatures(data)
	if err != nil {
		t.Fatal(err)
	}
	return sigs
}

// TestSSHDSA: DSA is weak under SSH too. Newer ssh-keygen makes no such keys, so that it is made here.
func TestSSHDSA(t *testing.T) {
	var k dsa.PrivateKey
	if err := dsa.GenerateParameters(&k.Parameters, rand.Reader, dsa.L1024N160); err != nil {
		t.Fatal(err)
	}
	if err := dsa.GenerateKey(&k, rand.Reader); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(&k)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := sshsig.Sign(strings.NewReader(testText), signer, sshsig.HashSHA512, "git")
	if err != nil {
		t.Fatal(err)
	}
	ring, _ := ReadKeyring([]byte("a@x "+string(ssh.MarshalAuthorizedKey(signer.PublicKey()))), SourceFile)
	v, err := (&Judge{Keyring: ring, Now: testEpoch}).Verify(KindTag, "v1", strings.NewReader(testText), sshsig.Armor(sig))
	if err != nil || v[0].Status != StatusWeak || !slices.Equal(v[0].Weak, []string{"dsa1024 key"}) || v[0].Signer.Algorithm != "dsa1024" {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestSSHWebauthn: a kind of signature that is not computed here is not called a bad one.
func TestSSHWebauthn(t *testing.T) {
	f := sshFixture{t, t.TempDir()}
	writeFile(t, f.path("data"), []byte(testText))
	f.key("ed", "-t", "ed25519")
	sig, err := sshsig.ParseSignature(pgp.Blocks(f.sign("ed", "git"), 1)[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	sig.Signature.Format = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"
	if v, err := (&Judge{Now: testEpoch}).Verify(KindTag, "v1", strings.NewReader(testText), sshsig.Armor(sig)); err != nil || v[0].Status != StatusUnsupported {
		t.Errorf("%+v, %v", v, err)
	}
}
