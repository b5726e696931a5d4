package gitops

import (
	"bytes"
	"cmp"
	"strings"
)

// maxObject bounds the commit and tag objects that are read, in bytes. The largest commit of
// the Linux kernel, an octopus merge of 66 signed tags, has under 100 kB.
const maxObject = 4 << 20

// Commit is a commit object. Text in it is raw: clean it before showing it.
type Commit struct {
	ID, Tree          string
	Author, Committer Ident
	// Subject is the first paragraph of Message on one line.
	Subject, Message string
	Parents          []string
	// Payload is what Signature signs. Signature is nil for an unsigned commit.
	Payload, Signature []byte
}

// headerLine is one header of a commit or tag, its continuation lines joined by line breaks.
type headerLine struct{ key, value string }

// splitObject takes a commit or tag apart: headers up to the first empty line, then the body.
func splitObject(data []byte) (headers []headerLine, body []byte) {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		if len(line) == 0 {
			return headers, rest
		}
		if line[0] == ' ' && len(headers) > 0 {
			h := &headers[len(headers)-1]
			h.value += "\n" + string(line[1:])
			continue
		}
		key, value, _ := strings.Cut(string(line), " ")
		headers = append(headers, headerLine{key, value})
	}
	return headers, nil
}

// parseCommit reads a commit object of a repository with that object format. What is missing
// stays empty: it must describe every commit that history holds.
func parseCommit(id string, data []byte, format string) (Commit, error) {
	c := Commit{ID: id}
	headers, body := splitObject(data)
	for _, h := range headers {
		switch h.key {
		case "tree":
			c.Tree = cmp.Or(c.Tree, h.value)
		case "parent":
			c.Parents = append(c.Parents, h.value)
		case "author":
			c.Author = parseIdent(h.value)
		case "committer":
			c.Committer = parseIdent(h.value)
		}
	}
	if !isObjectID(c.Tree) {
		return Commit{}, &MalformedError{ID: id, Type: "commit", Reason: "it has no tree"}
	}
	c.Message, c.Subject = string(body), subjectOf(string(body))
	c.Payload, c.Signature = splitCommitSignature(data, signatureHeader(format))
	return c, nil
}

// signatureHeader names the commit header that holds the signature over that object format.
func signatureHeader(format string) string {
	if format == formatSHA256 {
		return "gpgsig-sha256"
	}
	return "gpgsig"
}

// splitCommitSignature separates a commit from the signature in the header of that name, as
// parse_buffer_signed_by_header in git's commit.c: the payload lacks the signatures for other
// object formats too.
func splitCommitSignature(data []byte, header string) (payload, signature []byte) {
	inSignature, inOther := false, false
	for len(data) > 0 {
		line := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line = data[:i+1]
		}
		if line[0] == '\n' {
			return append(payload, data...), signature
		}
		data = data[len(line):]
		sig, isSig := bytes.CutPrefix(line, []byte(header+" "))
		switch {
		case inSignature && line[0] == ' ':
			signature = append(signature, line[1:]...)
		case isSig:
			inSignature, inOther = true, false
			signature = append(signature, sig...)
		case bytes.HasPrefix(line, []byte("gpgsig")):
			inSignature, inOther = false, true
		case inOther && line[0] == ' ':
		default:
			inSignature, inOther = false, false
			payload = append(payload, line...)
		}
	}
	return payload, signature
}

// tagObject is a parsed annotated tag.
type tagObject struct {
	target, typ, name  string
	tagger             Ident
	message            string
	payload, signature []byte
}

// parseTag reads a tag object. Old tags have no tagger; a missing object, type or name is an
// error.
func parseTag(id string, data []byte) (tagObject, error) {
	at := splitSignature(data)
	t := tagObject{payload: withoutSignatureHeaders(data[:at])}
	if at < len(data) {
		t.signature = bytes.Clone(data[at:])
	}
	headers, body := splitObject(data[:at])
	for _, h := range headers {
		switch h.key {
		case "object":
			t.target = cmp.Or(t.target, h.value)
		case "type":
			t.typ = cmp.Or(t.typ, h.value)
		case "tag":
			t.name = cmp.Or(t.name, h.value)
		case "tagger":
			t.tagger = parseIdent(h.value)
		}
	}
	t.message = string(body)
	fault := ""
	switch {
	case !isObjectID(t.target):
		fault = "it names no object"
	case t.typ != "commit" && t.typ != "tag" && t.typ != "tree" && t.typ != "blob":
		fault = "the type of its object is unknown"
	case t.name == "":
		fault = "it has no name"
	}
	if fault != "" {
		return t, &MalformedError{ID: id, Type: "tag", Reason: fault}
	}
	return t, nil
}

// withoutSignatureHeaders drops the headers that hold a signature over the same tag in another
// object format: they are not part of what the signature at the end signs (remove_signature in
// git's commit.c).
func withoutSignatureHeaders(data []byte) []byte {
	out := make([]byte, 0, len(data))
	dropping := false
	for len(data) > 0 {
		line := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line = data[:i+1]
		}
		if line[0] == '\n' {
			return append(out, data...)
		}
		data = data[len(line):]
		dropping = bytes.HasPrefix(line, []byte("gpgsig ")) || bytes.HasPrefix(line, []byte("gpgsig-sha256 ")) ||
			(dropping && line[0] == ' ')
		if !dropping {
			out = append(out, line...)
		}
	}
	return out
}

// subjectOf is the first paragraph of a message on one line, as git's %s.
func subjectOf(message string) string {
	var words []string
	for line := range strings.SplitSeq(message, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			if len(words) > 0 {
				break
			}
			continue
		}
		words = append(words, line)
	}
	return strings.Join(words, " ")
}

// isObjectID reports whether s is a full SHA-1 or SHA-256 object id in lower case.
func isObjectID(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
