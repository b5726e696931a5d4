package release

import (
	"sync"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/component/loan"
	"bulla/workflow"
)

// feed carries what the run tells to the screen. Put never blocks. Progress that the screen has
// not read yet is replaced by newer progress; everything else is kept until it is read.
type feed struct {
	mu    sync.Mutex
	items []feedItem
	ready chan struct{}
}

// feedItem is one thing that the run tells; exactly one field is set.
type feedItem struct {
	event     workflow.Event
	ask       *question
	withdrawn *question
	loan      *loan.Loan
	end       *ending
}

// question is a passphrase that the run waits for.
type question struct {
	request keys.PassphraseRequest
	offers  []vault.Status
	chosen  vault.Backend
	reply   chan answer // takes one answer without blocking
}

type answer struct {
	secret keys.Secret
	keep   vault.Backend
	ok     bool
}

// ending is how the run ended. It is the last item of a feed.
type ending struct {
	result *workflow.Result
	err    error
	notes  []string // what became of the wish to keep passphrases; raw text
}

func newFeed() *feed { return &feed{ready: make(chan struct{}, 1)} }

func (f *feed) put(it feedItem) {
	f.mu.Lock()
	if p, ok := it.event.(workflow.StepProgress); ok && len(f.items) > 0 {
		last := &f.items[len(f.items)-1]
		if old, ok := last.event.(workflow.StepProgress); ok && old.Step == p.Step {
			*last = it
			f.mu.Unlock()
			return
		}
	}
	f.items = append(f.items, it)
	f.mu.Unlock()
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

func (f *feed) take() []feedItem {
	f.mu.Lock()
	defer f.mu.Unlock()
	items := f.items
	f.items = nil
	return items
}

// fed is a batch of what run id told.
type fed struct {
	id    int
	items []feedItem
}

// ended reports whether the batch holds the run's end: nothing follows then.
func (m fed) ended() bool {
	return len(m.items) > 0 && m.items[len(m.items)-1].end != nil
}

// next reads one batch. Update calls it again after each but the last.
func (f *feed) next(id int) tea.Cmd {
	return func() tea.Msg {
		for range f.ready {
			if items := f.take(); len(items) > 0 {
				return fed{id, items}
			}
		}
		return nil
	}
}
