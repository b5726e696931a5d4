package standin

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// VKS stands in for keys.openpgp.org: its interface VKS v1 and its part of HKP, written from
// keys.openpgp.org/about/api.
type VKS struct {
	recorder
	Server *httptest.Server

	keys    map[string]*vksKey // by fingerprint
	uploads map[string]string  // token → fingerprint
	mails   map[string]string  // address → link
	links   map[string][2]string
	// limitEmail is how many calls by address are answered with 429 first.
	limitEmail int
}

type vksKey struct {
	raw                []byte
	emails             []string
	revoked            bool
	subkeys            []string
	published, pending map[string]bool
}

// NewVKS starts a stand-in that ends with the test.
func NewVKS(t testing.TB) *VKS {
	s := EmptyVKS()
	s.Server = httptest.NewServer(s.Handler())
	t.Cleanup(s.Server.Close)
	return s
}

// EmptyVKS is a stand-in that is not started: see Handler.
func EmptyVKS() *VKS {
	return &VKS{keys: map[string]*vksKey{}, uploads: map[string]string{}, mails: map[string]string{}, links: map[string][2]string{}}
}

// Target is how bulla names it.
func (s *VKS) Target() string { return "vks:" + s.Server.URL }

// HKP is its address as a key server.
func (s *VKS) HKP() string { return "hkp://" + strings.TrimPrefix(s.Server.URL, "http://") }

// Mail is the link that was mailed to an address, "" for none.
func (s *VKS) Mail(address string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails[address]
}

// LimitEmail makes the next n calls by address fail with 429.
func (s *VKS) LimitEmail(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limitEmail = n
}

// Handler answers as the server does.
func (s *VKS) Handler() http.Handler {
	m := http.NewServeMux()
	handle := func(pattern string, f func(http.ResponseWriter, *http.Request)) {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.note(r)
			s.mu.Lock()
			defer s.mu.Unlock()
			f(w, r)
		})
	}
	handle("POST /vks/v1/upload", s.upload)
	handle("POST /vks/v1/request-verify", s.requestVerify)
	handle("GET /verify/{token}", s.confirm)
	handle("GET /vks/v1/{by}/{what}", s.get)
	handle("GET /pks/lookup", func(w http.ResponseWriter, r *http.Request) { s.give(w, r.FormValue("search")) })
	handle("POST /pks/add", func(w http.ResponseWriter, r *http.Request) {
		if _, msg := s.put(r.FormValue("keytext")); msg != "" {
			http.Error(w, msg, http.StatusBadRequest)
			return
		}
		fmt.Fprintln(w, "Upload successful. Note that identity information will only be published after verification.")
	})
	return m
}

func (s *VKS) put(text string) (fpr, problem string) {
	raw, e, err := parse(text)
	switch {
	case err == errSecret:
		return "", "Whoops, please don't upload secret keys!"
	case err != nil:
		return "", "Parsing of key data failed."
	}
	fpr = fmt.Sprintf("%X", e.PrimaryKey.Fingerprint)
	k := s.keys[fpr]
	if k == nil {
		k = &vksKey{published: map[string]bool{}, pending: map[string]bool{}}
		s.keys[fpr] = k
	}
	k.raw, k.emails, k.revoked = raw, emails(e), len(e.Revocations) > 0
	for _, sub := range e.Subkeys {
		k.subkeys = append(k.subkeys, fmt.Sprintf("%X", sub.PublicKey.Fingerprint))
	}
	return fpr, ""
}

func (s *VKS) status(fpr, token string) map[string]any {
	k := s.keys[fpr]
	st := map[string]string{}
	for _, m := range k.emails {
		switch {
		case k.revoked: // such a key lists no addresses
		case k.published[m]:
			st[m] = "published"
		case k.pending[m]:
			st[m] = "pending"
		default:
			st[m] = "unpublished"
		}
	}
	return map[string]any{"key_fpr": fpr, "status": st, "token": token}
}

func (s *VKS) upload(w http.ResponseWriter, r *http.Request) {
	var in struct{ Keytext string }
	if !read(w, r, &in) {
		answer(w, http.StatusBadRequest, map[string]string{"error": "expected application/json data. see /about/api for api docs."})
		return
	}
	fpr, problem := s.put(in.Keytext)
	if problem != "" {
		answer(w, http.StatusBadRequest, map[string]string{"error": problem})
		return
	}
	token := rand.Text()
	s.uploads[token] = fpr
	answer(w, http.StatusOK, s.status(fpr, token))
}

func (s *VKS) requestVerify(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token             string
		Addresses, Locale []string
	}
	fpr := ""
	if read(w, r, &in) {
		fpr = s.uploads[in.Token]
	}
	if fpr == "" {
		answer(w, http.StatusBadRequest, map[string]string{"error": "provided token is not valid"})
		return
	}
	have := s.status(fpr, in.Token)["status"].(map[string]string)
	for _, a := range in.Addresses {
		if a = strings.ToLower(a); have[a] == "unpublished" {
			token := rand.Text()
			s.links[token] = [2]string{fpr, a}
			s.keys[fpr].pending[a] = true
			s.mails[a] = "http://" + r.Host + "/verify/" + token
		}
	}
	answer(w, http.StatusOK, s.status(fpr, in.Token))
}

// confirm is the link of a mail. An address belongs to one key.
func (s *VKS) confirm(w http.ResponseWriter, r *http.Request) {
	v, ok := s.links[r.PathValue("token")]
	if !ok {
		http.Error(w, "The link is not valid.", http.StatusBadRequest)
		return
	}
	for k := range maps.Values(s.keys) {
		delete(k.published, v[1])
	}
	s.keys[v[0]].published[v[1]] = true
	fmt.Fprintln(w, "Your key is published for", v[1])
}

func (s *VKS) get(w http.ResponseWriter, r *http.Request) {
	what, err := url.PathUnescape(r.PathValue("what"))
	byEmail := r.PathValue("by") == "by-email"
	if err != nil || !byEmail && (strings.HasPrefix(what, "0X") || strings.ToUpper(what) != what) {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	if byEmail && s.limitEmail > 0 {
		s.limitEmail--
		w.Header().Set("Retry-After", "61")
		http.Error(w, "Too many requests.", http.StatusTooManyRequests)
		return
	}
	s.give(w, what)
}

func (s *VKS) give(w http.ResponseWriter, what string) {
	hex := strings.ToUpper(strings.TrimPrefix(what, "0x"))
	for fpr, k := range s.keys {
		found := fpr == hex || len(hex) == 16 && strings.HasSuffix(fpr, hex) || k.published[strings.ToLower(what)]
		for _, sub := range k.subkeys {
			found = found || sub == hex || len(hex) == 16 && strings.HasSuffix(sub, hex)
		}
		if found {
			w.Header().Set("Content-Type", "application/pgp-keys")
			_, _ = w.Write(armored(filter(k.raw, func(m string) bool { return k.published[m] })))
			return
		}
	}
	http.Error(w, "No key found for "+what, http.StatusNotFound)
}
