// Package dns writes the records that hold a public key in the zone of its address's domain. It asks
// nobody and changes no zone.
package dns

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/idna"
)

// maxData is the most that a record may hold (RFC 1035, section 3.2.1).
const maxData = 65535

// ErrAddress says that an address has no place in the DNS.
var ErrAddress = errors.New("this is no address with a domain")

// Records are the lines for a zone file that give the binary key of an address: OPENPGPKEY
// (RFC 7929) and CERT (RFC 4398).
func Records(address string, key []byte) ([]string, error) {
	i := strings.LastIndexByte(address, '@')
	if i < 1 || strings.ContainsAny(address, " \t\r\n<>\"();") {
		return nil, ErrAddress
	}
	local := address[:i]
	domain, err := idna.Lookup.ToASCII(address[i+1:])
	if err != nil || domain == "" {
		return nil, ErrAddress
	}
	if len(key) > maxData-5 {
		return nil, fmt.Errorf("the key has %d bytes; a DNS record holds at most %d", len(key), maxData)
	}
	sum := sha256.Sum256([]byte(local))
	data := base64.StdEncoding.EncodeToString(key)
	return []string{
		fmt.Sprintf("%s._openpgpkey.%s. IN OPENPGPKEY %s", hex.EncodeToString(sum[:28]), domain, data),
		// The mail address as a name (RFC 4398, section 3.3): a dot in its local part is escaped.
		fmt.Sprintf("%s.%s. IN CERT PGP 0 0 %s", strings.NewReplacer(`\`, `\\`, ".", `\.`).Replace(local), domain, data),
	}, nil
}
