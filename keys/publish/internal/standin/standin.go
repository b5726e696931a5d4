// Package standin stands in for servers that cannot run on a test machine: keys.openpgp.org and the
// forges. Each is written from its published interface and behaves as that says, also where it is
// odd. They are for tests only, listen on loopback, and prove nothing about the real servers.
package standin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// recorder keeps what was asked, so that a test can tell what was sent.
type recorder struct {
	mu       sync.Mutex
	requests []string
}

func (r *recorder) note(q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, q.Method+" "+q.URL.RequestURI())
}

// Requests are what was asked since the last call.
func (r *recorder) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.requests
	r.requests = nil
	return out
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") &&
		json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(v) == nil
}

var errSecret = errors.New("a secret key")

// parse reads one armored public key.
func parse(text string) (raw []byte, e *openpgp.Entity, err error) {
	b, err := armor.Decode(strings.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	if b.Type == openpgp.PrivateKeyType {
		return nil, nil, errSecret
	}
	if raw, err = io.ReadAll(b.Body); err != nil {
		return nil, nil, err
	}
	list, err := openpgp.ReadKeyRing(bytes.NewReader(raw))
	if err != nil || len(list) != 1 {
		return nil, nil, errors.Join(errors.New("not one key"), err)
	}
	return raw, list[0], nil
}

func armored(raw []byte) []byte {
	var out bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&out, openpgp.PublicKeyType, nil, true)
	if err != nil {
		return nil
	}
	_, _ = w.Write(raw)
	_ = w.Close()
	out.WriteByte('\n')
	return out.Bytes()
}

// emails are the addresses in the user ids of a key, in lower case.
func emails(e *openpgp.Entity) (out []string) {
	for _, id := range e.Identities {
		if id.UserId.Email != "" {
			out = append(out, strings.ToLower(id.UserId.Email))
		}
	}
	return out
}

// filter drops the user ids that keep refuses, with their signatures.
func filter(raw []byte, keep func(email string) bool) []byte {
	var out bytes.Buffer
	skip := false
	for r := packet.NewOpaqueReader(bytes.NewReader(raw)); ; {
		p, err := r.Next()
		if err != nil {
			return out.Bytes()
		}
		switch p.Tag {
		case 13, 17:
			parsed, _ := p.Parse()
			u, ok := parsed.(*packet.UserId)
			skip = !ok || !keep(strings.ToLower(u.Email))
		case 6, 14:
			skip = false
		}
		if !skip {
			_ = p.Serialize(&out)
		}
	}
}
