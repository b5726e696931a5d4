package standin

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Forge stands in for an account of GitHub, GitLab or Gitea, written from their published
// interfaces (docs.github.com/rest/users/gpg-keys, docs.gitlab.com/api/user_keys, the Swagger
// description of Gitea).
type Forge struct {
	recorder
	Server *httptest.Server
	// Token is the only one that is accepted; Login and Emails are the account's, the addresses
	// confirmed.
	Token, Login string
	Emails       []string

	kind      string
	keys      []forgeKey
	next      int64
	challenge string
	refuse    func(armored string) bool
	stale     []byte // what the public page shows instead, if set
	blabs     bool
}

type forgeKey struct {
	id       int64
	raw      []byte
	text     string
	entity   *openpgp.Entity
	verified bool
}

// NewForge starts a stand-in of the kind "github", "gitlab" or "gitea" that ends with the test.
func NewForge(t testing.TB, kind string) *Forge {
	f := EmptyForge(kind)
	f.Server = httptest.NewServer(f.Handler())
	t.Cleanup(f.Server.Close)
	return f
}

// EmptyForge is a stand-in that is not started: see Handler.
func EmptyForge(kind string) *Forge {
	return &Forge{kind: kind, Token: "tok-" + strings.Repeat("x", 20), Login: "ada", next: 1, challenge: strings.Repeat("0123456789abcdef", 4)}
}

// Target is how bulla names it.
func (f *Forge) Target() string {
	if f.kind == "github" { // as an Enterprise server does
		return "github:" + f.Server.URL + "/api/v3"
	}
	return f.kind + ":" + f.Server.URL
}

// Refuse makes it refuse to add the keys for which refuse says so.
func (f *Forge) Refuse(refuse func(armored string) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = refuse
}

// Freeze makes the public page go on showing what it shows now, or no longer.
func (f *Forge) Freeze(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stale = nil
	if on {
		f.stale = f.page()
	}
}

// Blab makes it repeat the headers of a call in its errors, as some proxies do.
func (f *Forge) Blab() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blabs = true
}

// Count is how many keys the account has.
func (f *Forge) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.keys)
}

// Handler answers as the forge does.
func (f *Forge) Handler() http.Handler {
	api := map[string]string{"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}[f.kind]
	m := http.NewServeMux()
	handle := func(method, path string, do func(http.ResponseWriter, *http.Request)) {
		m.HandleFunc(method+" "+api+path, func(w http.ResponseWriter, r *http.Request) {
			f.note(r)
			f.mu.Lock()
			defer f.mu.Unlock()
			if !f.authorised(r) {
				text := "Bad credentials"
				if f.blabs {
					text += fmt.Sprint(" ", r.Header)
				}
				answer(w, http.StatusUnauthorized, map[string]string{"message": text})
				return
			}
			do(w, r)
		})
	}
	handle("GET", "/user", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, f.user()) })
	handle("GET", "/user/gpg_keys", f.list)
	handle("POST", "/user/gpg_keys", f.add)
	handle("DELETE", "/user/gpg_keys/{id}", f.remove)
	if f.kind == "gitea" {
		handle("GET", "/user/gpg_key_token", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, f.challenge) })
	}
	m.HandleFunc("GET /"+f.Login+".gpg", func(w http.ResponseWriter, r *http.Request) {
		f.note(r)
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.stale != nil {
			_, _ = w.Write(f.stale)
			return
		}
		_, _ = w.Write(f.page())
	})
	return m
}

func (f *Forge) authorised(r *http.Request) bool {
	switch f.kind {
	case "gitlab":
		return r.Header.Get("PRIVATE-TOKEN") == f.Token
	case "gitea":
		return r.Header.Get("Authorization") == "token "+f.Token
	}
	return r.Header.Get("Authorization") == "Bearer "+f.Token
}

func (f *Forge) page() []byte {
	var all []byte
	for _, k := range f.keys {
		all = append(all, k.raw...)
	}
	return armored(all)
}

func (f *Forge) user() map[string]any {
	if f.kind == "gitlab" {
		u := map[string]any{"id": 7, "username": f.Login}
		if len(f.Emails) > 0 {
			u["email"], u["commit_email"] = f.Emails[0], f.Emails[0]
		}
		return u
	}
	return map[string]any{"id": 7, "login": f.Login}
}

// view is a key in the words of the forge.
func (f *Forge) view(k forgeKey) map[string]any {
	if f.kind == "gitlab" {
		return map[string]any{"id": k.id, "key": k.text, "created_at": time.Now().UTC().Format(time.RFC3339)}
	}
	list := []map[string]any{}
	for _, m := range emails(k.entity) {
		list = append(list, map[string]any{"email": m, "verified": slices.Contains(f.Emails, m)})
	}
	v := map[string]any{
		"id": k.id, "primary_key_id": nil, "key_id": fmt.Sprintf("%016X", k.entity.PrimaryKey.KeyId), "emails": list, "subkeys": []any{},
		"public_key": base64.StdEncoding.EncodeToString(k.raw[:32]), "can_sign": true, "created_at": time.Now().UTC().Format(time.RFC3339), "expires_at": nil,
	}
	switch f.kind {
	case "github":
		v["raw_key"] = k.text
	case "gitea":
		v["verified"] = k.verified
	}
	return v
}

func (f *Forge) list(w http.ResponseWriter, r *http.Request) {
	per, _ := strconv.Atoi(r.FormValue("per_page") + r.FormValue("limit"))
	page, _ := strconv.Atoi(r.FormValue("page"))
	from := min(max(0, (page-1)*per), len(f.keys))
	out := []map[string]any{}
	for _, k := range f.keys[from:min(from+per, len(f.keys))] {
		out = append(out, f.view(k))
	}
	answer(w, http.StatusOK, out)
}

func (f *Forge) add(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Armored   string `json:"armored_public_key"`
		Key       string `json:"key"`
		Signature string `json:"armored_signature"`
	}
	ok := read(w, r, &in)
	if f.kind == "gitlab" {
		in.Armored = in.Key
	}
	raw, e, err := parse(in.Armored)
	if !ok || err != nil || f.refuse != nil && f.refuse(in.Armored) {
		answer(w, http.StatusUnprocessableEntity, map[string]string{"message": "Validation Failed"})
		return
	}
	if slices.ContainsFunc(f.keys, func(k forgeKey) bool { return k.entity.PrimaryKey.KeyId == e.PrimaryKey.KeyId }) {
		answer(w, http.StatusUnprocessableEntity, map[string]string{"message": "A key with the same id already exists"})
		return
	}
	k := forgeKey{id: f.next, raw: raw, text: in.Armored, entity: e}
	if f.kind == "gitea" && !slices.ContainsFunc(emails(e), func(m string) bool { return slices.Contains(f.Emails, m) }) {
		_, _, err := openpgp.VerifyArmoredDetachedSignature(openpgp.EntityList{e}, strings.NewReader(f.challenge), bytes.NewReader([]byte(in.Signature)), nil)
		if k.verified = err == nil; !k.verified {
			answer(w, http.StatusNotFound, map[string]string{"message": "None of the emails attached to the GPG key could be found. It may still be added if you provide a valid signature for the token: " + f.challenge})
			return
		}
	}
	f.next++
	f.keys = append(f.keys, k)
	answer(w, http.StatusCreated, f.view(k))
}

func (f *Forge) remove(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	n := len(f.keys)
	f.keys = slices.DeleteFunc(f.keys, func(k forgeKey) bool { return k.id == id })
	if len(f.keys) == n {
		http.NotFound(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
