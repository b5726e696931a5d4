package store

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"
)

// BenchmarkList lists a store of 500 public keys, as the keys page does when it opens.
func BenchmarkList(b *testing.B) {
	now := time.Now()
	s := testStore(b, now)
	var all []byte
	for i := range 500 {
		all = append(all, serialized(b, newEntity(b, fmt.Sprintf("k%03d", i), now), false)...)
	}
	if _, err := s.Import(context.Background(), bytes.NewReader(all)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if list, err := s.List(context.Background()); err != nil || len(list) != 500 {
			b.Fatal(len(list), err)
		}
	}
}
