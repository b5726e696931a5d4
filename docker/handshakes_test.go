package docker

import (
	"errors"
	"sync"
	"testing"
)

// Who may push may read; who may not push may read all the same, also where somebody was refused the
// right to push just before, or at the same time; and the right to push is asked for anew.
func TestHandshakes(t *testing.T) {
	var h Handshakes[string]
	refused := errors.New("you may not push")
	var asked []bool
	mayPush := false
	shake := func(push bool) (string, error) {
		asked = append(asked, push)
		switch {
		case push && !mayPush:
			return "", refused
		case push:
			return "push", nil
		}
		return "pull", nil
	}
	steps := []struct {
		push    bool
		want    string
		refused bool
		asked   int
	}{
		{push: true, refused: true, asked: 1},
		{push: false, want: "pull", asked: 2},
		{push: false, want: "pull", asked: 2},
		{push: true, refused: true, asked: 3},
		{push: false, want: "pull", asked: 3},
	}
	for i, s := range steps {
		if got, err := h.Get("a", s.push, shake); got != s.want || (err != nil) != s.refused || len(asked) != s.asked {
			t.Errorf("step %d: %q, %v, asked %v", i, got, err, asked)
		}
	}
	mayPush = true
	for _, push := range []bool{true, false} {
		if got, err := h.Get("a", push, shake); got != "push" || err != nil || len(asked) != 4 {
			t.Errorf("push %v: %q, %v, asked %v", push, got, err, asked)
		}
	}
	if h.Forget("a"); second(h.Get("a", false, shake)) != nil || asked[len(asked)-1] {
		t.Errorf("after it was forgotten: asked %v", asked)
	}

	// A reader waits for somebody who asks for the right to push, in vain.
	begun, end := make(chan bool), make(chan bool)
	var all sync.WaitGroup
	all.Go(func() {
		_, err := h.Get("b", true, func(bool) (string, error) { close(begun); <-end; return "", refused })
		if !errors.Is(err, refused) {
			t.Error(err)
		}
	})
	<-begun
	all.Go(func() {
		if got, err := h.Get("b", false, func(push bool) (string, error) {
			if push {
				return "", refused
			}
			return "pull", nil
		}); got != "pull" || err != nil {
			t.Errorf("a reader who waited: %q, %v", got, err)
		}
	})
	close(end)
	all.Wait()
}

func second[A, B any](_ A, b B) B { return b }
