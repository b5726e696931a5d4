package imagedeed

import (
	"bulla/keys"
	"bulla/ui/component/sheet"
	"bulla/ui/explain"
	"bulla/ui/theme"
)

// Story is what is to be read under a title; "" for none.
type Story struct {
	Title string
	Rows  []Row
}

// Row is a paragraph or a fact of a story. It is safe to show.
type Row struct {
	Kind Kind
	// Effect is the label and the text; a paragraph has no label.
	sheet.Effect
	State theme.State         // of a Mark, a Result, a Judged
	X     explain.Explanation // of an Explained
}

// Kind is how a row is shown.
type Kind int

// The kinds.
const (
	Para      Kind = iota
	Head           // a paragraph that stands out
	Small          // a paragraph of less weight
	Mind           // a paragraph of caution
	Fact           // a label, and what belongs to it
	ShortID        // the beginning of an id, and a text behind it
	Mark           // a line under a sign
	Result         // a word under the sign of a state, in its colour
	Judged         // a fact under a sign
	Reference      // what to use of an image: its label with its text behind it
	Explained      // an error that is a part of the story
	Verbatim       // a line of a text for others
	Space          // an empty line
)

func head(text string) Row  { return Row{Kind: Head, Effect: sheet.Effect{Text: text}} }
func para(text string) Row  { return Row{Effect: sheet.Effect{Text: text}} }
func small(text string) Row { return Row{Kind: Small, Effect: sheet.Effect{Text: text}} }
func mind(text string) Row  { return Row{Kind: Mind, Effect: sheet.Effect{Text: text}} }
func fact(label, text string) Row {
	return Row{Kind: Fact, Effect: sheet.Effect{Label: label, Text: text}}
}
func space() Row { return Row{Kind: Space} }

// caution is a fact to be minded.
func caution(label, text string) Row {
	return Row{Kind: Fact, Effect: sheet.Effect{Label: label, Text: text, Caution: true}}
}

func fingerprint(label string, id string) Row {
	return Row{Kind: Fact, Effect: sheet.Effect{Label: label, Key: keys.Fingerprint(id)}}
}

// mark is a line under the sign of a state.
func mark(s theme.State, text string) Row {
	return Row{Kind: Mark, State: s, Effect: sheet.Effect{Text: text}}
}

// paras are paragraphs; "" is an empty line.
func paras(list ...string) (out []Row) {
	for _, s := range list {
		if s == "" {
			out = append(out, space())
			continue
		}
		out = append(out, para(s))
	}
	return out
}

// Short is the beginning of an id, enough to tell two apart.
func Short(id string) string { return id[:min(12, len(id))] }
