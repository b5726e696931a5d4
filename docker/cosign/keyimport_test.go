package cosign

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/keys/keystest"
)

const newCanary = "canary-91cc-another"

// openssl makes a key file and returns its content. The password is canary.
func openssl(t *testing.T, dir string, steps ...string) []byte {
	t.Helper()
	program := keystest.Peer(t, "openssl")
	out := filepath.Join(dir, "key.pem")
	for _, s := range steps {
		args := strings.Fields(strings.NewReplacer("OUT", out, "PASS", "env:CANARY", "DIR", dir).Replace(s))
		if _, stderr, err := keystest.Run(t, nil, []string{"CANARY=" + canary}, program, args...); err != nil {
			t.Fatalf("openssl %s: %v\n%s", s, err, stderr)
		}
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Keys of openssl, in every form that it writes today: what is read is the key that openssl reads;
// of each algorithm one is imported, and signs what cosign verifies, and cosign opens its file. The
// form says nothing about what comes after the reading, and each file costs seconds of scrypt.
func TestImportFromOpenSSL(t *testing.T) {
	for name, f := range map[string]struct {
		steps               []string
		protected, imported bool
	}{
		"pkcs8":        {[]string{"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out OUT"}, false, false},
		"sec1":         {[]string{"ecparam -genkey -name prime256v1 -out OUT"}, false, true},
		"rsa":          {[]string{"genrsa -traditional -out OUT 3072"}, false, false},
		"encrypted":    {[]string{"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass PASS -out OUT"}, true, false},
		"scrypt":       {[]string{"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out DIR/plain", "pkcs8 -topk8 -scrypt -passout PASS -in DIR/plain -out OUT"}, true, false},
		"sha1-3des":    {[]string{"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out DIR/plain", "pkcs8 -topk8 -v2 des3 -v2prf hmacWithSHA1 -passout PASS -in DIR/plain -out OUT"}, true, false},
		"ed25519":      {[]string{"genpkey -algorithm ED25519 -aes128 -pass PASS -out OUT"}, true, true},
		"rsa-ciphered": {[]string{"genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes192 -pass PASS -out OUT"}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			data := openssl(t, dir, f.steps...)
			a := &answers{passwords: []string{"wrong", canary}}
			k, err := readForeignKey(t.Context(), data, "my/key.pem", a.ask)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 2, false: 0}[f.protected]; len(a.requests) != want {
				t.Errorf("asked %d times", len(a.requests))
			}
			pub, err := publicKeyOf(k.Public())
			if err != nil {
				t.Fatal(err)
			}
			want, _, err := keystest.Run(t, nil, []string{"CANARY=" + canary}, keystest.Peer(t, "openssl"), "pkey", "-in", filepath.Join(dir, "key.pem"), "-passin", "env:CANARY", "-pubout")
			if err != nil || strings.TrimSpace(want) != strings.TrimSpace(string(pub.PEM())) {
				t.Errorf("openssl reads another key: %v\n%s\n%s", err, want, pub.PEM())
			}
			if f.imported {
				importedSigns(t, dir, data)
			}
		})
	}
}

// importedSigns imports a key, signs with it, and lets cosign judge the signature and open the file.
func importedSigns(t *testing.T, dir string, data []byte) {
	t.Helper()
	p := newPeer(t)
	reg, err := loopback.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	priv, pub, err := ImportKey(t.Context(), rand.Reader, data, "my/key.pem", always(canary), secret(canary))
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteKeyPair(dir, "imported", priv, pub); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "imported")
	c := testClient()
	img := pushed(t, c, reg.Host()+"/demo/app:1")
	if _, err := Sign(t.Context(), c, img, unlockedSigner(t, key+".key", canary), someTime); err != nil {
		t.Error(err)
	}
	if err := p.verify(key+".pub", digestRef(img)); err != nil {
		t.Errorf("cosign refuses ours: %v", err)
	}
	if out, _, err := keystest.Run(t, nil, p.env, p.program, "public-key", "--key", key+".key"); err != nil || strings.TrimSpace(out) != strings.TrimSpace(string(pub)) {
		t.Errorf("cosign does not open the file: %v\n%s", err, out)
	}
}

func TestImportCosignsOwn(t *testing.T) {
	path, pub := newKey(t, canary)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, public, err := ImportKey(t.Context(), rand.Reader, data, path, always(canary), secret(newCanary))
	if err != nil || string(public) != string(pub.PEM()) {
		t.Errorf("got %s, %v", public, err)
	}
}

