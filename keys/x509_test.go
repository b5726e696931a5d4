package keys

import (
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys/keystest"
)

// TestX509 recognises what openssl signs, in both of its encodings, and says whom it names.
func TestX509(t *testing.T) {
	dir := t.TempDir()
	openssl := func(args ...string) []byte {
		t.Helper()
		out, stderr, err := keystest.Run(t, []byte(testText), nil, keystest.Peer(t, "openssl"), args...)
		if err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, stderr)
		}
		return []byte(out)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	certify := func(name, subject string, more ...string) {
		t.Helper()
		openssl(append([]string{"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", subject,
			"-keyout", path(name + ".key"), "-out", path(name + ".crt")}, more...)...)
	}
	certify("authority", "/CN=Root of Widgets")
	certify("ada", "/CN=Ada Archivist/emailAddress=ada@example.org", "-CA", path("authority.crt"), "-CAkey", path("authority.key"), "-addext", "basicConstraints=CA:FALSE")
	certify("nameless", "/", "-CA", path("authority.crt"), "-CAkey", path("authority.key"), "-addext", "basicConstraints=CA:FALSE",
		"-addext", "subjectAltName=critical,email:ben@example.org,URI:https://example.org/ci")
	for _, tt := range []struct{ signer, want string }{{"ada", "Ada Archivist"}, {"nameless", "ben@example.org, https://example.org/ci"}} {
		for _, encoding := range [][]string{nil, {"-stream"}} {
			der := openssl(append([]string{"cms", "-sign", "-binary", "-outform", "DER", "-signer", path(tt.signer + ".crt"), "-inkey", path(tt.signer + ".key"), "-certfile", path("authority.crt")}, encoding...)...)
			sig := pem.EncodeToMemory(&pem.Block{Type: "SIGNED MESSAGE", Bytes: der})
			v, err := (&Judge{Now: testEpoch}).Verify(KindTag, "v1", strings.NewReader(testText), sig)
			if err != nil || len(v) != 1 || v[0].Status != StatusUnsupported || v[0].Signer != nil || !strings.Contains(v[0].Claim.Subject, tt.want) || strings.Contains(v[0].Reason, "example.org") {
				t.Errorf("%s %v: %+v, %v", tt.signer, encoding, v, err)
			}
		}
	}
}

// FuzzX509 looks for certificates in anything.
func FuzzX509(f *testing.F) {
	f.Add([]byte{0x30, 0x82, 0x00, 0x00})
	f.Add(make([]byte, 100))
	f.Fuzz(func(_ *testing.T, data []byte) { x509Subject(data) })
}
