package artifacts

import (
	"bufio"
	"bytes"
	"crypto"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"bulla/keys/limits"
)

// The names of the checksums files.
const (
	SHA256Name = "SHA256SUMS"
	SHA512Name = "SHA512SUMS"
)

// maxChecksums limits the size of a checksums file, in bytes: more than 30,000 lines.
const maxChecksums = 4 << 20

// Checksum is one line of a checksums file.
type Checksum struct {
	// Algorithm is a lower-case name: sha256, sha512, sha1, md5, blake2b, …
	Algorithm string
	// Digest is lower-case hexadecimal.
	Digest string
	// Name is the file's name as it was written: raw text that may point anywhere.
	Name string
}

// algorithms are the functions that a digest's length stands for in a list without names. Those
// without a crypto.Hash are recognised, but too weak to prove anything.
var algorithms = []struct {
	name string
	size int // bytes
	hash crypto.Hash
}{
	{"md5", 16, 0},
	{"sha1", 20, 0},
	{"sha224", 28, crypto.SHA224},
	{"sha256", 32, crypto.SHA256},
	{"sha384", 48, crypto.SHA384},
	{"sha512", 64, crypto.SHA512},
}

// hash is the function of a checksum that proves something, or 0.
func (c Checksum) hash() crypto.Hash {
	for _, a := range algorithms {
		if a.name == c.Algorithm && a.size*2 == len(c.Digest) {
			return a.hash
		}
	}
	return 0
}

// escaper and unescapes are the transformation that coreutils marks with a backslash at the
// beginning of the line. Without it a file name could pose as a line of its own.
var (
	escaper   = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\r", "\\r")
	unescapes = map[byte]byte{'\\': '\\', 'n': '\n', 'r': '\r'}
)

// formatChecksums writes the lines in the form that sha256sum and its siblings write and check,
// sorted by name.
func formatChecksums(list []Checksum) []byte {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Checksum) int { return strings.Compare(a.Name, b.Name) })
	var b bytes.Buffer
	for _, c := range list {
		mark, name := "", escaper.Replace(c.Name)
		if name != c.Name {
			mark = "\\"
		}
		fmt.Fprintf(&b, "%s%s  %s\n", mark, c.Digest, name)
	}
	return b.Bytes()
}

// ParseChecksums reads a checksums file as coreutils (GNU form "DIGEST  NAME", with the function
// told from the length), BSD and OpenSSL ("SHA256 (NAME) = DIGEST") write it, with escaped
// names. Blank lines and lines that begin with # are passed over. A list with any other line is
// refused as a whole with a *SyntaxError, since it would cover less than a reader thinks; one
// over 4 MiB with an error that wraps ErrTooLarge.
func ParseChecksums(r io.Reader) ([]Checksum, error) {
	data, err := limits.ReadAll(r, "checksums file", maxChecksums)
	if err != nil {
		return nil, err
	}
	var list []Checksum
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxChecksums+1)
	for n := 1; lines.Scan(); n++ { // ScanLines drops "\r\n" as well as "\n"
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		c, ok := parseChecksum(line)
		if !ok {
			return nil, &SyntaxError{Line: n}
		}
		list = append(list, c)
	}
	return list, lines.Err()
}

func parseChecksum(line string) (Checksum, bool) {
	line, escaped := strings.CutPrefix(line, "\\")
	c, ok := parseGNU(line)
	if !ok {
		c, ok = parseBSD(line)
	}
	if !ok {
		return Checksum{}, false
	}
	if escaped {
		c.Name, ok = unescape(c.Name)
	}
	return c, ok && c.Name != "" && !strings.ContainsRune(c.Name, 0)
}

// parseGNU reads "DIGEST  NAME"; a star in place of the second blank means binary mode.
func parseGNU(line string) (Checksum, bool) {
	digest, rest, ok := strings.Cut(line, " ")
	if !ok || rest == "" || (rest[0] != ' ' && rest[0] != '*') || !isHex(digest) {
		return Checksum{}, false
	}
	for _, a := range algorithms {
		if a.size*2 == len(digest) {
			return Checksum{Algorithm: a.name, Digest: strings.ToLower(digest), Name: rest[1:]}, true
		}
	}
	return Checksum{}, false
}

// parseBSD reads "SHA256 (NAME) = DIGEST" and OpenSSL's "SHA256(NAME)= DIGEST". The name may
// hold parentheses itself, so it ends at the last one.
func parseBSD(line string) (Checksum, bool) {
	name, rest, ok := strings.Cut(line, "(")
	i := strings.LastIndexByte(rest, ')')
	if !ok || i < 0 {
		return Checksum{}, false
	}
	algorithm := strings.ToLower(strings.TrimSuffix(name, " "))
	digest, ok := strings.CutPrefix(strings.TrimPrefix(rest[i+1:], " "), "= ")
	if !ok || algorithm == "" || strings.ContainsAny(algorithm, " \t") || !isHex(digest) {
		return Checksum{}, false
	}
	for _, a := range algorithms {
		if a.name == algorithm && a.size*2 != len(digest) {
			return Checksum{}, false
		}
	}
	return Checksum{Algorithm: algorithm, Digest: strings.ToLower(digest), Name: rest[:i]}, true
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && s != ""
}

// unescape undoes escaper. It refuses a backslash before anything else, as coreutils does.
func unescape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			i++
			if i == len(s) {
				return "", false
			}
			u, ok := unescapes[s[i]]
			if !ok {
				return "", false
			}
			c = u
		}
		b.WriteByte(c)
	}
	return b.String(), true
}
