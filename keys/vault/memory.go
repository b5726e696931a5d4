package vault

import (
	"context"
	"maps"
	"slices"
	"sync"

	"bulla/keys"
)

// Memory keeps passphrases for this run only. The zero Memory is not usable: see [NewMemory].
type Memory struct {
	mu      sync.Mutex
	entries map[Key]keys.Secret
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{entries: map[Key]keys.Secret{}} }

// Describe says that memory is always ready.
func (m *Memory) Describe(context.Context) Status {
	return Status{Backend: BackendMemory, Name: "Memory", Where: "this run", State: Ready, Sentence: sentenceMemory}
}

// Get returns a copy of the entry, or ErrNotFound.
func (m *Memory) Get(_ context.Context, k Key) (keys.Secret, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.entries[k]
	if !ok {
		return keys.Secret{}, ErrNotFound
	}
	return s.Clone(), nil
}

// Set keeps a copy of s and wipes what was there.
func (m *Memory) Set(_ context.Context, k Key, s keys.Secret) error {
	if err := k.Check(); err != nil {
		return err
	}
	c := s.Clone()
	if c.IsZero() {
		return keys.ErrNoSecret
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[k].Destroy()
	m.entries[k] = c
	return nil
}

// Delete wipes an entry.
func (m *Memory) Delete(_ context.Context, k Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.entries[k]
	if !ok {
		return ErrNotFound
	}
	s.Destroy()
	delete(m.entries, k)
	return nil
}

// List returns the names of the entries, sorted.
func (m *Memory) List(context.Context) ([]Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.entries)), nil
}

// Wipe overwrites and drops every entry.
func (m *Memory) Wipe() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.entries {
		s.Destroy()
	}
	clear(m.entries)
}
