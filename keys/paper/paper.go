package paper

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"bulla/keys"
)

const (
	perLine  = 25 // octets, 40 characters
	group    = 5  // characters
	title    = "BULLA PAPER BACKUP of an OpenPGP secret key"
	sumLabel = "SUM"
	// MaxLines is how many lines are read: a key of 250 KiB.
	MaxLines = 10_000
)

// Sheet is a secret key for paper.
type Sheet struct {
	Fingerprint keys.Fingerprint
	UserID      string // plain text, clean already
	Made        time.Time
	// Protected says that Data are under a passphrase.
	Protected bool
	// Data is the transferable secret key, binary.
	Data []byte
}

// LineError says which line of a paper backup cannot be right. Line counts as printed, from 1; 0
// is the sum over all.
type LineError struct {
	Line   int
	Reason string
}

func (e *LineError) Error() string {
	if e.Line == 0 {
		return "the paper backup " + e.Reason
	}
	return fmt.Sprintf("line %d of the paper backup %s", e.Line, e.Reason)
}

// Text is the sheet as plain text, at most 76 characters wide.
func (s Sheet) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", title)
	fmt.Fprintf(&b, "  fingerprint  %s\n", s.Fingerprint.Grouped())
	fmt.Fprintf(&b, "  user id      %s\n", s.UserID)
	fmt.Fprintf(&b, "  written      %s\n", s.Made.UTC().Format(time.DateOnly))
	if s.Protected {
		b.WriteString("  protected    by the key's passphrase, which must not stand here\n")
	} else {
		b.WriteString("  protected    by nothing: whoever has this paper has the key\n")
	}
	b.WriteString(`
To restore the key, type the numbered lines into a file, or scan the QR codes
and put their texts into one, each on a line of its own. Spaces and small
letters do not matter. Then

    bulla keys restore-check FILE       tries it
    bulla keys import FILE              brings the key back

The part behind * is a checksum of its line, so a mistake is found where it
was made. Without bulla, with the lines in a file as they are printed:

    sed -n 's/^[0-9]*: \(.*\) \*.*/\1/p' FILE | tr -d ' ' | tr -d '\n' |
        base32 -d | gpg --import

`)
	for _, l := range s.lines() {
		b.WriteString(l + "\n")
	}
	fmt.Fprintf(&b, "%s: %s\n", sumLabel, s.sum())
	return b.Bytes()
}

// lines are the numbered lines.
func (s Sheet) lines() (out []string) {
	for i := 0; i*perLine < len(s.Data); i++ {
		part := s.Data[i*perLine : min((i+1)*perLine, len(s.Data))]
		text := base32.StdEncoding.EncodeToString(part)
		var groups []string
		for len(text) > 0 {
			n := min(group, len(text))
			groups = append(groups, text[:n])
			text = text[n:]
		}
		out = append(out, fmt.Sprintf("%d: %s *%s", i+1, strings.Join(groups, " "), lineSum(i+1, part)))
	}
	return out
}

// lineSum is a checksum of 20 bits over the number and the octets of a line.
func lineSum(number int, part []byte) string {
	c := crc32.ChecksumIEEE(append(binary.BigEndian.AppendUint32(nil, uint32(number)), part...))
	return base32.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, c<<12))[:4]
}

// sum is a checksum over everything, which finds missing lines at the end.
func (s Sheet) sum() string { return dataSum(s.Data) }

func dataSum(data []byte) string {
	d := sha256.Sum256(data)
	t := base32.StdEncoding.EncodeToString(d[:10])
	return t[:4] + " " + t[4:8] + " " + t[8:12] + " " + t[12:16]
}

// Is reports whether data look like a paper backup that was typed in: a numbered line, or the
// text of a QR code.
func Is(data []byte) bool {
	if bytes.IndexByte(data, 0) >= 0 || bytes.Contains(data, []byte("-----BEGIN PGP ")) {
		return false
	}
	for line := range bytes.Lines(data[:min(len(data), 64<<10)]) {
		if _, _, _, ok := parseLine(string(line)); ok {
			return true
		}
	}
	return false
}

// parseLine reads "7: ABCDE … *WXYZ". ok says that the line has the form; whether it is right is
// another question.
func parseLine(line string) (number int, data, sum string, ok bool) {
	head, rest, found := strings.Cut(line, ":")
	n, err := strconv.Atoi(strings.TrimSpace(head))
	if !found || err != nil || n < 1 || n > MaxLines {
		return 0, "", "", false
	}
	data, sum, found = strings.Cut(rest, "*")
	return n, plain(data), plain(sum), found
}

// plain drops spaces and takes characters that are not in the alphabet for those they look like.
func plain(s string) string {
	s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
	return strings.NewReplacer("0", "O", "1", "I", "8", "B").Replace(s)
}

// Read turns a paper backup back into the secret key. Lines may come in any order and more than
// once; text between them is passed over. The error is a *LineError.
func Read(data []byte) ([]byte, error) {
	parts := map[int][]byte{}
	last := 0
	want := ""
	scan := bufio.NewScanner(bytes.NewReader(data))
	scan.Buffer(make([]byte, 0, 64<<10), 64<<10)
	for scan.Scan() {
		line := scan.Text()
		if rest, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(line)), sumLabel+":"); ok {
			want = plain(rest)
			continue
		}
		// The text of a QR code holds several lines, one after the other.
		for piece := range strings.SplitSeq(line, qrSeparator) {
			n, text, sum, ok := parseLine(piece)
			if !ok {
				continue
			}
			part, err := base32.StdEncoding.DecodeString(text)
			if err != nil || len(part) == 0 || len(part) > perLine || lineSum(n, part) != sum {
				return nil, &LineError{n, "does not fit its checksum; compare it with the paper"}
			}
			parts[n], last = part, max(last, n)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, &LineError{0, "cannot be read: " + err.Error()}
	}
	var out []byte
	for n := 1; n <= last; n++ {
		if parts[n] == nil {
			return nil, &LineError{n, "is missing"}
		}
		if n < last && len(parts[n]) != perLine {
			return nil, &LineError{n, "is too short"}
		}
		out = append(out, parts[n]...)
	}
	if want != "" && want != plain(dataSum(out)) {
		return nil, &LineError{0, "has lost lines at its end, or the sum was mistyped"}
	}
	if len(out) == 0 {
		return nil, errors.New("there is no line of a paper backup in it")
	}
	return out, nil
}
