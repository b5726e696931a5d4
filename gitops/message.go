package gitops

import (
	"bytes"
	"fmt"
	"strings"
)

// maxMessage bounds a tag message, in bytes.
const maxMessage = 1 << 20

// cleanMessage does what git tag does to a message with its default --cleanup=strip
// (strbuf_stripspace in git's source): trailing white space goes from each line, several empty
// lines become one, empty lines at either end go, and so do lines that begin with comment.
func cleanMessage(message, comment string) string {
	var out strings.Builder
	empties := 0
	for line := range strings.SplitSeq(message, "\n") {
		if strings.HasPrefix(line, comment) {
			continue
		}
		// git's isspace knows these four and no others.
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			empties++
			continue
		}
		if empties > 0 && out.Len() > 0 {
			out.WriteByte('\n')
		}
		empties = 0
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return out.String()
}

// checkMessage refuses a cleaned message that would not survive: git ends texts at a NUL, and
// an armor header would make verifiers disagree where the signature begins (git looks for the
// last, others for the first).
func checkMessage(message string) error {
	if len(message) > maxMessage {
		return &MessageError{Reason: fmt.Sprintf("it is longer than %d bytes", maxMessage)}
	}
	if strings.IndexByte(message, 0) >= 0 {
		return &MessageError{Reason: "it contains a NUL byte"}
	}
	if splitSignature([]byte(message)) < len(message) {
		return &MessageError{Reason: "a line of it begins like a signature (-----BEGIN …)"}
	}
	return nil
}

// armorHeaders begin the signatures that git knows (gpg-interface.c).
var armorHeaders = [][]byte{
	[]byte("-----BEGIN PGP SIGNATURE-----"),
	[]byte("-----BEGIN PGP MESSAGE-----"),
	[]byte("-----BEGIN SIGNED MESSAGE-----"),
	[]byte("-----BEGIN SSH SIGNATURE-----"),
}

// splitSignature finds where the signature at the end of a tag begins: at the last line that
// begins with an armor header, as in git's parse_signed_buffer. It returns len(data) if there
// is none.
func splitSignature(data []byte) int {
	match := len(data)
	for at := 0; at < len(data); {
		for _, h := range armorHeaders {
			if bytes.HasPrefix(data[at:], h) {
				match = at
			}
		}
		eol := bytes.IndexByte(data[at:], '\n')
		if eol < 0 {
			break
		}
		at += eol + 1
	}
	return match
}
