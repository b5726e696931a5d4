package keys

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"hash"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys/keystest"
	"bulla/keys/pgp"
)

// algorithmKeys are made once: RSA keys take their time.
var algorithmKeys = sync.OnceValues(func() (map[string]*openpgp.Entity, error) {
	out := map[string]*openpgp.Entity{}
	for _, a := range []struct {
		name  string
		algo  packet.PublicKeyAlgorithm
		curve packet.Curve
		bits  int
	}{
		{"ed25519", packet.PubKeyAlgoEdDSA, packet.Curve25519, 0},
		{"rsa2048", packet.PubKeyAlgoRSA, "", 2048},
		{"rsa3072", packet.PubKeyAlgoRSA, "", 3072},
		{"nistp256", packet.PubKeyAlgoECDSA, packet.CurveNistP256, 0},
		{"nistp384", packet.PubKeyAlgoECDSA, packet.CurveNistP384, 0},
		{"nistp521", packet.PubKeyAlgoECDSA, packet.CurveNistP521, 0},
		{"brainpoolP256r1", packet.PubKeyAlgoECDSA, packet.CurveBrainpoolP256, 0},
		{"secp256k1", packet.PubKeyAlgoECDSA, packet.CurveSecP256k1, 0},
	} {
		cfg := testConfig(testEpoch)
		cfg.Algorithm, cfg.Curve, cfg.RSABits = a.algo, a.curve, a.bits
		e, err := openpgp.NewEntity(a.name, "", "test@example.org", cfg)
		if err != nil {
			return nil, err
		}
		out[a.name] = e
	}
	return out, nil
})

func algorithmKey(t testing.TB, name string) *openpgp.Entity {
	t.Helper()
	all, err := algorithmKeys()
	if err != nil {
		t.Fatal(err)
	}
	return all[name]
}

var algorithmNames = []string{"ed25519", "rsa2048", "rsa3072", "nistp256", "nistp384", "nistp521", "brainpoolP256r1", "secp256k1"}

func buildOver(t testing.TB, e *openpgp.Entity, text string, at time.Time) []byte {
	t.Helper()
	id := PreferredHash(e.PrimaryKey)
	h := id.New()
	io.WriteString(h, text)
	sig, err := BuildSignature(h, id, e.PrivateKey, at)
	if err != nil {
		t.Fatal(err)
	}
	untouched := id.New()
	io.WriteString(untouched, text)
	if !bytes.Equal(h.Sum(nil), untouched.Sum(nil)) {
		t.Error("the hash state was consumed")
	}
	return sig
}

// TestBuildSignature lets GnuPG and Sequoia judge what we sign, and our own judge, too.
func TestBuildSignature(t *testing.T) {
	home := keystest.GnuPGHome(t)
	dir := t.TempDir()
	data, sigFile, ringFile := filepath.Join(dir, "data"), filepath.Join(dir, "data.asc"), filepath.Join(dir, "ring.gpg")
	writeFile(t, data, []byte(testText))
	at := time.Now().UTC().Truncate(time.Second)
	for _, name := range algorithmNames {
		t.Run(name, func(t *testing.T) {
			e := algorithmKey(t, name)
			if got := AlgorithmName(e.PrimaryKey); got != name {
				t.Errorf("AlgorithmName is %s", got)
			}
			sig := buildOver(t, e, testText, at)
			writeFile(t, sigFile, sig)
			writeFile(t, ringFile, publicBytes(t, e))

			ring, err := ReadKeyring(publicBytes(t, e), SourceFile)
			if err != nil {
				t.Fatal(err)
			}
			j := &Judge{Keyring: ring, Now: at}
			vs, err := j.Verify(KindArtifact, "data", strings.NewReader(testText), sig)
			if err != nil || len(vs) != 1 || vs[0].Status != StatusGood || vs[0].Signer.Algorithm != name {
				t.Errorf("our judge: %+v, %v", vs, err)
			}
			if word := gnupgWord(t, home, ringFile, sigFile, data, at); word != "GOODSIG" {
				t.Errorf("gpg says %s", word)
			}
			if name == "secp256k1" || name == "brainpoolP256r1" {
				return // sq with the Nettle library knows neither curve
			}
			sequoiaAccepts(t, ringFile, sigFile, data)
		})
	}
}

// sequoiaAccepts asks sq, whose option for the key changed its name after 0.27.
func sequoiaAccepts(t *testing.T, ring, sig, data string) {
	t.Helper()
	sq := keystest.Peer(t, "sq")
	_, stderr, err := keystest.Run(t, nil, nil, sq, "verify", "--signer-cert", ring, "--detached", sig, data)
	if err != nil && strings.Contains(stderr, "--signer-file") {
		_, stderr, err = keystest.Run(t, nil, nil, sq, "verify", "--signer-file", ring, "--signature-file", sig, data)
	}
	if err != nil {
		t.Errorf("sq: %v\n%s", err, stderr)
	}
}

