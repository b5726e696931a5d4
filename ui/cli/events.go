package cli

import (
	"fmt"
	"sync"
	"time"

	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow"
)

// eventJSON is one line of `release --json`: what happened, and at the end the result.
type eventJSON struct {
	Event   string          `json:"event"`
	Step    workflow.StepID `json:"step,omitempty"`
	Item    string          `json:"item,omitempty"`
	Done    int64           `json:"done,omitempty"`
	Total   int64           `json:"total,omitempty"`
	Items   int             `json:"items,omitempty"`
	Of      int             `json:"items_total,omitempty"`
	For     string          `json:"for,omitempty"`
	Text    string          `json:"text,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Error   string          `json:"error,omitempty"`
	Millis  int64           `json:"took_ms,omitempty"`
	Verdict *verdictJSON    `json:"verdict,omitempty"`
	Result  *resultJSON     `json:"result,omitempty"`
	Plan    *planJSON       `json:"plan,omitempty"`
}

// resultJSON is what a release made.
type resultJSON struct {
	Version     string                 `json:"version"`
	Tag         string                 `json:"tag"`
	TagObject   string                 `json:"tag_object"`
	Commit      string                 `json:"commit"`
	Fingerprint keys.Fingerprint       `json:"fingerprint"`
	Primary     keys.Fingerprint       `json:"primary_fingerprint"`
	Files       []signedJSON           `json:"files"`
	Checksums   []string               `json:"checksums"`
	Images      []workflow.SignedImage `json:"images"`
	Record      string                 `json:"record"`
	Verdicts    []verdictJSON          `json:"verdicts"`
	Pushed      bool                   `json:"pushed"`
	PushError   string                 `json:"push_error,omitempty"`
	Resumed     bool                   `json:"resumed"`
}

type signedJSON struct {
	Path      string `json:"path"`
	Signature string `json:"signature"`
	SHA256    string `json:"sha256"`
	SHA512    string `json:"sha512,omitempty"`
	Size      int64  `json:"size"`
	Kept      bool   `json:"kept"`
}

func resultToJSON(r *workflow.Result) *resultJSON {
	out := &resultJSON{
		Version: r.Plan.Version, Tag: r.Plan.Tag, TagObject: r.TagID, Commit: r.Plan.CommitID,
		Fingerprint: r.Plan.Key.Fingerprint, Primary: r.Plan.Key.Primary,
		Files: []signedJSON{}, Checksums: append([]string{}, r.Checksums...), Images: append([]workflow.SignedImage{}, r.Images...),
		Record: r.Record, Verdicts: []verdictJSON{}, Pushed: r.Pushed, Resumed: r.Resumed,
	}
	for _, f := range r.Files {
		out.Files = append(out.Files, signedJSON{f.Path, f.SignaturePath, f.SHA256, f.SHA512, f.Size, f.Kept})
	}
	for _, v := range r.Verdicts {
		out.Verdicts = append(out.Verdicts, toJSON(v))
	}
	if r.PushFailed != nil {
		out.PushError = explain.Error(r.PushFailed).Headline
	}
	return out
}

func millis(d time.Duration) int64 { return d.Milliseconds() }

// jsonEvents prints every event as a line of JSON.
func jsonEvents(p *printer) func(workflow.Event) {
	var mu sync.Mutex
	return func(e workflow.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e := e.(type) {
		case workflow.StepStarted:
			p.object(eventJSON{Event: "started", Step: e.Step})
		case workflow.StepProgress:
			p.object(eventJSON{Event: "progress", Step: e.Step, Item: e.Item, Done: e.Done, Total: e.Total, Items: e.Items, Of: e.ItemsTotal})
		case workflow.StepWaiting:
			p.object(eventJSON{Event: "waiting", Step: e.Step, For: string(e.For)})
		case workflow.StepDone:
			p.object(eventJSON{Event: "done", Step: e.Step, Text: e.Text, Millis: millis(e.Took)})
		case workflow.StepSkipped:
			p.object(eventJSON{Event: "skipped", Step: e.Step, Reason: e.Reason})
		case workflow.StepFailed:
			p.object(eventJSON{Event: "failed", Step: e.Step, Error: explain.Error(e.Err).Headline, Millis: millis(e.Took)})
		case workflow.Checked:
			v := toJSON(e.Verdict)
			p.object(eventJSON{Event: "checked", Step: workflow.StepCheck, Verdict: &v})
		}
	}
}

// textEvents prints one line per ended step to standard error: the answer itself is the result.
func (a *app) textEvents() func(workflow.Event) {
	var mu sync.Mutex
	return func(e workflow.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e := e.(type) {
		case workflow.StepDone:
			a.note("done     %-10s %s%s", e.Step.Title(), e.Text, slow(e.Took))
		case workflow.StepSkipped:
			a.note("skipped  %-10s %s", e.Step.Title(), e.Reason)
		case workflow.StepFailed:
			a.note("failed   %-10s %s", e.Step.Title(), explain.Error(e.Err).Headline)
		}
	}
}

// slow shows how long a step took where a person would have noticed.
func slow(d time.Duration) string {
	if d < 2*time.Second {
		return ""
	}
	return fmt.Sprintf(" (%.0f s)", d.Seconds())
}
