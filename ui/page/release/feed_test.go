package release

import (
	"sync"
	"testing"

	"bulla/workflow"
)

// TestFeed: progress may be dropped, everything else arrives, in its order, and Put never blocks.
func TestFeed(t *testing.T) {
	f := newFeed()
	var wg sync.WaitGroup
	wg.Add(1)
	const n = 1000
	go func() {
		defer wg.Done()
		for i := range n {
			f.put(feedItem{event: workflow.StepProgress{Step: workflow.StepArtifacts, Done: int64(i)}})
			if i%100 == 0 {
				f.put(feedItem{event: workflow.StepDone{Step: workflow.StepArtifacts, Text: string(rune('a' + i/100))}})
			}
		}
		f.put(feedItem{end: &ending{}})
	}()
	wg.Wait() // nobody reads meanwhile
	done, progress, last := "", 0, int64(-1)
	for {
		msg, ok := f.next(7)().(fed)
		if !ok || msg.id != 7 {
			t.Fatalf("%#v", msg)
		}
		for _, it := range msg.items {
			switch e := it.event.(type) {
			case workflow.StepDone:
				done += e.Text
			case workflow.StepProgress:
				progress++
				if e.Done <= last {
					t.Errorf("progress went back from %d to %d", last, e.Done)
				}
				last = e.Done
			}
		}
		if msg.ended() {
			break
		}
	}
	if done != "abcdefghij" {
		t.Errorf("endings: %q", done)
	}
	if progress > 20 || last != n-1 {
		t.Errorf("%d pieces of progress, the last %d", progress, last)
	}
}
