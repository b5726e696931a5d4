package publish

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/publish/internal/standin"
	"bulla/keys/publish/web"
)

// troubled is a place of each kind that speaks over the network, with something between it and the
// world that may answer in its stead.
type troubled struct {
	target Target
	// answer, if it is set and returns true, has answered.
	answer atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

// between has f answer the calls with a method; "" is for all.
func (s *troubled) between(method string, f http.HandlerFunc) {
	g := func(w http.ResponseWriter, r *http.Request) bool {
		if method != "" && r.Method != method {
			return false
		}
		f(w, r)
		return true
	}
	s.answer.Store(&g)
}

func newTroubled(t *testing.T, kind Kind) *troubled {
	t.Helper()
	s := &troubled{}
	var behind http.Handler
	switch kind {
	case KindHKP:
		behind = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // takes everything, has nothing
			if r.Method != http.MethodPost {
				http.NotFound(w, r)
			}
		})
	case KindVKS:
		behind = standin.EmptyVKS().Handler()
	default:
		f := standin.EmptyForge(string(kind))
		f.Emails = []string{"ada@example.test"}
		behind = f.Handler()
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := s.answer.Load(); f != nil && (*f)(w, r) {
			return
		}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	where := server.URL
	switch kind {
	case KindHKP:
		where = "hkp://" + strings.TrimPrefix(where, "http://")
	case KindGitHub:
		where += "/api/v3"
	}
	s.target = Target{kind, where}
	return s
}

// TestTroubleSending: whatever a server answers in place of taking the key, the key counts as not
// sent, nothing is claimed to be found, and how long the server asks to wait is told.
func TestTroubleSending(t *testing.T) {
	home, f := ada(t, "Ada <ada@example.test>")
	ring := ringOf(t, home)
	status := func(code int, after string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if after != "" {
				w.Header().Set("Retry-After", after)
			}
			w.WriteHeader(code)
		}
	}
	for _, kind := range []Kind{KindHKP, KindVKS, KindGitHub, KindGitLab, KindGitea} {
		for name, c := range map[string]struct {
			answer http.HandlerFunc
			want   web.Kind
			after  time.Duration
		}{
			"too often":   {status(http.StatusTooManyRequests, "120"), web.KindRateLimited, 2 * time.Minute},
			"unavailable": {status(http.StatusServiceUnavailable, "90"), web.KindServer, 90 * time.Second},
			"broken":      {status(http.StatusInternalServerError, ""), web.KindServer, 0},
			"no answer": {func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // a server that does not read does not see its client leave
				<-r.Context().Done()
			}, web.KindTimeout, 0},
		} {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				s := newTroubled(t, kind)
				s.between(http.MethodPost, c.answer)
				timeout := time.Minute
				if c.want == web.KindTimeout {
					timeout = 300 * time.Millisecond
				}
				p := New(Options{
					Client: web.New(web.Options{Timeout: timeout, Wait: func(context.Context, time.Duration) error { return nil }}),
					Token: func(context.Context, Target) (keys.Secret, error) {
						return keys.NewSecret([]byte("tok-" + strings.Repeat("x", 20))), nil
					},
				})
				r := publishOne(t, p, plan(t, ring, f, Choice{}, s.target.String()))
				var e *web.Error
				if !errors.As(r.Err, &e) || e.Kind != c.want || e.RetryAfter != c.after || r.Stage != StageNone || r.Done() || r.Waiting() || len(r.Addresses) != 0 {
					t.Errorf("%s, %+v", r.State(), r)
				}
			})
		}
	}
}

// TestTroubleReadingBack: a server that says that all is well is not believed: what it gives when it
// is asked for the key decides.
func TestTroubleReadingBack(t *testing.T) {
	home, f := ada(t, "Ada <ada@example.test>")
	ring := ringOf(t, home)
	other, otherF := ada(t, "Mallory <mallory@example.test>")
	otherKey := keys.ArmorPublicKey(ringOf(t, other).ExportWith(otherF, keys.ExportOptions{}))
	give := func(data []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }
	}
	for _, kind := range []Kind{KindHKP, KindVKS, KindGitHub, KindGitLab, KindGitea} {
		for name, c := range map[string]struct {
			answer http.HandlerFunc
			stage  Stage // that is reached at most
			right  func(Result) bool
		}{
			"it does not have it": {http.NotFound, StageStored, func(r Result) bool { return web.IsNotFound(r.Err) || errors.As(r.Err, new(*LostError)) }},
			"too big an answer":   {give(make([]byte, 3<<20)), StageStored, isKind(web.KindTooBig)},
			"another key": {give(otherKey), StageStored, func(r Result) bool {
				return len(r.Differences) > 0 && r.Differences[0].What == "key" && r.Differences[0].Found == string(otherF)
			}},
			"a page":      {give([]byte("<html>Key not found</html>")), StageStored, func(r Result) bool { return isKind(web.KindNonsense)(r) || errors.As(r.Err, new(*LostError)) }},
			"unavailable": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, StageStored, isKind(web.KindServer)},
		} {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				s := newTroubled(t, kind)
				s.answer.Store(new(func(w http.ResponseWriter, r *http.Request) bool {
					// The account itself is asked for by its interface; what everybody gets is the page.
					if r.Method != http.MethodGet || s.target.NeedsToken() && !strings.HasSuffix(r.URL.Path, ".gpg") {
						return false
					}
					c.answer(w, r)
					return true
				}))
				p := New(Options{
					Client: impatient(),
					Token: func(context.Context, Target) (keys.Secret, error) {
						return keys.NewSecret([]byte("tok-" + strings.Repeat("x", 20))), nil
					},
				})
				r := publishOne(t, p, plan(t, ring, f, Choice{}, s.target.String()))
				if r.Err == nil || r.Stage < StageSent || r.Stage > c.stage || r.Done() || r.Waiting() || !c.right(r) {
					t.Errorf("%s, %+v", r.State(), r)
				}
			})
		}
	}
}

// TestAccountThatLies: a forge that answers that the key was added, and lists none, is not believed.
func TestAccountThatLies(t *testing.T) {
	home, f := ada(t, "Ada <ada@example.test>")
	for _, kind := range []Kind{KindGitHub, KindGitLab, KindGitea} {
		s := newTroubled(t, kind)
		s.between(http.MethodPost, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"id": 1}`))
		})
		p := New(Options{Client: impatient(), Token: func(context.Context, Target) (keys.Secret, error) {
			return keys.NewSecret([]byte("tok-" + strings.Repeat("x", 20))), nil
		}})
		r := publishOne(t, p, plan(t, ringOf(t, home), f, Choice{}, s.target.String()))
		if !errors.As(r.Err, new(*LostError)) || r.Stage != StageSent || r.Done() {
			t.Errorf("%s: %s, %+v", kind, r.State(), r)
		}
	}
}

func isKind(k web.Kind) func(Result) bool {
	return func(r Result) bool {
		var e *web.Error
		return errors.As(r.Err, &e) && e.Kind == k
	}
}
