package line

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bulla/ui/explain"
	"bulla/workflow"
)

// TestBackInTheWalk: b leads back to the question before, from the last look too, and what is
// answered then is what is planned. What was answered before stays proposed, not chosen.
func TestBackInTheWalk(t *testing.T) {
	f := newSession()
	w := walkThrough(t, f, nil,
		"", "1", "b", "2", // the message leads back to the version
		"Words", ".", "1", "b", "2", // the images lead back to the files
		"", "", "n", "b", "y", // the last look leads back to the push
		"b", "b", "b", "b", "3", "", "", "y", // four questions back, and forth again
		"1.3.1")
	if w.err != nil || w.runs != 1 {
		t.Fatalf("%v\n%s", w.err, w.out)
	}
	c := f.planned[len(f.planned)-1]
	if c.Version != "1.3.1" || c.Message != "Words" || len(c.Files) != 1 || c.Files[0].Name != "dist/c.rpm" || len(c.Images) != 1 || c.ImageKey == "" || !c.Push {
		t.Errorf("planned %+v", c)
	}
	w.says(t, "q leaves, and b goes back")
}

// TestBackEverywhere: b at each question leads to the one before, from which the walk goes on to the
// same plan.
func TestBackEverywhere(t *testing.T) {
	for n := 1; n < len(whole); n++ {
		answers := slices.Insert(slices.Clone(whole), n, "b", whole[n-1])
		w := walkThrough(t, newSession(), nil, answers...)
		if w.err != nil || w.runs != 1 {
			t.Errorf("b at question %d: %v, %d runs\n%s", n+1, w.err, w.runs, w.out)
			continue
		}
		plain := walkThrough(t, newSession(), nil, whole...)
		if got, want := w.planned[len(w.planned)-1], plain.planned[0]; !reflect.DeepEqual(got, want) {
			t.Errorf("b at question %d: planned %+v\nwant %+v", n+1, got, want)
		}
	}
}

// TestNoWayBack: at the first question b is an answer like any other, and what the command line said
// is not gone back to.
func TestNoWayBack(t *testing.T) {
	w := walkThrough(t, newSession(), nil, with(func(a []string) { a[0] = "b\n1" })...)
	if w.err != nil || w.runs != 1 || !strings.Contains(w.out, "A number from 1 to 3, please.") {
		t.Errorf("%v\n%s", w.err, w.out)
	}
	f := newSession()
	w = walkThrough(t, f, func(o *Walker) {
		o.Choices = workflow.Choices{Key: "ada@example.org", Version: "1.4.0", Message: "said"}
	},
		"1", "b", "2", "none", "b", "none", "n", "1.4.0")
	if w.err != nil || f.planned[0].Key != "ada@example.org" || f.planned[0].Message != "said" || len(f.planned[0].Files) != 1 || f.planned[0].Files[0].Name != "dist/b.deb" {
		t.Errorf("%v, %+v\n%s", w.err, f.planned, w.out)
	}
}

// TestBackWhileMakingAKey: b leads from question to question, and in the end to the list of keys.
func TestBackWhileMakingAKey(t *testing.T) {
	f := newSession()
	w := walkThrough(t, f, nil, append([]string{"3", "Ada", "b", "", "b", "b", ""}, whole[1:]...)...)
	if w.err != nil || w.runs != 1 || len(f.generated) != 0 {
		t.Errorf("%v, made %v\n%s", w.err, f.generated, w.out)
	}
	f = newSession()
	f.keys.List = nil
	if w := walkThrough(t, f, nil, "y", "b", "n"); !errors.Is(w.err, explain.ErrLeft) || strings.Count(w.out, "Make one now?") != 2 {
		t.Errorf("%v\n%s", w.err, w.out)
	}
}

// TestInOrder: what was answered after a question is undone when it is gone back to, and errors end
// it.
func TestInOrder(t *testing.T) {
	var got []string
	var out buffer
	term := NewTerminal(strings.NewReader("one\nb\nuno\ntwo\nb\nb\neins\nzwei\ndrei\n"), &out, nil)
	ask := func(ctx context.Context) error {
		s, err := term.Text(ctx, "Word", "")
		if err == nil {
			got = append(got, s)
		}
		return err
	}
	silent := func(context.Context) error { got = append(got, "-"); return nil }
	save := func() func() { n := len(got); return func() { got = got[:n] } }
	if err := term.inOrder(t.Context(), save, ask, silent, ask, ask); err != nil {
		t.Fatal(err)
	}
	if want := "eins - zwei drei"; strings.Join(got, " ") != want || term.back {
		t.Errorf("%q, want %q", got, want)
	}
	if err := term.inOrder(t.Context(), save, ask); !errors.Is(err, errLeft) {
		t.Errorf("the end of input: %v", err)
	}
}

// TestKeysFromTheWalk: the choice of the key leads to all keys and back to the choice; leaving there
// leaves the walk.
func TestKeysFromTheWalk(t *testing.T) {
	visits := 0
	keys := func(err error) func(*Walker) {
		return func(o *Walker) { o.Keys = func(context.Context) error { visits++; return err } }
	}
	w := walkThrough(t, newSession(), keys(nil), append([]string{"4", "4"}, whole...)...)
	if w.err != nil || w.runs != 1 || visits != 2 || strings.Count(w.out, "4  look after the keys") != 3 {
		t.Errorf("%v, %d visits\n%s", w.err, visits, w.out)
	}
	if w := walkThrough(t, newSession(), keys(errLeft), "4"); !errors.Is(w.err, context.Canceled) || w.runs != 0 {
		t.Errorf("left: %v", w.err)
	}
	if w := walkThrough(t, newSession(), nil, whole...); strings.Contains(w.out, "look after the keys") {
		t.Error("offered where there are none")
	}
}