// hoursOfPBKDF2 is a key whose file asks for more iterations than anybody waits for: they were not
// done to make it either, so that no password opens it.
func hoursOfPBKDF2(t *testing.T, dir string) []byte {
	data := openssl(t, dir, "genpkey -algorithm ED25519 -out DIR/plain", "pkcs8 -topk8 -iter 70000 -passout PASS -in DIR/plain -out OUT")
	block, _ := pem.Decode(data)
	some, many := []byte{2, 3, 0x01, 0x11, 0x70}, []byte{2, 3, 0x7f, 0xff, 0xff} // DER INTEGER
	if !bytes.Contains(block.Bytes, some) {
		t.Fatal("openssl wrote another number of iterations")
	}
	block.Bytes = bytes.Replace(block.Bytes, some, many, 1)
	return pem.EncodeToMemory(block)
}

func TestImportRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"empty":            nil,
		"a public key":     []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
		"damaged":          []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
		"damaged envelope": []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"),
		"of ssh":           []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"),
		"too long":         []byte(strings.Repeat("x", maxKeyFile+1)),
		"another curve":    openssl(t, dir, "ecparam -genkey -name secp256k1 -out OUT"),
		"short RSA":        openssl(t, dir, "genrsa -out OUT 1024"),
		"hours of PBKDF2":  hoursOfPBKDF2(t, dir),
		"old protection":   openssl(t, dir, "genrsa -traditional -aes128 -passout PASS -out OUT 2048"),
		"PKCS #5 v1.5":     openssl(t, dir, "genpkey -algorithm ED25519 -out DIR/plain", "pkcs8 -topk8 -v1 PBE-SHA1-3DES -passout PASS -in DIR/plain -out OUT"),
	} {
		asked := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
			t.Errorf("%s: the password was asked for", name)
			return secret(canary), nil
		}
		var file *KeyFileError
		_, _, err := ImportKey(t.Context(), rand.Reader, data, "key.pem", asked, secret(newCanary))
		if !errors.As(err, &file) || file.Path != "key.pem" || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A wrong password is not a damaged key, and nothing quotes it.
func TestImportWrongPassword(t *testing.T) {
	data := openssl(t, t.TempDir(), "genpkey -algorithm ED25519 -aes256 -pass PASS -out OUT")
	for _, wrong := range []string{"wrong", ""} {
		_, _, err := ImportKey(t.Context(), rand.Reader, data, "key.pem", always(wrong), secret(newCanary))
		var unlock *keys.UnlockError
		if !errors.As(err, &unlock) || strings.Contains(fmt.Sprintf("%+v %#v", err, err), "wrong-") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, _, err := ImportKey(t.Context(), rand.Reader, data, "key.pem", nil, secret(newCanary)); !errors.Is(err, keys.ErrNoPassphrase) {
		t.Errorf("got %v", err)
	}
}

// The password changes and the key does not; cosign opens it with the new one and not the old.
func TestChangePassword(t *testing.T) {
	p := newPeer(t)
	path, pub := newKey(t, canary)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := ChangePassword(t.Context(), rand.Reader, path, always("wrong"), secret(newCanary)); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != string(before) {
		t.Error("a wrong password changed the file")
	}
	if err := ChangePassword(t.Context(), rand.Reader, path, always(canary), secret(newCanary)); err != nil {
		t.Fatal(err)
	}
	s := unlockedSigner(t, path, newCanary)
	if s.Public().Fingerprint() != pub.Fingerprint() {
		t.Error("another key came out")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	open := func(password string) error {
		_, _, err := keystest.Run(t, nil, []string{"COSIGN_PASSWORD=" + password}, p.program, "public-key", "--key", path)
		return err
	}
	if err := open(newCanary); err != nil {
		t.Error(err)
	}
	if open(canary) == nil {
		t.Error("the old password still opens it")
	}
	after, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(after), newCanary) {
		t.Error("the password is in the file")
	}
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 2 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

func FuzzImportKey(f *testing.F) {
	f.Add([]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgAAAAAAAAAAAICCAAw\nDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAAAAAAAAAAAAAAAAAAAAAAEgZAA\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var file *KeyFileError
		_, err := readForeignKey(t.Context(), data, "key.pem", nil)
		if err != nil && !errors.As(err, &file) && !errors.Is(err, keys.ErrNoPassphrase) {
			t.Errorf("got %v", err)
		}
	})
}
