package keys

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"bulla/keys/keystest"
	"bulla/keys/pgp"
)

// certify makes a certificate on a copy of a key, whose name it returns.
func (f sshFixture) certify(authority, key, name string, args ...string) string {
	f.t.Helper()
	for _, end := range []string{"", ".pub"} {
		data, err := os.ReadFile(f.path(key + end))
		if err != nil {
			f.t.Fatal(err)
		}
		writeFile(f.t, f.path(name+end), data)
	}
	f.run(append([]string{"-q", "-s", f.path(authority), "-I", "id-" + name}, append(args, f.path(name+".pub"))...)...)
	return name
}

// gitAccepts asks OpenSSH as git verify-tag does: who it may be, then whether it is.
func (f sshFixture) gitAccepts(allowed string, sig []byte, at time.Time, revoked string) bool {
	f.t.Helper()
	writeFile(f.t, f.path("allowed"), []byte(allowed+"\n"))
	writeFile(f.t, f.path("judged.sig"), sig)
	common := []string{"-f", f.path("allowed"), "-s", f.path("judged.sig"), "-Overify-time=" + at.UTC().Format("20060102150405Z")}
	ask := func(args ...string) (string, bool) {
		out, _, err := keystest.Run(f.t, []byte(testText), nil, keystest.Peer(f.t, "ssh-keygen"), append(args, common...)...)
		return string(out), err == nil
	}
	principals, ok := ask("-Y", "find-principals")
	if !ok {
		return false
	}
	for p := range strings.Lines(principals) {
		args := []string{"-Y", "verify", "-n", "git", "-I", strings.TrimSuffix(p, "\n")}
		if revoked != "" {
			args = append(args, "-r", f.path(revoked))
		}
		if _, ok := ask(args...); ok {
			return true
		}
	}
	return false
}

func (f sshFixture) public(name string) string {
	f.t.Helper()
	data, err := os.ReadFile(f.path(name + ".pub"))
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(data))[:2], " ")
}

