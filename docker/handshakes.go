package docker

import "sync"

// Handshakes keep what handshakes have given (a client that holds a token or credentials) for each
// repository: to read it, or to read and to push. The zero value is ready; it is safe for concurrent use.
type Handshakes[T any] struct {
	mu  sync.Mutex
	all map[purpose]*handshake[T]
}

type purpose struct {
	where string
	push  bool
}

// handshake is one that was made or is being made.
type handshake[T any] struct {
	mu   sync.Mutex // held while shaking hands, so that parallel requests do it once
	done bool
	got  T
}

// Get gives what a handshake has given before, or else makes it by shake: who may push may read too. What
// failed is forgotten. A reader who waited for the right to push, which was refused to somebody else,
// asks again for what reading takes.
func (h *Handshakes[T]) Get(where string, push bool, shake func(push bool) (T, error)) (T, error) {
	for {
		p, s := h.find(where, push)
		got, err := s.make(func() (T, error) { return shake(p.push) })
		if err == nil {
			return got, nil
		}
		h.drop(p, s)
		if p.push == push {
			return got, err
		}
	}
}

func (s *handshake[T]) make(shake func() (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return s.got, nil
	}
	got, err := shake()
	if err == nil {
		s.done, s.got = true, got
	}
	return got, err
}

// find is the handshake for a purpose, or one for more.
func (h *Handshakes[T]) find(where string, push bool) (purpose, *handshake[T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = map[purpose]*handshake[T]{}
	}
	p := purpose{where, true}
	if s := h.all[p]; s != nil {
		return p, s
	}
	p.push = push
	s := h.all[p]
	if s == nil {
		s = &handshake[T]{}
		h.all[p] = s
	}
	return p, s
}

func (h *Handshakes[T]) drop(p purpose, s *handshake[T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all[p] == s {
		delete(h.all, p)
	}
}

// Forget drops the handshakes for a repository, so that new credentials are looked up.
func (h *Handshakes[T]) Forget(where string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, purpose{where, false})
	delete(h.all, purpose{where, true})
}
