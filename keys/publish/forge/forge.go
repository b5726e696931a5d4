// Package forge keeps OpenPGP keys in accounts of GitHub, GitLab and Gitea (Forgejo, Codeberg) through
// their interfaces. None of them can renew a key in place: the old version is taken away and the new
// one is added.
package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/publish/web"
)

// Kind is a kind of forge.
type Kind string

// The kinds.
const (
	GitHub Kind = "github"
	GitLab Kind = "gitlab"
	Gitea  Kind = "gitea"
)

// Account is an account on a forge, as the token shows it.
type Account struct {
	client *web.Client
	kind   Kind
	base   string // of the interface
	token  keys.Secret
}

// Open names an account. where is the address of the forge; for GitHub that of its interface. The
// token stays the caller's to destroy.
func Open(client *web.Client, kind Kind, where string, token keys.Secret) *Account {
	base := strings.TrimRight(where, "/")
	switch kind {
	case GitLab:
		base += "/api/v4"
	case Gitea:
		base += "/api/v1"
	}
	return &Account{client, kind, base, token}
}

// Host is the forge's name and port, for a person.
func (a *Account) Host() string {
	_, host, _ := strings.Cut(a.base, "://")
	host, _, _ = strings.Cut(host, "/")
	return host
}

// Email is an address of a key as the account sees it.
type Email struct {
	Address  string
	Verified bool
}

// Key is a key in an account.
type Key struct {
	ID int64
	// KeyID are the 16 digits of the primary key, where the forge tells them.
	KeyID string
	// Armored is the key as it was uploaded, where the forge gives that; else "".
	Armored string
	Emails  []Email
	Expires time.Time // zero for never or not told
	// Verified says that the account proved to own the key (Gitea).
	Verified bool
}

// wireKey is a key in the words of all three interfaces.
type wireKey struct {
	ID        int64     `json:"id"`
	KeyID     string    `json:"key_id"`
	RawKey    string    `json:"raw_key"` // GitHub
	Key       string    `json:"key"`     // GitLab
	Verified  bool      `json:"verified"`
	ExpiresAt wireTime  `json:"expires_at"`
	Emails    []wireAdr `json:"emails"`
}

type wireAdr struct {
	Email    string `json:"email"`
	Verified bool   `json:"verified"`
}

// wireTime reads RFC 3339 and takes whatever else stands there for no time.
type wireTime struct{ time.Time }

func (t *wireTime) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		if at, err := time.Parse(time.RFC3339, s); err == nil && at.Year() > 1 {
			t.Time = at.UTC()
		}
	}
	return nil
}

// maxKeys is how many keys of an account are looked at.
const maxKeys = 500

// ParseKeys reads a list of keys in the words of any of the forges.
func ParseKeys(data []byte) ([]Key, error) {
	var in []wireKey
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, errors.New("the answer is not the list of keys that was expected")
	}
	out := make([]Key, 0, min(len(in), maxKeys))
	for _, w := range in[:min(len(in), maxKeys)] {
		k := Key{ID: w.ID, KeyID: strings.ToUpper(w.KeyID), Expires: w.ExpiresAt.Time, Verified: w.Verified, Armored: w.RawKey + w.Key}
		for _, e := range w.Emails {
			k.Emails = append(k.Emails, Email{e.Email, e.Verified})
		}
		out = append(out, k)
	}
	return out, nil
}

// names reports whether a key of an account is the one with that fingerprint.
func (k Key) names(f keys.Fingerprint) bool {
	if k.Armored != "" {
		if r, err := keys.ReadKeyring([]byte(k.Armored), keys.SourceFile); err == nil {
			return r.Len() == 1 && r.Keys()[0].Fingerprint == f
		}
	}
	return k.KeyID != "" && strings.TrimLeft(k.KeyID, "0") == strings.TrimLeft(f.KeyID(), "0")
}

// Find looks for a key in the account. The result is nil if it is not there.
func (a *Account) Find(ctx context.Context, f keys.Fingerprint) (*Key, error) {
	const perPage = 50 // which all three allow
	for page := 1; page <= maxKeys/perPage; page++ {
		q := url.Values{"page": {fmt.Sprint(page)}, "per_page": {fmt.Sprint(perPage)}}
		if a.kind == Gitea {
			q = url.Values{"page": {fmt.Sprint(page)}, "limit": {fmt.Sprint(perPage)}}
		}
		data, err := a.call(ctx, "list the keys of the account", "GET", "/user/gpg_keys?"+q.Encode(), nil)
		if err != nil {
			return nil, err
		}
		list, err := ParseKeys(data)
		if err != nil {
			return nil, a.nonsense("list the keys of the account", err)
		}
		for _, k := range list {
			if k.names(f) {
				return &k, nil
			}
		}
		if len(list) < perPage {
			return nil, nil
		}
	}
	return nil, nil
}