// TestSSHCertificates judges signatures with certificates as ssh-keygen and git do.
func TestSSHCertificates(t *testing.T) {
	f := sshFixture{t, t.TempDir()}
	writeFile(t, f.path("data"), []byte(testText))
	f.key("ca", "-t", "ed25519")
	f.key("other", "-t", "ed25519")
	f.key("rsaca", "-t", "rsa", "-b", "2048")
	f.key("weakca", "-t", "rsa", "-b", "1024")
	f.key("u", "-t", "ed25519")
	f.key("r", "-t", "rsa", "-b", "2048")
	f.key("e", "-t", "ecdsa", "-b", "256")
	day := func(n int) time.Time { return time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC) }
	window := []string{"-V", "20260304120000Z:20260308120000Z"}
	ca := " cert-authority " + f.public("ca")
	krl := func(name, spec string, authority ...string) string {
		writeFile(t, f.path("spec"), []byte(spec))
		args := []string{"-q", "-k", "-f", f.path(name)}
		if len(authority) > 0 {
			args = append(args, "-s", f.path(authority[0]+".pub"))
		}
		f.run(append(args, f.path("spec"))...)
		return name
	}
	many := ""
	for i := range 60 {
		many += "serial: " + string(rune('0'+i/10+1)) + string(rune('0'+i%10)) + "\n" // 10 to 69
		if i%7 == 6 {
			many = many[:strings.LastIndex(strings.TrimSuffix(many, "\n"), "\n")+1]
		}
	}
	n := 0
	cert := func(authority, key string, args ...string) []byte {
		n++
		return f.sign(f.certify(authority, key, "cert"+string(rune('a'+n)), args...)+"-cert.pub", "git")
	}
	ada := cert("ca", "u", "-n", "ada@x", "-z", "7")
	numbered := cert("ca", "u", "-n", "ada@x", "-z", "24")
	timed := cert("ca", "u", append(window, "-n", "ada@x")...)
	both := cert("ca", "u", "-n", "ada@x,bob@x")
	for _, tt := range []struct {
		name, lines string
		sig         []byte
		made        int
		revoked     string
		want        Status
		names       string
		differs     bool // from ssh-keygen
	}{
		{"good", "*@x" + ca, ada, 5, "", StatusGood, "ada@x", false},
		{"exact name", "ada@x" + ca, ada, 5, "", StatusGood, "ada@x", false},
		{"rsa key", "*@x" + ca, cert("ca", "r", "-n", "ada@x"), 5, "", StatusGood, "ada@x", false},
		{"ecdsa key", "*@x" + ca, cert("ca", "e", "-n", "ada@x"), 5, "", StatusGood, "ada@x", false},
		{"rsa authority", "*@x cert-authority " + f.public("rsaca"), cert("rsaca", "u", "-n", "ada@x"), 5, "", StatusGood, "ada@x", false},
		{"weak authority", "*@x cert-authority " + f.public("weakca"), cert("weakca", "u", "-n", "ada@x"), 5, "", StatusWeak, "ada@x", true},
		{"sha1 by the authority", "*@x cert-authority " + f.public("rsaca"), cert("rsaca", "u", "-t", "ssh-rsa", "-n", "ada@x"), 5, "", StatusWeak, "ada@x", true},
		{"several names", "*@x" + ca, both, 5, "", StatusGood, "ada@x,bob@x", false},
		{"a name is forbidden", "*@x,!bob@x" + ca, both, 5, "", StatusGood, "ada@x", false},
		{"other name", "bob@x" + ca, ada, 5, "", StatusBad, "", false},
		{"nobody", "*@x" + ca, cert("ca", "u"), 5, "", StatusBad, "", false},
		{"of a host", "*" + ca, cert("ca", "u", "-h", "-n", "ada@x"), 5, "", StatusBad, "", false},
		{"another authority", "*@x cert-authority " + f.public("other"), ada, 5, "", StatusUnknownKey, "", false},
		{"a line for the key alone", "ada@x " + f.public("u"), ada, 5, "", StatusUnknownKey, "", false},
		{"a line for the authority as a key", "ada@x " + f.public("ca"), ada, 5, "", StatusUnknownKey, "", false},
		{"within its time", "*@x" + ca, timed, 5, "", StatusGoodExpiredSince, "ada@x", false},
		{"from its first second", "*@x" + ca, timed, 4, "", StatusGoodExpiredSince, "ada@x", false},
		{"before its time", "*@x" + ca, timed, 3, "", StatusNotYetValid, "ada@x", false},
		{"its last second is over", "*@x" + ca, timed, 8, "", StatusAfterExpiry, "ada@x", false},
		{"after its time", "*@x" + ca, timed, 9, "", StatusAfterExpiry, "ada@x", false},
		{"the line ends first", `*@x cert-authority,valid-before="20260305120000Z" ` + f.public("ca"), ada, 6, "", StatusAfterExpiry, "ada@x", false},
		{"the line begins later", `*@x cert-authority,valid-after="20260306120000Z" ` + f.public("ca"), ada, 5, "", StatusNotYetValid, "ada@x", false},
		{"namespace", `*@x cert-authority,namespaces="file" ` + f.public("ca"), ada, 5, "", StatusBad, "", false},
		{"login options", "*@x" + ca, cert("ca", "u", "-n", "ada@x", "-O", "force-command=ls", "-O", "source-address=10.0.0.0/8"), 5, "", StatusGood, "ada@x", false},
		{"unknown extension", "*@x" + ca, cert("ca", "u", "-n", "ada@x", "-O", "extension:a@b=1"), 5, "", StatusGood, "ada@x", false},
		// PROTOCOL.certkeys: nobody may accept what has a critical option that is not understood.
		{"unknown critical option", "*@x" + ca, cert("ca", "u", "-n", "ada@x", "-O", "critical:a@b=1"), 5, "", StatusUnsupported, "", true},
		{"revoked by number", "*@x" + ca, ada, 5, krl("serial", "serial: 7\n", "ca"), StatusRevoked, "ada@x", false},
		{"revoked by range", "*@x" + ca, ada, 5, krl("range", "serial: 5-9\n", "ca"), StatusRevoked, "ada@x", false},
		{"outside the range", "*@x" + ca, numbered, 5, "range", StatusGood, "ada@x", false},
		{"revoked within a bitmap", "*@x" + ca, numbered, 5, krl("many", many, "ca"), StatusRevoked, "ada@x", false},
		{"beside the bitmap", "*@x" + ca, ada, 5, "many", StatusGood, "ada@x", false},
		{"a gap in the bitmap", "*@x" + ca, cert("ca", "u", "-n", "ada@x", "-z", "16"), 5, "many", StatusGood, "ada@x", false},
		{"without a number", "*@x" + ca, both, 5, krl("low", "serial: 1-9\n", "ca"), StatusGood, "ada@x,bob@x", false},
		{"revoked by name", "*@x" + ca, ada, 5, krl("id", "id: id-certb\n", "ca"), StatusRevoked, "ada@x", false},
		{"another name", "*@x" + ca, ada, 5, krl("id2", "id: id-certz\n", "ca"), StatusGood, "ada@x", false},
		{"of another authority", "*@x" + ca, ada, 5, krl("theirs", "serial: 7\nid: id-certb\n", "other"), StatusGood, "ada@x", false},
		{"the key is revoked", "*@x" + ca, ada, 5, krl("key", "key: "+f.public("u")+"\n"), StatusRevoked, "ada@x", false},
		{"the key is revoked by hash", "*@x" + ca, ada, 5, krl("hash", "sha256: "+f.public("u")+"\n"), StatusRevoked, "ada@x", false},
		{"the authority is revoked", "*@x" + ca, ada, 5, krl("authority", "key: "+f.public("ca")+"\n"), StatusRevoked, "ada@x", false},
		{"the authority is in a list of keys", "*@x" + ca, ada, 5, "ca.pub", StatusRevoked, "ada@x", false},
		{"the key is in a list of keys", "*@x" + ca, ada, 5, "u.pub", StatusRevoked, "ada@x", false},
		{"another key is in a list of keys", "*@x" + ca, ada, 5, "r.pub", StatusGood, "ada@x", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ring, _ := ReadKeyring([]byte(tt.lines+"\n"), SourceFile)
			if tt.revoked != "" {
				data, err := os.ReadFile(f.path(tt.revoked))
				if err != nil {
					t.Fatal(err)
				}
				list, err := ReadRevocations(data)
				if err != nil {
					t.Fatal(err)
				}
				if tt.revoked == "many" && len(list.revokedCerts[0].bitmaps) == 0 {
					t.Fatal("there is no bitmap in the list")
				}
				before := ring.Digest()
				if ring = MergeKeyrings(ring, list); ring.Digest() == before || MergeKeyrings(ring, list).Digest() != ring.Digest() {
					t.Error("the digest does not tell")
				}
			}
			c := (&Judge{Keyring: ring, Now: day(10)}).Begin(mustSignatures(t, tt.sig))
			_, _ = c.Write([]byte(testText))
			c.MadeAt(day(tt.made))
			v := c.Verdicts(KindTag, "v1")[0]
			if v.Status != tt.want || v.Reason == "" {
				t.Errorf("%s (%s), want %s", v.Status, v.Reason, tt.want)
			}
			if got := ""; tt.names != "" {
				if v.Signer != nil {
					got = strings.Join(v.Signer.UserIDs, ",")
				}
				if got != tt.names || v.Signer == nil || v.Signer.Authority == "" || v.Signer.Authority != v.Claim.Authority || v.Signer.Fingerprint != v.Claim.Fingerprint {
					t.Errorf("signer %+v, claim %+v", v.Signer, v.Claim)
				}
			} else if v.Signer != nil {
				t.Errorf("signer %+v of a signature that is %s", v.Signer, v.Status)
			}
			if theirs := f.gitAccepts(tt.lines, tt.sig, day(tt.made), tt.revoked); (theirs != v.Status.Sound()) != tt.differs {
				t.Errorf("%s, and ssh-keygen accepts it: %v", v.Status, theirs)
			}
		})
	}
}

