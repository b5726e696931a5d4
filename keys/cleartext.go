package keys

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"bulla/keys/pgp"
)

// MaxCleartextBytes is the limit of a clear-signed document.
const MaxCleartextBytes = 64 << 20

// Cleartext is a document in the cleartext signature framework (RFC 9580, section 7), as
// distributions sign their checksums and package descriptions.
type Cleartext struct {
	// Text is exactly what the signatures cover, without the dash escapes and with the line
	// ends as they stand in the file; trailing blanks of lines are not signed and left out.
	// Whatever stands before and after the signed part of the file is not in it.
	Text []byte
	// Outside are the lines of the file that no signature covers, though a reader or a program
	// may take them for a part of the document: before the signed part, after it, and headers of
	// the signature that say something of their own. Blank lines do not count.
	Outside    []Lines
	canonical  []byte   // Text with CRLF line ends and without the last one, as it is hashed
	hashes     []string // announced by Hash headers
	alien      bool     // other headers stand among the Hash headers
	signatures []*Signature
}

// Lines are some lines of a file, counted from 1, both included.
type Lines struct{ From, To int }

// String words them: "line 3", "lines 3 to 5".
func (l Lines) String() string {
	if l.From == l.To {
		return fmt.Sprintf("line %d", l.From)
	}
	return fmt.Sprintf("lines %d to %d", l.From, l.To)
}

// ParseCleartext reads the first clear-signed document in data. The error is a *LimitError, or
// says what is missing in the document.
func ParseCleartext(data []byte) (*Cleartext, error) {
	if len(data) > MaxCleartextBytes {
		return nil, &LimitError{What: "clear-signed document", Limit: MaxCleartextBytes}
	}
	rest, ok := afterLine(data, pgp.ArmorBegin+pgp.LabelCleartext+pgp.ArmorDash)
	if !ok {
		return nil, malformed("there is no clear-signed document in it")
	}
	c := &Cleartext{}
	outside := func(from, to int) {
		if l, ok := linesOf(data, from, to); ok {
			c.Outside = append(c.Outside, l)
		}
	}
	begin := bytes.LastIndexByte(data[:len(data)-len(rest)-1], '\n') + 1
	outside(0, begin)
	rest = c.readHeaders(rest)
	rest, ok = c.readText(rest)
	if !ok {
		return nil, malformed("the clear-signed document has no signature")
	}
	// Only the first block belongs to this document.
	block, after := signatureBlock(rest)
	c.signatures = blockSignatures(block)
	if block.Err == nil {
		head, tail := unsignedInBlock(rest[:len(rest)-len(after)])
		at := len(data) - len(rest)
		outside(at+head[0], at+head[1])
		outside(len(data)-len(after)-tail, len(data))
	}
	return c, nil
}

// signatureBlock reads the armor that data begins with, and returns what follows it.
func signatureBlock(data []byte) (b pgp.Block, after []byte) {
	_, rest := pgp.CutLine(data)
	b.Label = armorSignature
	b.Body, after, b.Err = pgp.ArmorBody(rest)
	return b, after
}

// unsignedInBlock finds what an armor says beyond the signature: the range of its headers, if there
// are others than those that tools write (RFC 9580, section 6.2.2), and the length of a last line
// that is more than the end of the armor.
func unsignedInBlock(block []byte) (headers [2]int, tail int) {
	_, rest := pgp.CutLine(block)
	start := len(block) - len(rest)
	body := pgp.SkipHeaders(rest)
	for head := rest[:len(rest)-len(body)]; len(head) > 0; {
		var line []byte
		line, head = pgp.CutLine(head)
		name, _, _ := strings.Cut(string(line), ":")
		if len(line) > 0 && !slices.Contains([]string{"Version", "Comment", "Hash", "Charset", "MessageID"}, name) {
			headers = [2]int{start, len(block) - len(body)}
		}
	}
	end := block[bytes.LastIndexByte(bytes.TrimSuffix(block, []byte("\n")), '\n')+1:]
	if line, _ := pgp.CutLine(end); string(line) != pgp.ArmorEnd+armorSignature+pgp.ArmorDash {
		tail = len(end)
	}
	return headers, tail
}

