package line

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/safetext"
)

// answer is one line that was read, without its end.
type answer struct {
	text string
	err  error
}

// readLine reads one line, or gives up with ctx. At the end of input it returns errLeft.
func (t *Terminal) readLine(ctx context.Context) (string, error) {
	if t.pending == nil { // else one that was given up is still being read
		ch := make(chan answer, 1)
		t.pending = ch
		go func() {
			s, err := t.in.ReadString('\n')
			ch <- answer{s, err}
		}()
	}
	select {
	case a := <-t.pending:
		t.pending = nil
		if a.err != nil && a.text == "" {
			t.print("\n")
			return "", errLeft
		}
		return strings.TrimRight(a.text, "\r\n"), nil
	case <-ctx.Done():
		t.print("\n")
		return "", ctx.Err()
	}
}

// errBack is how a person goes back to the question before.
var errBack = errors.New("back to the question before")

// Ask prints a question and reads one line. The end of input, and q, are context.Canceled; b is
// errBack where there is something to go back to; whoever types back means it too.
func (t *Terminal) Ask(ctx context.Context, question string) (string, error) {
	t.asked++
	t.print(t.fold(safetext.Line(question)) + " ")
	s, err := t.readLine(ctx)
	s = strings.TrimSpace(s)
	switch {
	case err != nil:
		return s, err
	case strings.EqualFold(s, "q"):
		return "", errLeft
	case t.back && (strings.EqualFold(s, "b") || s == "back"):
		return "", errBack
	}
	return s, nil
}

// leadingBack asks questions from which b leads back to where they were begun: they return errBack
// then.
func (t *Terminal) leadingBack(ask func() error) error {
	before := t.back
	t.back = true
	defer func() { t.back = before }()
	return ask()
}

// inOrder asks one question after the other. b leads back to the one before that was asked: not to
// those that needed no answer. What was answered is forgotten then: save, which may be nil, is called
// before each question, and what it returns undoes the answers since. At the first question b leads
// back to where inOrder itself was begun, if anywhere.
func (t *Terminal) inOrder(ctx context.Context, save func() (undo func()), questions ...func(context.Context) error) error {
	type answered struct {
		question int
		undo     func()
	}
	var past []answered
	outer := t.back
	defer func() { t.back = outer }()
	for i := 0; i < len(questions); {
		undo := func() {}
		if save != nil {
			undo = save()
		}
		t.back = outer || len(past) > 0
		asked := t.asked
		err := questions[i](ctx)
		switch {
		case errors.Is(err, errBack) && len(past) > 0:
			undo()
			last := past[len(past)-1]
			past = past[:len(past)-1]
			last.undo()
			i = last.question
		case err != nil:
			return err
		default:
			if t.asked > asked {
				past = append(past, answered{i, undo})
			}
			i++
		}
	}
	return nil
}

// Confirm asks a question that is answered by yes or no, or their first letters; Enter is no. What
// is neither is asked again: a slip must not decide.
func (t *Terminal) Confirm(ctx context.Context, question string) (bool, error) {
	for {
		s, err := t.Ask(ctx, question+" [y/N]")
		if err != nil {
			return false, err
		}
		switch strings.ToLower(s) {
		case "y", "yes":
			return true, nil
		case "n", "no", "":
			return false, nil
		}
		t.Say("y or n, please. Enter means n.")
	}
}

// Text asks for a text that must not be empty; Enter takes preset, if there is one.
func (t *Terminal) Text(ctx context.Context, question, preset string) (string, error) {
	if preset != "" {
		question += " [" + preset + "]"
	}
	for {
		s, err := t.Ask(ctx, question+":")
		switch {
		case err != nil:
			return "", err
		case s != "":
			return s, nil
		case preset != "":
			return preset, nil
		}
		t.Say("It must not be empty.")
	}
}

