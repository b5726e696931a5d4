package gitops

import (
	"bytes"
	"io"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"bulla/keys/limits"
)

// hidden stands where a credential was.
const hidden = "***"

var (
	// Everything up to the last @ before a slash: passwords are pasted unescaped.
	urlUserinfo = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)([^/\s'"]*)@`)
	urlQuery    = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://[^\s'"?]*)\?[^\s'"]*`)
	authHeader  = regexp.MustCompile(`(?im)\b((?:proxy-)?authorization:\s*)[^\r\n]*`)
)

// redact removes what may be a credential from text of git and remotes: user and password in
// addresses, queries of addresses, authorization headers of traces.
func redact(s string) string {
	s = urlUserinfo.ReplaceAllStringFunc(s, func(m string) string {
		scheme, user, _ := strings.Cut(m, "://")
		return scheme + "://" + publicUser(scheme, strings.TrimSuffix(user, "@"))
	})
	s = urlQuery.ReplaceAllString(s, "$1?"+hidden)
	return authHeader.ReplaceAllString(s, "$1"+hidden)
}

// redactAll is redact for each of a list.
func redactAll(list []string) (out []string) {
	for _, s := range list {
		out = append(out, redact(s))
	}
	return out
}

// publicUser is what may be shown of an address' user part: the login of ssh, never a
// password, and nothing of http, where a token often takes the place of the user.
func publicUser(scheme, user string) string {
	if !strings.Contains(strings.ToLower(scheme), "ssh") || user == "" {
		return ""
	}
	name, _, _ := strings.Cut(user, ":")
	return name + "@"
}

// secretsOf are the passwords and tokens within an address, as written and unescaped, for
// output that quotes them outside of an address.
func secretsOf(address string) []string {
	m := urlUserinfo.FindStringSubmatch(address)
	if m == nil {
		return nil
	}
	user, pass, hasPass := strings.Cut(m[2], ":")
	found := []string{pass}
	if publicUser(m[1], m[2]) == "" && !hasPass {
		found = append(found, user)
	}
	var out []string
	for _, s := range found {
		if len(s) < 4 { // too short to be a secret, and everywhere in the text
			continue
		}
		out = append(out, s)
		if plain, err := url.PathUnescape(s); err == nil && plain != s {
			out = append(out, plain)
		}
	}
	return out
}

// redactor passes text on line by line, without credentials, and keeps the first part of it.
type redactor struct {
	mu      sync.Mutex
	out     io.Writer // nil for none
	secrets []string
	line    []byte
	kept    limits.Buffer
}

// maxLine is where a line without end is cut and passed on, in bytes.
const maxLine = 16 << 10

func (w *redactor) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line = append(w.line, p...)
	for {
		i := bytes.IndexAny(w.line, "\r\n")
		if i < 0 && len(w.line) < maxLine {
			return len(p), nil
		}
		if i < 0 {
			i = len(w.line) - 1
		}
		w.emit(w.line[:i+1])
		w.line = w.line[i+1:]
	}
}

// flush passes on the last, unfinished line.
func (w *redactor) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.emit(w.line)
	w.line = nil
}

// emit never fails: a screen that went away must not break off a push half way.
func (w *redactor) emit(line []byte) {
	if len(line) == 0 {
		return
	}
	s := string(line)
	for _, secret := range w.secrets {
		s = strings.ReplaceAll(s, secret, hidden)
	}
	s = redact(s)
	_, _ = w.kept.Write([]byte(s))
	if w.out != nil {
		_, _ = io.WriteString(w.out, s)
	}
}

func (w *redactor) text() string { return strings.TrimSpace(w.kept.String()) }