// Add puts a key into the account. signature is a detached one over Challenge's text, which Gitea
// wants where the account has none of the key's addresses; nil for none.
func (a *Account) Add(ctx context.Context, armored, signature []byte) error {
	body := map[string]string{"armored_public_key": string(armored)}
	switch a.kind {
	case GitHub:
		body["name"] = "bulla"
	case GitLab:
		body = map[string]string{"key": string(armored)}
	}
	if signature != nil {
		body["armored_signature"] = string(signature)
	}
	_, err := a.call(ctx, "add the key", "POST", "/user/gpg_keys", body)
	return err
}

// Remove takes a key away.
func (a *Account) Remove(ctx context.Context, id int64) error {
	_, err := a.call(ctx, "take the old version of the key away", "DELETE", fmt.Sprintf("/user/gpg_keys/%d", id), nil)
	return err
}

// ErrNoChallenge says that the forge asks for no proof.
var ErrNoChallenge = errors.New("this forge asks for no proof")

// maxChallenge bounds the text that is signed for a forge.
const maxChallenge = 200

// Challenge is the text to sign as a proof of owning a key (Gitea). It is hexadecimal: a forge must
// not get just any text signed.
func (a *Account) Challenge(ctx context.Context) ([]byte, error) {
	if a.kind != Gitea {
		return nil, ErrNoChallenge
	}
	data, err := a.call(ctx, "ask what to sign", "GET", "/user/gpg_key_token", nil)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(string(data))
	if text == "" || len(text) > maxChallenge || strings.Trim(text, "0123456789abcdefABCDEF") != "" {
		return nil, a.nonsense("ask what to sign", errors.New("it wants something signed that is no token"))
	}
	return []byte(text), nil
}

// Prove hands in a signature over Challenge's text for a key that is in the account already (Gitea).
func (a *Account) Prove(ctx context.Context, keyID string, signature []byte) error {
	if a.kind != Gitea {
		return ErrNoChallenge
	}
	_, err := a.call(ctx, "hand in the proof", "POST", "/user/gpg_key_verify", map[string]string{"key_id": keyID, "armored_signature": string(signature)})
	return err
}

// User is whose the token is.
type User struct {
	Login string
	// Emails are the addresses that the account is known to have confirmed, where the forge tells
	// them apart from the keys (GitLab).
	Emails []string
}

// User asks whose the token is.
func (a *Account) User(ctx context.Context) (User, error) {
	const op = "ask whose the token is"
	data, err := a.call(ctx, op, "GET", "/user", nil)
	if err != nil {
		return User{}, err
	}
	u, err := ParseUser(data)
	if err != nil {
		return u, a.nonsense(op, err)
	}
	if a.kind != GitLab {
		u.Emails = nil
	}
	return u, nil
}

// ParseUser reads an account in the words of any of the forges.
func ParseUser(data []byte) (User, error) {
	var in struct {
		Login       string `json:"login"`
		Username    string `json:"username"` // GitLab; Gitea's has the same as login
		Email       string `json:"email"`
		CommitEmail string `json:"commit_email"`
		PublicEmail string `json:"public_email"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return User{}, errors.New("the answer is not the account that was expected")
	}
	u := User{Login: in.Login}
	if u.Login == "" {
		u.Login = in.Username
	}
	if u.Login == "" || len(u.Login) > 255 || strings.ContainsAny(u.Login, "/?#%\\ \t\r\n") || strings.HasPrefix(u.Login, ".") {
		return User{}, errors.New("the answer names no account")
	}
	for _, e := range []string{in.Email, in.CommitEmail, in.PublicEmail} {
		if e != "" {
			u.Emails = append(u.Emails, e)
		}
	}
	return u, nil
}

// PublicURL is where everybody gets the keys of an account.
func (a *Account) PublicURL(login string) string {
	root := a.base
	switch {
	case a.kind != GitHub:
		root = root[:strings.LastIndex(root, "/api/")]
	case a.base == "https://api.github.com":
		root = "https://github.com"
	default: // an Enterprise server
		root = strings.TrimSuffix(root, "/api/v3")
	}
	return root + "/" + url.PathEscape(login) + ".gpg"
}

// Public returns the keys of an account as everybody gets them.
func (a *Account) Public(ctx context.Context, login string) ([]byte, error) {
	ans, err := a.client.Get(ctx, "ask for the key as everybody gets it", a.PublicURL(login))
	return ans.Body, err
}

func (a *Account) nonsense(op string, err error) error {
	return &web.Error{Host: a.Host(), Op: op, Kind: web.KindNonsense, Detail: err.Error()}
}

// call makes one call with the token.
func (a *Account) call(ctx context.Context, op, method, path string, body any) ([]byte, error) {
	r := web.Request{Op: op, Method: method, URL: a.base + path, Accept: "application/json", Token: &web.Token{Header: "Authorization", Prefix: "Bearer ", Value: a.token}}
	switch a.kind {
	case GitHub:
		r.Accept = "application/vnd.github+json"
	case GitLab:
		r.Token.Header, r.Token.Prefix = "PRIVATE-TOKEN", ""
	case Gitea:
		r.Token.Prefix = "token "
		if path == "/user/gpg_key_token" {
			r.Accept = "text/plain"
		}
	}
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r.Body, r.Type = data, "application/json"
	}
	ans, err := a.client.Do(ctx, r)
	return ans.Body, err
}
