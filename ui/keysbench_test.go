package ui

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/keys/store"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

// BenchmarkKeysOpen is what a person waits for with 500 keys in bulla's store: from the beginning of
// the page until its rows are on the screen, GnuPG being looked for first.
func BenchmarkKeysOpen(b *testing.B) {
	home := b.TempDir()
	world := func(ctx context.Context) (*world.World, error) {
		return world.New(ctx, world.Options{
			Home: home, GnuPGHome: home, NoKeychain: true, Registry: docker.Options{}, Env: func(string) string { return "" }, Now: time.Now, Rand: rand.Reader,
		})
	}
	w, err := world(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	for i := range 500 {
		if _, err := w.Store.Generate(context.Background(), store.GenerateParams{Name: fmt.Sprintf("Key %03d", i), Algorithm: store.AlgorithmEd25519}); err != nil {
			b.Fatal(err)
		}
	}
	w.Close()
	for b.Loop() {
		ctx, cancel := context.WithCancel(context.Background())
		o := keysOptions(nil)
		o.Now = time.Now
		o.Open = func(ctx context.Context) (Keys, error) {
			w, err := world(ctx)
			if err != nil {
				return nil, err
			}
			return keydesk.New(&w.Places), nil
		}
		r := newKeysRoot(ctx, o)
		page := r.newPage(nil)
		r.page = page
		msgs := make(chan tea.Msg, 64)
		run := func(cmd tea.Cmd) {
			if cmd != nil {
				go func() { msgs <- cmd() }()
			}
		}
		run(r.Init())
		r.soloRoot.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
		for !strings.Contains(r.View(), "of 500") {
			switch msg := (<-msgs).(type) {
			case tea.BatchMsg:
				for _, c := range msg {
					run(c)
				}
			default:
				_, cmd := r.soloRoot.Update(msg)
				run(cmd)
			}
		}
		b.StopTimer()
		cancel()
		page.Shutdown()
		b.StartTimer()
	}
}
