package trusttest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	tokenService = "test-service"
	tokenIssuer  = "test-issuer"
)

// TokenServer gives out tokens by the protocol of the distribution project ("token
// authentication"), whatever is asked for, to one user.
type TokenServer struct {
	URL            string // "https://localhost:PORT"
	Plain          string // the same without TLS, for registries that are spoken to without
	User, Password string
	// Lifetime is how long tokens are valid; five minutes if zero. Servers of distribution take one
	// for a minute longer.
	Lifetime time.Duration

	ca *CA
	mu sync.Mutex
	// asked are the scopes that were asked for.
	asked []string
}

// Tokens starts one.
func Tokens(t testing.TB, ca *CA, user, password string) *TokenServer {
	t.Helper()
	s := &TokenServer{ca: ca, User: user, Password: password}
	for _, tls := range []bool{true, false} {
		h := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
		h.Config.ErrorLog = log.New(io.Discard, "", 0)
		port := h.Listener.Addr().String()[strings.LastIndex(h.Listener.Addr().String(), ":"):]
		if tls {
			h.TLS = ca.TLS()
			h.StartTLS()
			s.URL = "https://localhost" + port
		} else {
			h.Start()
			s.Plain = "http://localhost" + port
		}
		t.Cleanup(h.Close)
	}
	return s
}

// Host is "localhost:PORT" of the one with TLS.
func (s *TokenServer) Host() string { return strings.TrimPrefix(s.URL, "https://") }

// Asked are the scopes that were asked for with the right password.
func (s *TokenServer) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *TokenServer) serve(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	user, password, _ := r.BasicAuth()
	if user == "" { // the OAuth2 form of the protocol
		user, password = r.Form.Get("username"), r.Form.Get("password")
	}
	if user != s.User || password != s.Password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var access []map[string]any
	for _, scope := range strings.Fields(strings.Join(r.Form["scope"], " ")) {
		kind, rest, _ := strings.Cut(scope, ":")
		i := strings.LastIndex(rest, ":")
		if i < 0 {
			continue
		}
		access = append(access, map[string]any{"type": kind, "name": rest[:i], "actions": strings.Split(rest[i+1:], ",")})
		s.mu.Lock()
		s.asked = append(s.asked, scope)
		s.mu.Unlock()
	}
	token, err := s.token(user, r.Form.Get("service"), access)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "access_token": token, "expires_in": 300})
}

// token is a JSON Web Token by ES256, with the server's certificate.
func (s *TokenServer) token(user, audience string, access any) (string, error) {
	now, lifetime := time.Now(), s.Lifetime
	if lifetime == 0 {
		lifetime = 5 * time.Minute
	}
	header, err := json.Marshal(map[string]any{"typ": "JWT", "alg": "ES256", "x5c": []string{base64.StdEncoding.EncodeToString(s.ca.pair.Certificate[0])}})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]any{
		"iss": tokenIssuer, "sub": user, "aud": audience, "exp": now.Add(lifetime).Unix(),
		"nbf": now.Add(-2 * time.Minute).Unix(), "iat": now.Unix(), "jti": fmt.Sprint(now.UnixNano()), "access": access,
	})
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	in := b64(header) + "." + b64(body)
	h := sha256.Sum256([]byte(in))
	x, y, err := ecdsa.Sign(rand.Reader, s.ca.key, h[:])
	if err != nil {
		return "", err
	}
	return in + "." + b64(append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)), nil
}
