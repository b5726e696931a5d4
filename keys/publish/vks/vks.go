// Package vks speaks the interface of verifying key servers, which is that of keys.openpgp.org
// (https://keys.openpgp.org/about/api): a key is uploaded, and each address becomes public only after the
// link in a mail to it was opened. It reports what the server says; whether that is true, the
// caller finds out by asking for the key.
package vks

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"bulla/keys"
	"bulla/keys/publish/web"
)

// AddressStatus is what the server says of one address of a key.
type AddressStatus string

// What the interface knows.
const (
	Unpublished AddressStatus = "unpublished" // no mail was sent yet
	Pending     AddressStatus = "pending"     // a mail was sent
	Published   AddressStatus = "published"
	Revoked     AddressStatus = "revoked"
)

// Upload is the answer to an upload, and to a request for mails.
type Upload struct {
	Fingerprint keys.Fingerprint
	// Token stands for this upload in RequestVerify.
	Token  string
	Status map[string]AddressStatus // by address, as the server writes it
}

// Of is the status of an address, whatever its case; "" for none.
func (u Upload) Of(address string) AddressStatus {
	for a, s := range u.Status {
		if strings.EqualFold(a, address) {
			return s
		}
	}
	return ""
}

// maxAddresses is the most that a status may list.
const maxAddresses = 1000

// Server is one such server.
type Server struct {
	client *web.Client
	base   string
}

// New names a server by the address that /vks/v1 follows.
func New(client *web.Client, base string) Server {
	return Server{client, strings.TrimRight(base, "/")}
}

// Host is the server's name and port, for a person.
func (s Server) Host() string {
	_, host, _ := strings.Cut(s.base, "://")
	return host
}

// Upload sends one armored public key. Doing it twice does no harm.
func (s Server) Upload(ctx context.Context, armored []byte) (Upload, error) {
	return s.post(ctx, "send the key", "upload", map[string]any{"keytext": string(armored)}, true)
}

// RequestVerify asks for a mail to each of the addresses of what was uploaded. It is not repeated:
// each call may send mails.
func (s Server) RequestVerify(ctx context.Context, token string, addresses []string) (Upload, error) {
	return s.post(ctx, "ask for the mails", "request-verify", map[string]any{"token": token, "addresses": addresses, "locale": []string{"en_US"}}, false)
}

func (s Server) post(ctx context.Context, op, what string, body any, repeatable bool) (Upload, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return Upload{}, err
	}
	a, err := s.client.Do(ctx, web.Request{
		Op: op, Method: "POST", URL: s.base + "/vks/v1/" + what, Type: "application/json", Accept: "application/json", Body: data, Repeatable: repeatable, Limit: 256 << 10,
	})
	if err != nil {
		return Upload{}, err
	}
	u, err := ParseUpload(a.Body)
	if err != nil {
		return u, &web.Error{Host: s.Host(), Op: op, Kind: web.KindNonsense, Status: a.Status, Detail: err.Error()}
	}
	return u, nil
}

// ParseUpload reads an answer to an upload.
func ParseUpload(data []byte) (Upload, error) {
	var in struct {
		Fingerprint string                   `json:"key_fpr"`
		Token       string                   `json:"token"`
		Status      map[string]AddressStatus `json:"status"`
		Error       string                   `json:"error"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return Upload{}, nonsense("the answer is not the JSON that was expected")
	}
	if in.Error != "" {
		return Upload{}, nonsense("it says: " + in.Error[:min(len(in.Error), 200)])
	}
	f, err := keys.ParseFingerprint(in.Fingerprint)
	if err != nil || len(in.Status) > maxAddresses || len(in.Token) > 4096 {
		return Upload{}, nonsense("the answer names no key")
	}
	return Upload{Fingerprint: f, Token: in.Token, Status: in.Status}, nil
}

type nonsense string

func (n nonsense) Error() string { return string(n) }

// ByFingerprint returns the key with that fingerprint of a primary key or subkey, armored: without
// the user ids that were not confirmed.
func (s Server) ByFingerprint(ctx context.Context, f keys.Fingerprint) ([]byte, error) {
	return s.get(ctx, "by-fingerprint/"+string(f))
}

// ByKeyID returns the key with that key id of 16 digits.
func (s Server) ByKeyID(ctx context.Context, id string) ([]byte, error) {
	return s.get(ctx, "by-keyid/"+id)
}

// ByEmail returns the key that confirmed the address. Servers allow few such calls a minute.
func (s Server) ByEmail(ctx context.Context, address string) ([]byte, error) {
	return s.get(ctx, "by-email/"+url.PathEscape(address))
}

func (s Server) get(ctx context.Context, what string) ([]byte, error) {
	a, err := s.client.Get(ctx, "ask for the key", s.base+"/vks/v1/"+what)
	return a.Body, err
}
