package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Explanation is an error in words for a person. The texts may quote what came from outside:
// clean them before a terminal sees them.
type Explanation struct {
	// Headline says in one plain sentence what is wrong; Cause says why, where that is more.
	Headline, Cause string
	// Untouched says what is safe.
	Untouched string
	// Next are things to do about it.
	Next []string
	// Problems are all that is wrong where it is more than one thing; Headline is then the first of
	// them, and Cause tells the others.
	Problems []Problem
	Code     int
}

// Problem is one of several things that are wrong.
type Problem struct {
	Text string // one plain sentence
	Hint string // what to do about it, or ""
}

// PartialError is work that began and could not finish. Done says in plain words what exists.
type PartialError struct {
	Done string
	Err  error
}

func (e *PartialError) Error() string { return e.Err.Error() }

func (e *PartialError) Unwrap() error { return e.Err }

// ReportError says that work is done, and only its report could not be written.
type ReportError struct {
	Done string // what stands, in plain words
	Err  error
}

func (e *ReportError) Error() string { return "the report could not be written: " + e.Err.Error() }

func (e *ReportError) Unwrap() error { return e.Err }

// ErrLeft is how a person leaves at a question, before anything was changed. It is a
// context.Canceled.
var ErrLeft = fmt.Errorf("left: %w", context.Canceled)

// Error explains err, which must not be nil. Of an error that nobody foresaw it claims nothing but
// what the error says.
func Error(err error) Explanation {
	x, _ := known(err)
	if list := branches(err); len(list) > 1 && strings.Contains(x.Headline, "\n") {
		each(list, &x)
	}
	return x
}

// branches lists the errors that err is a plain list of, as errors.Join makes them; of any other error it is
// err alone.
func branches(err error) (out []error) {
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, e := range list.Unwrap() {
		out = append(out, branches(e)...)
	}
	return out
}

// each gives every error of a list a sentence of its own, where none of them explains them all.
func each(list []error, x *Explanation) {
	var said []string
	for _, e := range list {
		one := Error(e)
		said = append(said, strings.TrimSpace(one.Headline+" "+one.Cause))
		for _, n := range one.Next {
			if !slices.Contains(x.Next, n) {
				x.Next = append(x.Next, n)
			}
		}
	}
	x.Headline, x.Cause = said[0], strings.Join(said[1:], " ")
}

// known explains err, and reports whether somebody foresaw it.
func known(err error) (Explanation, bool) {
	x := Explanation{Headline: sentence(err.Error()), Code: CodeFailed}
	var unheard *ReportError
	if errors.As(err, &unheard) {
		x.Headline, x.Untouched = sentence(unheard.Error()), unheard.Done
		return x, true
	}
	var partial *PartialError
	if errors.As(err, &partial) {
		x = Error(partial.Err)
		x.Untouched = partial.Done
		if x.Code != CodeCancelled {
			x.Code = CodeIncomplete
		}
		return x, true
	}
	for _, explainer := range []func(error, *Explanation) bool{
		lostAnswers, journalling, abandoning, incomplete, journalTrouble, publishing, cancelled, refused, usage, gnupg, passphrases, selecting, keyChanges, publicKeys, stores,
		repositories, pushing, contentTrust, imaging, asking, judging, registries, files,
	} {
		if explainer(err, &x) {
			return x, true
		}
	}
	return x, false
}

// sentence gives an error's text a capital letter and a full stop. A name at the beginning, of a
// file or a program, keeps its spelling.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return "Something went wrong."
	}
	first, _, _ := strings.Cut(s, " ")
	isName := strings.ContainsAny(first, `./\:_`) || first == "git" || strings.HasPrefix(first, "gpg")
	if r := s[0]; r >= 'a' && r <= 'z' && !isName {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}
