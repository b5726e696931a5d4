package cli

import (
	"context"
	"errors"
	"strings"

	"bulla/ui/explain"
	"bulla/workflow/source"
	"bulla/workflow/verify"
)

// sourceKind is the kind of entries about a source archive, beside those of verdicts.
const sourceKind = "source"

// sourceJSON is one finding about a source archive, or, last of all, its result.
type sourceJSON struct {
	Target  string `json:"target"` // the file in the archive, or the archive itself
	Kind    string `json:"kind"`
	Status  string `json:"status"` // a kind of finding, or "same", "differs"
	Reason  string `json:"reason"`
	Archive string `json:"archive"`
	Tag     string `json:"tag"`
	Commit  string `json:"commit"`
	// Understood says that the tag or the caller asks for the difference.
	Understood  bool `json:"understood"`
	Same        int  `json:"same,omitempty"`
	Differences int  `json:"differences,omitempty"`
}

// verifySource judges the tag and compares the archive with its tree. An archive that is as the
// tag says is worth no more than the tag's signature: both decide.
func (a *app) verifySource(ctx context.Context, f verifyFlags, args []string, r *report) error {
	if len(args) != 1 || f.commits != "" || f.Signature != "" {
		return &explain.UsageError{Message: "--source compares one archive with one tag", Hints: []string{"bulla verify --source widget-1.4.0.tar.gz v1.4.0"}}
	}
	v, err := a.verifier(ctx, f)
	if err != nil {
		return err
	}
	tag := strings.TrimPrefix(strings.TrimPrefix(args[0], "tag:"), "refs/tags/")
	found, err := v.Source(ctx, f.source, tag, f.allow)
	if err != nil {
		return explainSource(err)
	}
	list, err := v.Verify(ctx, []string{"tag:" + tag})
	if err != nil {
		return err
	}
	r.verdicts(list)
	r.source(found)
	err = r.write(a.Stdout)
	a.advise(list, f.allowWeak)
	return err
}

func explainSource(err error) error {
	var format *source.FormatError
	var pattern *source.PatternError
	var target *verify.TargetError
	switch {
	case errors.As(err, &format), errors.As(err, &pattern), errors.As(err, &target):
		return &explain.UsageError{Message: err.Error()}
	}
	return err
}

// source adds what a comparison found.
func (r *report) source(s *source.Report) {
	for _, f := range s.Findings {
		target := f.Path
		if target == "" {
			target = s.Archive
		}
		o := sourceJSON{Target: target, Kind: sourceKind, Status: string(f.Kind), Reason: f.Detail, Archive: s.Archive, Tag: s.Tag, Commit: s.Commit, Understood: f.Understood}
		e := entry{kind: sourceKind, target: target, status: o.Status, reason: f.Detail, part: true, print: o.print}
		if !f.Understood {
			e.outcome = fails
		}
		r.entries = append(r.entries, e)
	}
	o := sourceJSON{Target: s.Archive, Kind: sourceKind, Status: "same", Reason: s.Summary(), Archive: s.Archive, Tag: s.Tag, Commit: s.Commit, Same: s.Same, Differences: s.Differences}
	e := entry{kind: sourceKind, target: s.Archive, file: s.Archive, reason: o.Reason}
	if !s.OK() {
		o.Status, e.outcome = "differs", fails
	}
	e.status, e.print = o.Status, o.print
	r.entries = append(r.entries, e)
}

func (o sourceJSON) print(p *printer) {
	if p.json {
		p.object(o)
		return
	}
	word := o.Status
	if o.Understood {
		word = "(" + word + ")"
	}
	p.line("%-12s %-8s %s", word, o.Kind, o.Target)
	p.line("             %s", o.Reason)
}