// TestSSHCertificateChanged: whoever changes a certificate gets nothing by it.
func TestSSHCertificateChanged(t *testing.T) {
	f := sshFixture{t, t.TempDir()}
	writeFile(t, f.path("data"), []byte(testText))
	f.key("ca", "-t", "ed25519")
	f.key("rsa", "-t", "rsa", "-b", "2048")
	f.key("u", "-t", "ed25519")
	allowed := "*@x cert-authority " + f.public("ca")
	ring, _ := ReadKeyring([]byte(allowed+"\n"), SourceFile)
	good := f.sign(f.certify("ca", "u", "good", "-n", "ada@x", "-V", "20260101:20260201")+"-cert.pub", "git")
	block := pgp.Blocks(good, 1)[0].Body
	for name, change := range map[string]func(*ssh.Certificate){
		"name":      func(c *ssh.Certificate) { c.ValidPrincipals = []string{"eve@x"} },
		"time":      func(c *ssh.Certificate) { c.ValidBefore = ssh.CertTimeInfinity },
		"number":    func(c *ssh.Certificate) { c.Serial++ },
		"authority": func(c *ssh.Certificate) { c.SignatureKey = c.Key },
		"signature": func(c *ssh.Certificate) { c.Signature.Blob[3] ^= 1 },
		"none":      func(c *ssh.Certificate) { c.Signature = &ssh.Signature{Format: ssh.KeyAlgoED25519} },
	} {
		sig, err := sshsig.ParseSignature(block)
		if err != nil {
			t.Fatal(err)
		}
		change(certificate(sig))
		forged := sshsig.Armor(sig)
		v, err := (&Judge{Keyring: ring, Now: testEpoch}).Verify(KindTag, "v1", strings.NewReader(testText), forged)
		if err != nil || v[0].Status != StatusMalformed || v[0].Signer != nil {
			t.Errorf("%s: %+v, %v", name, v[0], err)
		}
		if f.gitAccepts(allowed, forged, time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), "") {
			t.Errorf("%s: ssh-keygen accepts it", name)
		}
	}
	// A verdict that depends on a certificate's time is looked at again when that comes.
	c := (&Judge{Keyring: ring, Now: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)}).Begin(mustSignatures(t, good))
	_, _ = c.Write([]byte(testText))
	if until := c.Until(); until.IsZero() || until.After(time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("until %v", until)
	}
}

