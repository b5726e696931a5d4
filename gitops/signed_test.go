package gitops

import (
	"bytes"
	"context"
	"crypto"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys"
	"bulla/keys/keystest"
)

// TestSignedByBulla: a tag signed with bulla's own signatures passes git's verification, by a
// gpg that knows nothing but the public key.
func TestSignedByBulla(t *testing.T) {
	made := time.Now().Add(-time.Hour).Truncate(time.Second)
	entity, err := openpgp.NewEntity("Ann", "", "ann@example.org", &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return made },
	})
	if err != nil {
		t.Fatal(err)
	}
	var public bytes.Buffer
	if err := entity.Serialize(&public); err != nil {
		t.Fatal(err)
	}
	home := keystest.GnuPGHome(t)
	if _, stderr, err := keystest.GPG(t, home, public.Bytes(), "--import"); err != nil {
		t.Fatal(stderr)
	}
	w := newWorld(t)
	w.plain("r")
	both(t, func(t *testing.T, withGit bool) {
		r := w.open("r", withGit)
		s := spec("v1-"+strings.ToLower(t.Name()[strings.Index(t.Name(), "=")+1:]), "Release\n\nBody")
		payload, err := r.TagPayload(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		h := crypto.SHA256.New()
		h.Write(payload)
		signature, err := keys.BuildSignature(h, crypto.SHA256, entity.PrivateKey, made.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.CreateTag(context.Background(), s, payload, signature); err != nil {
			t.Fatal(err)
		}
		out, err := w.try("r", []string{"GNUPGHOME=" + home}, "verify-tag", s.Name)
		if err != nil || !strings.Contains(out, "Good signature") {
			t.Errorf("git verify-tag: %v\n%s", err, out)
		}
	})
}
