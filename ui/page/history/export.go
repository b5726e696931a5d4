package history

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"html/template"
	"slices"
	"strings"
	"time"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/contract"
	"bulla/ui/safetext"
	"bulla/workflow/history"
)

// snapshot is what is shown, to be written to a file.
type snapshot struct {
	Project  string
	At       time.Time
	Filter   string
	Releases []shown
}

type shown struct {
	*history.Release
	change  history.Change
	changed bool
}

func (s snapshot) encode(f format) ([]byte, error) {
	switch f {
	case formatJSON:
		return s.json()
	case formatCSV:
		return s.csv()
	}
	return s.html()
}

// releaseJSON is one release of an export; its verdicts are those of the command contract.
type releaseJSON struct {
	Tag         string             `json:"tag"`
	Object      string             `json:"object"`
	Commit      string             `json:"commit"`
	Target      string             `json:"target_type"`
	Date        string             `json:"date"`
	Subject     string             `json:"subject"`
	Status      keys.Status        `json:"status"`
	Trusted     *bool              `json:"trusted"`
	Signer      string             `json:"signer"`
	ChangedFrom keys.Fingerprint   `json:"signer_changed_from,omitempty"`
	Verdicts    []contract.Verdict `json:"verdicts"`
}

func (s snapshot) json() ([]byte, error) {
	list := make([]releaseJSON, 0, len(s.Releases))
	for _, r := range s.Releases {
		out := releaseJSON{
			Tag: r.Tag, Object: r.ObjectID, Commit: r.CommitID, Target: r.TargetType, Date: contract.Time(r.Date), Subject: r.Subject,
			Status: r.Verdict().Status, Trusted: r.Verdict().Trusted, Signer: signerName(r.Release), Verdicts: []contract.Verdict{},
		}
		if r.changed {
			out.ChangedFrom = r.change.From.Primary
		}
		for _, v := range r.All() {
			out.Verdicts = append(out.Verdicts, contract.Of(v))
		}
		list = append(list, out)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	err := e.Encode(map[string]any{"project": s.Project, "at": contract.Time(s.At), "releases": list})
	return b.Bytes(), err
}

func (s snapshot) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"tag", "date", "signer", "fingerprint", "status", "commit", "files", "images", "record", "what to know"}}
	for _, r := range s.Releases {
		fpr := ""
		if g := r.Signer(); g != nil {
			fpr = string(g.Primary)
		}
		rows = append(rows, []string{
			cell(r.Tag), contract.Time(r.Date), cell(signerName(r.Release)), fpr, statusWord(r.Verdict()), summary(r.Commit),
			summary(r.Files), summary(r.Images), summary(r.Record), cell(remark(r.Release, r.change, r.changed)),
		})
	}
	err := w.WriteAll(rows)
	return b.Bytes(), err
}

// statusWord is the status of a tag, and for a sound one that the policy refuses, that it does.
func statusWord(v keys.Verdict) string {
	if v.Trusted != nil && !*v.Trusted && v.Status.Sound() {
		return "not trusted"
	}
	return string(v.Status)
}

// cell keeps text from outside from becoming a formula in a spreadsheet.
func cell(text string) string {
	text = safetext.Line(text)
	if text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
		return "'" + text
	}
	return text
}

func summary(vs []keys.Verdict) string {
	text, _ := group(vs)
	return text
}

//go:embed export.html
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

// pageRow is one release on the page. Its cells are the tag's verdict, and then those of the columns.
type pageRow struct {
	Tag, Date, Signer, Fingerprint, Know, Change string
	Cells                                        []pageCell
}

// pageCell is a verdict, or what several come to, in the colour of the worst.
type pageCell struct{ Text, Class string }

// pageColumn is what goes with a tag; a page on which no release has any leaves it out.
type pageColumn struct {
	title string
	of    func(*history.Release) []keys.Verdict
}

// columns are those of the page that have something in them.
func (s snapshot) columns() (out []pageColumn) {
	for _, c := range []pageColumn{
		{"commit", func(r *history.Release) []keys.Verdict { return r.Commit }},
		{"files", func(r *history.Release) []keys.Verdict { return r.Files }},
		{"image", func(r *history.Release) []keys.Verdict { return r.Images }},
		{"record", func(r *history.Release) []keys.Verdict { return r.Record }},
	} {
		if slices.ContainsFunc(s.Releases, func(r shown) bool { return len(c.of(r.Release)) > 0 }) {
			out = append(out, c)
		}
	}
	return out
}

func cellOf(vs []keys.Verdict) pageCell {
	text, worst := group(vs)
	if text == "" {
		return pageCell{}
	}
	return pageCell{text, classOf(weight(worst))}
}

func (s snapshot) html() ([]byte, error) {
	data := struct {
		Project, At, Filter string
		Count               string
		Picture             picture
		Columns             []string
		Rows                []pageRow
	}{Project: safetext.Line(s.Project), At: moment(s.At), Filter: safetext.Line(s.Filter), Count: human.Count(len(s.Releases), "release"), Picture: draw(s.Releases)}
	columns := s.columns()
	for _, c := range columns {
		data.Columns = append(data.Columns, c.title)
	}
	for _, r := range s.Releases {
		row := pageRow{
			Tag: safetext.Line(r.Tag), Signer: signerName(r.Release), Know: safetext.Line(remark(r.Release, r.change, r.changed)),
			Cells: []pageCell{{short(r.Verdict()), classOf(weight(r.Verdict()))}},
		}
		for _, c := range columns {
			row.Cells = append(row.Cells, cellOf(c.of(r.Release)))
		}
		if !r.Date.IsZero() {
			row.Date = r.Date.UTC().Format("2006-01-02")
		}
		if g := r.Signer(); g != nil {
			row.Fingerprint = g.Primary.Grouped()
		}
		if r.changed && r.change.New {
			row.Change = "signer changed: " + nameOf(r.change.From) + " → " + nameOf(r.change.To)
		}
		data.Rows = append(data.Rows, row)
	}
	var b bytes.Buffer
	err := page.Execute(&b, data)
	return b.Bytes(), err
}

// class is the colour of a release in the picture.
func class(r *history.Release) string { return classOf(badness(r)) }

// classOf is the colour of a weight.
func classOf(n int) string {
	switch {
	case n == weightGood:
		return "good"
	case n >= weightBad:
		return "bad"
	case n >= weightCaution:
		return "caution"
	}
	return "muted"
}
