package keys

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"strings"

	"bulla/keys/pgp"
)

// maxCertificates bounds how many beginnings of a certificate are tried in one signature.
const maxCertificates = 64

// x509Signature recognises an X.509 signature (CMS, RFC 5652), such as gitsign, smimesign and gpgsm
// make. It is not judged, but who it is said to be by is kept.
func x509Signature(b pgp.Block) *Signature {
	return &Signature{problem: unsupported("X.509 signatures are not supported"), subject: x509Subject(b.Body)}
}

// x509Subject is whom the certificate in a CMS message names: the subject, or where that is empty,
// as in those that gitsign uses, the address or name. Nothing in it is proved. It is raw text, ""
// if no certificate is found.
//
// The certificates are looked for by their beginning. The message around them may be in an encoding
// that the standard library does not read, as gpgsm writes it; they themselves never are.
func x509Subject(message []byte) string {
	subject := ""
	for tries := 0; tries < maxCertificates; tries++ {
		i := bytes.Index(message, []byte{0x30, 0x82}) // SEQUENCE, length in two octets
		if i < 0 || len(message) < i+4 {
			break
		}
		message = message[i:]
		end := 4 + int(binary.BigEndian.Uint16(message[2:]))
		if end > len(message) {
			message = message[1:]
			continue
		}
		c, err := x509.ParseCertificate(message[:end])
		if err != nil {
			message = message[1:]
			continue
		}
		message = message[end:]
		if name := certificateName(c); subject == "" || !c.IsCA {
			subject = name
			if !c.IsCA {
				break
			}
		}
	}
	return subject
}

func certificateName(c *x509.Certificate) string {
	names := []string{c.Subject.String()}
	if names[0] == "" {
		names = names[:0]
	}
	names = append(names, c.EmailAddresses...)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	names = append(names, c.DNSNames...)
	return strings.Join(names[:min(len(names), 3)], ", ")
}