func TestBuildSignatureForm(t *testing.T) {
	e := algorithmKey(t, "ed25519")
	a, b := buildOver(t, e, testText, testEpoch), buildOver(t, e, testText, testEpoch)
	if !bytes.Equal(a, b) {
		t.Error("an Ed25519 signature over the same at the same time is not the same")
	}
	if !bytes.HasPrefix(a, []byte("-----BEGIN PGP SIGNATURE-----\n\n")) || !bytes.HasSuffix(a, []byte("\n-----END PGP SIGNATURE-----\n")) {
		t.Errorf("armor:\n%s", a)
	}
	lines := strings.Split(string(a), "\n")
	if crc := lines[len(lines)-3]; len(crc) != 5 || crc[0] != '=' {
		t.Errorf("no checksum before the end line but %q", crc)
	}
	sigs, err := ParseSignatures(a)
	if err != nil {
		t.Fatal(err)
	}
	fpr := FingerprintOf(e.PrimaryKey.Fingerprint)
	want := Claim{Fingerprint: fpr, KeyID: fpr.KeyID(), SignedAt: testEpoch, Hash: "sha256", Algorithm: "eddsa", Version: 4}
	if got := sigs[0].Claim(); got != want {
		t.Errorf("claim %+v, want %+v", got, want)
	}
	if pkt := sigs[0].packet; pkt.issuerID != fpr.KeyID() || pkt.typ != pgp.SigBinary {
		t.Errorf("packet %+v", pkt)
	}
}

// failingSigner is an RSA key behind an agent that refuses.
type failingSigner struct {
	crypto.Signer
	err error
}

func (f failingSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, f.err }

func TestBuildSignatureRefuses(t *testing.T) {
	e := algorithmKey(t, "rsa2048")
	text := func(id crypto.Hash) hash.Hash {
		h := id.New()
		io.WriteString(h, testText)
		return h
	}
	refused := errors.New("the card was pulled")
	behindAgent := *e.PrivateKey
	behindAgent.PrivateKey = failingSigner{e.PrivateKey.PrivateKey.(*rsa.PrivateKey), refused}
	if _, err := BuildSignature(text(crypto.SHA256), crypto.SHA256, &behindAgent, testEpoch); !errors.Is(err, refused) {
		t.Errorf("the error of the signer is lost: %v", err)
	}
	wrong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	otherSecret := *e.PrivateKey
	otherSecret.PrivateKey = wrong
	if _, err := BuildSignature(text(crypto.SHA256), crypto.SHA256, &otherSecret, testEpoch); err == nil {
		t.Error("a signature by another key was returned")
	}
	k := NewSecretKey(&otherSecret)
	for range 2 { // a failed proof is none
		if _, err := k.BuildSignature(text(crypto.SHA256), crypto.SHA256, testEpoch); err == nil {
			t.Error("a signature by another key was returned")
		}
	}
	for name, tt := range map[string]struct {
		key  func(k *packet.PrivateKey)
		hash crypto.Hash
		at   time.Time
	}{
		"locked":          {func(k *packet.PrivateKey) { k.Encrypted, k.PrivateKey = true, nil }, crypto.SHA256, testEpoch},
		"version 6":       {func(k *packet.PrivateKey) { k.Version = 6 }, crypto.SHA256, testEpoch},
		"before the key":  {func(*packet.PrivateKey) {}, crypto.SHA256, testEpoch.Add(-time.Hour)},
		"broken hash":     {func(*packet.PrivateKey) {}, crypto.SHA1, testEpoch},
		"encryption only": {func(k *packet.PrivateKey) { k.PubKeyAlgo = packet.PubKeyAlgoElGamal }, crypto.SHA256, testEpoch},
	} {
		k := *e.PrivateKey
		tt.key(&k)
		if sig, err := BuildSignature(text(tt.hash), tt.hash, &k, tt.at); err == nil {
			t.Errorf("%s: signed\n%s", name, sig)
		}
	}
	if _, err := BuildSignature(text(crypto.SHA512), crypto.SHA256, e.PrivateKey, testEpoch); err == nil {
		t.Error("a hash state of another function was signed")
	}
}

func TestPreferredHash(t *testing.T) {
	want := map[string]crypto.Hash{"nistp384": crypto.SHA384, "nistp521": crypto.SHA512}
	for _, name := range algorithmNames {
		w, ok := want[name]
		if !ok {
			w = crypto.SHA256
		}
		if got := PreferredHash(algorithmKey(t, name).PrimaryKey); got != w {
			t.Errorf("%s: %v, want %v", name, got, w)
		}
	}
}
