package firstkey

import (
	"context"
	"fmt"
	"strings"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/publish/keysfile"
)

// Texts are what a project shows its users about the key.
type Texts struct {
	// Keys is an entry of a KEYS file: a listing and the armored public key.
	Keys string
	// Security is a section for SECURITY.md or the README, in Markdown.
	Security string
}

// Texts writes the texts. What the section says of places is what was proven by asking them.
func (w *Wizard) Texts(ctx context.Context, f keys.Fingerprint) (Texts, error) {
	p, err := w.Progress(ctx, f)
	if err != nil {
		return Texts{}, err
	}
	_, ring, err := w.world.PublicKey(ctx, keys.ParseSelector(string(f)))
	if err != nil {
		return Texts{}, err
	}
	c, err := keysfile.Update(nil, ring.ExportWith(f, keys.ExportOptions{}))
	if err != nil {
		return Texts{}, err
	}
	return Texts{Keys: string(c.Data), Security: security(p)}, nil
}

// security is the section about signatures.
func security(p Progress) string {
	k := p.Key
	until := "It never expires."
	if !k.Expires.IsZero() {
		until = "It expires on " + k.Expires.UTC().Format("2 January 2006") + ", unless it is extended before."
	}
	var b strings.Builder
	fmt.Fprintf(&b, `## Signatures

Releases are signed with this OpenPGP key:

    %s
    %s

%s
`, k.Fingerprint.Grouped(), plainText(k.UserID()), until)
	ways := fetchWays(p)
	if len(ways) == 0 {
		b.WriteString("\nThe key is in the file KEYS:\n\n    gpg --import KEYS\n")
	} else {
		b.WriteString("\nTo get it:\n\n")
		for _, way := range ways {
			b.WriteString("    " + way + "\n")
		}
	}
	b.WriteString(`
Compare the fingerprint above with what gpg shows; then check a tag or a file:

    git verify-tag TAG
    gpg --verify FILE.asc FILE
`)
	return b.String()
}

// fetchWays are commands by which gpg gets the key from the places where it was found.
func fetchWays(p Progress) (out []string) {
	f := string(p.Key.Fingerprint)
	for _, e := range p.Published.Entries {
		t, err := publish.ParseTarget(e.Target, "")
		if err != nil || e.Stage < publish.StageFingerprint {
			continue
		}
		switch t.Kind {
		case publish.KindHKP:
			out = append(out, "gpg --keyserver "+t.Where+" --recv-keys "+f)
		case publish.KindVKS:
			scheme := "hkps://"
			if strings.HasPrefix(t.Where, "http:") {
				scheme = "hkp://"
			}
			out = append(out, "gpg --keyserver "+scheme+t.Host()+" --recv-keys "+f)
		case publish.KindFile:
			out = append(out, "gpg --import KEYS")
		case publish.KindWKD:
			if e.Stage == publish.StageAddress {
				out = append(out, "gpg --locate-external-keys "+keys.AddressOf(p.Key.UserID()))
			}
		}
	}
	return out
}

// plainText keeps control characters out of a text that people paste.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
