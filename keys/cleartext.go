package keys

import (
	"bytes"
	"slices"
	"strings"
)

// MaxCleartextBytes is the limit of a clear-signed document.
const MaxCleartextBytes = 64 << 20

// Cleartext is a document in the cleartext signature framework (RFC 9580, section 7), as
// distributions sign their checksums and package descriptions.
type Cleartext struct {
	// Text is exactly what the signatures cover, without the dash escapes and with the line
	// ends as they stand in the file; trailing blanks of lines are not signed and left out.
	// Whatever stands before and after the signed part of the file is not in it.
	Text       []byte
	canonical  []byte   // Text with CRLF line ends and without the last one, as it is hashed
	hashes     []string // announced by Hash headers
	alien      bool     // other headers stand among the Hash headers
	signatures []*Signature
}

// ParseCleartext reads the first clear-signed document in data. The error is a *LimitError, or
// says what is missing in the document.
func ParseCleartext(data []byte) (*Cleartext, error) {
	if len(data) > MaxCleartextBytes {
		return nil, &LimitError{What: "clear-signed document", Limit: MaxCleartextBytes}
	}
	rest, ok := afterLine(data, armorBegin+labelCleartext+armorDash)
	if !ok {
		return nil, malformed("there is no clear-signed document in it")
	}
	c := &Cleartext{}
	rest = c.readHeaders(rest)
	rest, ok = c.readText(rest)
	if !ok {
		return nil, malformed("the clear-signed document has no signature")
	}
	// Only the first block belongs to this document.
	block := armorBlocks(rest, 1)
	if len(block) == 0 {
		return nil, malformed("the clear-signed document has no signature")
	}
	c.signatures = blockSignatures(block[0])
	return c, nil
}

func afterLine(data []byte, want string) (rest []byte, ok bool) {
	for len(data) > 0 {
		var line []byte
		if line, data = cutLine(data); string(line) == want {
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
		line, rest := cutLine(data)
		if len(line) == 0 {
			return rest
		}
		names, ok := strings.CutPrefix(string(line), "Hash:")
		if !ok {
			c.alien = true
			return data
		}
		for name := range strings.SplitSeq(names, ",") {
			c.hashes = append(c.hashes, strings.ToLower(strings.TrimSpace(name)))
		}
		data = rest
	}
	return nil
}

// readText reads the signed lines up to the armor of the signature, which rest starts with.
func (c *Cleartext) readText(data []byte) (rest []byte, ok bool) {
	var text, canonical bytes.Buffer
	for len(data) > 0 {
		line, after := cutLine(data)
		if label, begins := beginLine(line); begins && label == armorSignature {
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

// VerifyCleartext judges the signatures of a clear-signed document over its text. A signature
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
