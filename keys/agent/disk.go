package agent

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secretKeyDir holds one file for each secret key or card stub, named by its keygrip.
const secretKeyDir = "private-keys-v1.d"

// secretKeysOnDisk lists the secret keys that an agent would find, without starting one.
func (g *GnuPG) secretKeysOnDisk() (map[string]secretKey, error) {
	dir := filepath.Join(g.home, secretKeyDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := map[string]secretKey{}
	for _, e := range entries {
		grip, ok := strings.CutSuffix(e.Name(), ".key")
		if !ok || !validGrip(grip) {
			continue
		}
		if k, ok := readSecretKeyFile(filepath.Join(dir, e.Name())); ok {
			found[grip] = k
		}
	}
	return found, nil
}

// maxKeyFile bounds what is read of a key file. What is looked for stands near the beginning;
// a card stub, whose card is named after the public key, has less than 8 KiB.
const maxKeyFile = 8 << 10

// readSecretKeyFile finds out what kind of key a file holds. It may see key material on the
// way, and wipes it.
func readSecretKeyFile(path string) (secretKey, bool) {
	f, err := os.Open(path)
	if err != nil {
		return secretKey{}, false
	}
	defer f.Close()
	buf := make([]byte, maxKeyFile)
	defer clear(buf)
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return secretKey{}, false
	}
	return parseSecretKeyFile(buf[:n])
}

// parseSecretKeyFile tells the kind of a key by the word that its S-expression begins with. The
// file is the canonical expression alone, or lines of "Name: value" where "Key:" has it in the
// readable form (GnuPG's agent/keyformat.txt).
func parseSecretKeyFile(b []byte) (k secretKey, ok bool) {
	if !bytes.HasPrefix(b, []byte("(")) {
		i := bytes.Index(append([]byte("\n"), b[:min(len(b), 1024)]...), []byte("\nKey:"))
		if i < 0 {
			return secretKey{}, false
		}
		b = bytes.TrimLeft(b[i+len("Key:"):], " \t\r\n")
	}
	b, ok = bytes.CutPrefix(b, []byte("("))
	if !ok {
		return secretKey{}, false
	}
	word, rest := nextAtom(b)
	switch string(word) {
	case "private-key":
		return secretKey{}, true
	case "protected-private-key":
		return secretKey{protected: true}, true
	case "shadowed-private-key":
		return secretKey{serial: stubSerial(rest), protected: true}, true
	}
	return secretKey{}, false
}

// stubSerial finds the card in (shadowed t1-v1 (SERIAL ID)), or "?" where it is not named.
func stubSerial(b []byte) string {
	const scheme = "t1-v1"
	if i := bytes.Index(b, []byte(scheme)); i >= 0 {
		b = bytes.TrimLeft(b[i+len(scheme):], " \t\r\n")
		if b, ok := bytes.CutPrefix(b, []byte("(")); ok {
			if serial, _ := nextAtom(b); len(serial) > 0 {
				return strings.ToUpper(hex.EncodeToString(serial))
			}
		}
	}
	return "?"
}

// nextAtom reads the first atom of an S-expression in either form: LENGTH:BYTES, #HEX# or a
// word. It returns nothing for anything else.
func nextAtom(b []byte) (atom, rest []byte) {
	if atom, rest, err := readAtom(b); err == nil {
		return atom, rest
	}
	if b, ok := bytes.CutPrefix(b, []byte("#")); ok {
		digits, rest, ok := bytes.Cut(b, []byte("#"))
		if !ok {
			return nil, nil
		}
		atom, err := hex.DecodeString(string(digits))
		if err != nil {
			return nil, nil
		}
		return atom, rest
	}
	if i := bytes.IndexAny(b, " \t\r\n()#"); i >= 0 {
		return b[:i], b[i:]
	}
	return nil, nil
}