// Number asks for a number from 1 to n; Enter takes preset unless that is 0.
func (t *Terminal) Number(ctx context.Context, what string, n, preset int) (int, error) {
	question := fmt.Sprintf("%s (1-%d):", what, n)
	if preset > 0 {
		question = fmt.Sprintf("%s (1-%d, Enter for %d):", what, n, preset)
	}
	for {
		s, err := t.Ask(ctx, question)
		if err != nil {
			return 0, err
		}
		if s == "" && preset > 0 {
			return preset, nil
		}
		if i, err := strconv.Atoi(s); err == nil && i >= 1 && i <= n {
			return i, nil
		}
		t.Say("A number from 1 to %d, please.", n)
	}
}

// Several numbers the rows and lets some of them be chosen. It returns their indices.
func (t *Terminal) Several(ctx context.Context, rows []string) ([]int, error) {
	return t.severalOr(ctx, rows, nil, nil)
}

// UserIDs lets some of a key's user ids be chosen. Enter takes those that hide no address: what a
// no-reply address ties together, a person and an account on a forge, is for them to make public.
func (t *Terminal) UserIDs(ctx context.Context, ids []string) ([]string, error) {
	return t.userIDs(ctx, ids, publish.Open(ids))
}

// userIDs is UserIDs where Enter takes some of them.
func (t *Terminal) userIDs(ctx context.Context, ids, preset []string) (out []string, err error) {
	var rows []string
	var enter []int
	for i, u := range ids {
		row := u
		if slices.Contains(preset, u) {
			enter = append(enter, i)
		} else if forge, hides := publish.NoReply(keys.AddressOf(u)); hides {
			row += "  (hides your address on " + forge + ": only if you choose it)"
		}
		rows = append(rows, row)
	}
	chosen, err := t.severalOr(ctx, rows, enter, nil)
	for _, i := range chosen {
		out = append(out, ids[i])
	}
	return out, err
}

// severalOr is Several where Enter takes some of the rows alone, unless preset is nil or all of them,
// and where something else can be answered, too: other, if it is not nil, reports whether it took an
// answer. The question is asked again then.
func (t *Terminal) severalOr(ctx context.Context, rows []string, preset []int, other func(string) (bool, error)) ([]int, error) {
	for i, r := range rows {
		t.Say("  %d  %s", i+1, r)
	}
	question := "Enter takes all; 1 3-5 chooses some; none takes none:"
	if len(rows) == 1 {
		question = "Enter takes it; none leaves it out:"
	}
	some := len(preset) > 0 && len(preset) < len(rows)
	if some {
		var numbers []string
		for _, i := range preset {
			numbers = append(numbers, strconv.Itoa(i+1))
		}
		question = "Enter takes " + strings.Join(numbers, " ") + "; 1 3-5 chooses some; none takes none:"
	}
	for {
		s, err := t.Ask(ctx, question)
		if err != nil {
			return nil, err
		}
		if other != nil {
			if took, err := other(s); err != nil {
				return nil, err
			} else if took {
				continue
			}
		}
		if s == "" && some {
			return preset, nil
		}
		chosen, err := parseSelection(s, len(rows))
		if err == nil {
			return chosen, nil
		}
		t.Say("%s", err)
	}
}

// parseSelection reads numbers and ranges from 1 to n, "" for all of them and "none". It returns
// indices in ascending order, each once.
func parseSelection(s string, n int) (chosen []int, err error) {
	switch fields := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }); {
	case len(fields) == 0:
		for i := range n {
			chosen = append(chosen, i)
		}
	case len(fields) == 1 && strings.EqualFold(fields[0], "none"):
	default:
		for _, f := range fields {
			from, to, isRange := strings.Cut(f, "-")
			a, errA := strconv.Atoi(from)
			b, errB := a, error(nil)
			if isRange {
				b, errB = strconv.Atoi(to)
			}
			if errA != nil || errB != nil || a < 1 || b > n || a > b {
				return nil, fmt.Errorf("%q is no number or range from 1 to %d", f, n)
			}
			for i := a; i <= b; i++ {
				chosen = append(chosen, i-1)
			}
		}
		slices.Sort(chosen)
		chosen = slices.Compact(chosen)
	}
	return chosen, nil
}
