// Package hkp speaks the protocol of OpenPGP key servers: SKS, Hockeypuck, onak and those that
// answer alike (draft-shaw-openpgp-hkp-00, draft-gallagher-openpgp-hkp). It reports what servers
// say; whether that is true, the caller finds out by asking for the key.
package hkp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"bulla/keys"
	"bulla/keys/publish/web"
)

// maxEntries is how many keys of an index are read.
const maxEntries = 200

// Server is one key server.
type Server struct {
	client *web.Client
	base   string
}

// New names a server by its address in the form of [ParseAddress].
func New(client *web.Client, address string) (Server, error) {
	base, err := ParseAddress(address)
	return Server{client, base}, err
}

// ParseAddress turns hkp://host[:port] or hkps://host[:port] into the address that is called. The
// ports are 11371 and 443 unless they are named.
func ParseAddress(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is no address of a key server", s)
	}
	host := u.Host
	switch u.Scheme {
	case "hkps":
		return "https://" + host, nil
	case "hkp":
		if u.Port() == "" {
			host = net.JoinHostPort(u.Hostname(), "11371")
		}
		return "http://" + host, nil
	}
	return "", fmt.Errorf("%q is no address of a key server: it begins with hkps:// or hkp://", s)
}

// Host is the server's name and port, for a person.
func (s Server) Host() string {
	_, host, _ := strings.Cut(s.base, "://")
	return host
}

// Add sends an armored public key. No error means that the server answered with success, and no
// more: SKS does so for keys that it refused. Sending a key twice does no harm.
func (s Server) Add(ctx context.Context, armored []byte) error {
	_, err := s.client.Do(ctx, web.Request{
		Op: "send the key", Method: "POST", URL: s.base + "/pks/add", Repeatable: true,
		Type: "application/x-www-form-urlencoded", Body: []byte(url.Values{"keytext": {string(armored)}}.Encode()),
	})
	var e *web.Error
	if errors.As(err, &e) && e.Kind == web.KindTooBig {
		return nil // what it says does not matter
	}
	return err
}

// Get asks for keys by a fingerprint, a key id or an address, and returns them as they came,
// armored. What does not exist is an error of the kind web.KindNotFound.
func (s Server) Get(ctx context.Context, search string) ([]byte, error) {
	a, err := s.client.Get(ctx, "ask for the key", s.lookup("get", search))
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(a.Body, []byte("-----BEGIN PGP ")) {
		// onak says so with a page and success.
		return nil, &web.Error{Host: s.Host(), Op: "ask for the key", Kind: web.KindNotFound, Status: a.Status, Detail: "it answers without a key"}
	}
	return a.Body, nil
}

// Entry is one key of an index.
type Entry struct {
	// ID is a fingerprint, or a key id where the server gives no more.
	ID      string
	UserIDs []string // raw
	Revoked bool
}

// Names reports whether the entry is about the key with that fingerprint.
func (e Entry) Names(f keys.Fingerprint) bool {
	return e.ID == string(f) || len(e.ID) == 16 && e.ID == f.KeyID()
}

// Index lists the keys with an address.
func (s Server) Index(ctx context.Context, address string) ([]Entry, error) {
	a, err := s.client.Get(ctx, "ask which keys have the address", s.lookup("index", address)+"&exact=on")
	if err != nil {
		return nil, err
	}
	return ParseIndex(a.Body), nil
}

func (s Server) lookup(op, search string) string {
	if isHex(search) {
		search = "0x" + search
	}
	return s.base + "/pks/lookup?" + url.Values{"op": {op}, "options": {"mr"}, "search": {search}}.Encode()
}

// ParseIndex reads a machine-readable index. Lines that are not understood are passed over.
func ParseIndex(data []byte) (list []Entry) {
	for line := range bytes.Lines(data[:min(len(data), web.MaxAnswer)]) {
		fields := strings.Split(strings.TrimRight(string(line), "\r\n"), ":")
		switch {
		case fields[0] == "pub" && len(fields) >= 2:
			id := strings.ToUpper(strings.TrimPrefix(fields[1], "0x"))
			if !isHex(id) {
				id = ""
			}
			if len(list) == maxEntries {
				return list
			}
			list = append(list, Entry{ID: id, Revoked: len(fields) > 6 && strings.Contains(fields[6], "r")})
		case fields[0] == "uid" && len(fields) >= 2 && len(list) > 0:
			if uid, err := url.PathUnescape(fields[1]); err == nil {
				e := &list[len(list)-1]
				e.UserIDs = append(e.UserIDs, uid)
			}
		}
	}
	return list
}

func isHex(s string) bool {
	if len(s) != 16 && len(s) != 40 && len(s) != 64 {
		return false
	}
	for i := 0; i < len(s); i += 16 {
		if _, err := strconv.ParseUint(s[i:min(i+16, len(s))], 16, 64); err != nil {
			return false
		}
	}
	return true
}