// TestSSHCertificateRSA: SHA-1 is no more allowed with a certificate than without.
func TestSSHCertificateRSA(t *testing.T) {
	f := sshFixture{t, t.TempDir()}
	writeFile(t, f.path("data"), []byte(testText))
	f.key("ca", "-t", "ed25519")
	f.key("r", "-t", "rsa", "-b", "2048")
	sig, err := sshsig.ParseSignature(pgp.Blocks(f.sign(f.certify("ca", "r", "c", "-n", "a@x")+"-cert.pub", "git"), 1)[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	private, err := os.ReadFile(f.path("r"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	h := sig.HashAlgorithm.Hash()
	h.Write([]byte(testText))
	signed := append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, HashAlgorithm, Hash string }{"git", "", sig.HashAlgorithm.String(), string(h.Sum(nil))})...)
	if sig.Signature, err = signer.(ssh.AlgorithmSigner).SignWithAlgorithm(nil, signed, ssh.KeyAlgoRSA); err != nil {
		t.Fatal(err)
	}
	allowed := "a@x cert-authority " + f.public("ca")
	ring, _ := ReadKeyring([]byte(allowed+"\n"), SourceFile)
	forged := sshsig.Armor(sig)
	v, err := (&Judge{Keyring: ring, Now: testEpoch}).Verify(KindTag, "v1", strings.NewReader(testText), forged)
	if err != nil || v[0].Status != StatusUnsupported {
		t.Errorf("%+v, %v", v[0], err)
	}
	if f.gitAccepts(allowed, forged, testEpoch, "") {
		t.Error("ssh-keygen accepts it")
	}
}

// A line for an authority is exported as one, and is no key that signs.
func TestAuthorityLines(t *testing.T) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDcfOgk+7fVQNwnD3WQBUnABIBGO8k7YwUN/WWGCfSEz"
	for _, line := range []string{"*@x cert-authority " + key, `*@x cert-authority,namespaces="git",valid-after="20240101000000Z" ` + key} {
		r, err := ReadKeyring([]byte(line), SourceFile)
		if err != nil {
			t.Fatal(err)
		}
		a := r.AllowedSigners()
		if len(a) != 1 || !a[0].Authority || a[0].Line() != line {
			t.Errorf("%q is exported as %q", line, a[0].Line())
		}
		if k := r.Keys()[0]; k.CanSign || !k.CanCertify {
			t.Errorf("%+v", k)
		}
	}
}

// FuzzRevocations: whatever is read as a list revokes the same after it was merged, and nothing
// panics.
func FuzzRevocations(f *testing.F) {
	f.Add([]byte(krlMagic))
	f.Add(bytes.Join([][]byte{[]byte(krlMagic), {0, 0, 0, 1}, make([]byte, 24+8), {1, 0, 0, 0, 16}, make([]byte, 8), {krlCertSerialRange, 0, 0, 0, 0}}, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadRevocations(data)
		if err == nil && MergeKeyrings(r, r).Digest() != r.Digest() {
			t.Error("merging changes it")
		}
		if s, ok := readRevokedCerts(data); ok {
			s.revokes(&ssh.Certificate{Serial: 7, SignatureKey: &fakeKey{}})
		}
	})
}

type fakeKey struct{ ssh.PublicKey }

func (*fakeKey) Marshal() []byte { return nil }