// linesOf gives the lines of data[from:to], which begins with a line, from the first that is not
// blank to the last; false if there is none.
func linesOf(data []byte, from, to int) (l Lines, ok bool) {
	n := 1 + bytes.Count(data[:from], []byte{'\n'})
	for part := data[from:to]; len(part) > 0; n++ {
		var line []byte
		if line, part = pgp.CutLine(part); len(line) == 0 {
			continue
		}
		if !ok {
			l.From, ok = n, true
		}
		l.To = n
	}
	return l, ok
}

func afterLine(data []byte, want string) (rest []byte, ok bool) {
	for len(data) > 0 {
		var line []byte
		if line, data = pgp.CutLine(data); string(line) == want {
			return data, true
		}
	}
	return nil, false
}

// readHeaders reads up to the empty line. Only Hash headers may stand there; anything else is
// shown to a reader but not signed, and spoils the document. An empty line holds blanks at
// most: a form feed, say, could hide from one reader what another one takes for text.
func (c *Cleartext) readHeaders(data []byte) []byte {
	for len(data) > 0 {
		line, rest := pgp.CutLine(data)
		if len(line) == 0 {
			return rest
		}
		names, ok := strings.CutPrefix(string(line), "Hash:")
		if !ok {
			c.alien = true
			return data
		}
		for name := range strings.SplitSeq(names, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			c.alien = c.alien || strings.ContainsFunc(name, func(r rune) bool {
				// Names of hash functions (RFC 9580, section 9.5), SHA3-256 and SHA512/256 among them.
				return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '/'
			})
			c.hashes = append(c.hashes, name)
		}
		data = rest
	}
	return nil
}

// readText reads the signed lines up to the armor of the signature, which rest starts with.
func (c *Cleartext) readText(data []byte) (rest []byte, ok bool) {
	var text, canonical bytes.Buffer
	for len(data) > 0 {
		line, after := pgp.CutLine(data)
		if label, begins := pgp.BeginLine(line); begins && label == armorSignature {
			c.Text = text.Bytes()
			c.canonical = bytes.TrimSuffix(canonical.Bytes(), []byte("\r\n"))
			return data, true
		}
		end := "\n"
		if bytes.HasSuffix(data[:len(data)-len(after)], []byte("\r\n")) {
			end = "\r\n"
		}
		// An escaped empty line is a dash and a blank: the escape goes first.
		if bytes.HasPrefix(data, []byte("- ")) {
			line = bytes.TrimPrefix(line[1:], []byte(" "))
		}
		text.Write(line)
		text.WriteString(end)
		canonical.Write(line)
		canonical.WriteString("\r\n")
		data = after
	}
	return nil, false
}

// VerifyCleartext judges the signatures of a clear-signed document over its text alone: who means
// the whole file asks Outside too. A signature
// whose hash function the document does not announce is unsupported, as for GnuPG: older
// readers would have hashed something else.
func (j *Judge) VerifyCleartext(kind Kind, target string, c *Cleartext) []Verdict {
	check := j.Begin(c.signatures)
	// A document state never fails to take what it is given.
	_, _ = check.Write(c.canonical)
	out := check.Verdicts(kind, target)
	for i := range out {
		v := &out[i]
		switch {
		case v.Signer == nil:
		case c.alien:
			v.Status, v.Signer = StatusBad, nil
			v.Reason = "The signature must not be accepted: a line that it does not cover stands among the headers of the document."
		case !slices.Contains(c.hashes, v.Signer.Hash):
			v.Status, v.Signer = StatusUnsupported, nil
			v.Reason = "The signature cannot be judged: the document does not announce its hash function."
		}
	}
	return out
}
