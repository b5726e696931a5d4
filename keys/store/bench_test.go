package store

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"
)

// bigStore is a store of 500 public keys.
func bigStore(b *testing.B) *Store {
	b.Helper()
	now := time.Now()
	s := testStore(b, now)
	var all []byte
	for i := range 500 {
		all = append(all, serialized(b, newEntity(b, fmt.Sprintf("k%03d", i), now), false)...)
	}
	if _, err := s.Import(context.Background(), bytes.NewReader(all)); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkList lists 500 keys, which checks all of their self-signatures.
func BenchmarkList(b *testing.B) {
	s := bigStore(b)
	for b.Loop() {
		if list, err := s.List(context.Background()); err != nil || len(list) != 500 {
			b.Fatal(len(list), err)
		}
	}
}

// BenchmarkGlimpses is what the keys page waits for before it shows 500 keys.
func BenchmarkGlimpses(b *testing.B) {
	s := bigStore(b)
	for b.Loop() {
		if list, err := s.Glimpses(context.Background()); err != nil || len(list) != 500 {
			b.Fatal(len(list), err)
		}
	}
}
