package cli

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"bulla/keys"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/workflow/verify"
)

// reportFormat is how `bulla verify` answers.
type reportFormat string

const (
	formatText   reportFormat = "text"
	formatJSON   reportFormat = "json"
	formatJUnit  reportFormat = "junit"
	formatGitHub reportFormat = "github"
)

func parseFormat(s string) (reportFormat, error) {
	switch f := reportFormat(s); f {
	case formatText, formatJSON, formatJUnit, formatGitHub:
		return f, nil
	}
	return "", &explain.UsageError{Message: fmt.Sprintf("there is no format %q", s), Hints: []string{"--format text, json, junit or github"}}
}

// outcome is what an entry means for the exit code.
type outcome int

const (
	passes    outcome = iota
	undecided         // could not be checked
	fails
)

// entry is one thing that a report tells: a verdict, or a finding about a source archive.
type entry struct {
	outcome              outcome
	kind, target, status string
	reason               string
	file                 string // the local file it is about, or ""
	apart                string // the release, by its tag, that the file lies beside without being part of it
	part                 bool   // it is counted with another entry, as a finding within an archive
	verdict              *keys.Verdict
	print                func(*printer)
}

// report collects entries and writes them in one of the formats.
type report struct {
	format    reportFormat
	quiet     bool // text and github: only what does not pass
	verbose   bool // text and github: what passes one by one
	allowWeak bool
	entries   []entry
}

// verdicts adds a set of verdicts that belong together: of several signatures on one image, one
// good one is enough.
func (r *report) verdicts(list []keys.Verdict) {
	type name struct {
		kind   keys.Kind
		target string
	}
	groups := map[name][]keys.Verdict{}
	for _, v := range list {
		n := name{v.Kind, v.Target}
		groups[n] = append(groups[n], v)
	}
	beside := apart(list, r.allowWeak)
	for i, v := range list {
		e := entry{kind: string(v.Kind), target: v.Target, status: string(v.Status), verdict: &v, print: func(p *printer) { p.verdict(v) }}
		e.reason = strings.TrimSpace(v.Reason + " " + v.PolicyReason)
		if v.Kind == keys.KindArtifact || v.Kind == keys.KindChecksum || v.Kind == keys.KindRecord {
			e.file = cmp.Or(v.Path, v.Target)
		}
		if !v.OK(r.allowWeak) && len(verify.Failing(groups[name{v.Kind, v.Target}], r.allowWeak)) > 0 {
			e.outcome = fails
			if codeOf([]keys.Verdict{v}, r.allowWeak) == explain.CodeUnchecked {
				e.outcome = undecided
			}
			if v.Trusted != nil && !*v.Trusted && v.Status.Sound() {
				e.status = "not trusted"
			}
		}
		if e.apart = beside[i]; e.apart != "" && e.outcome == passes {
			e.stranger()
		}
		r.entries = append(r.entries, e)
	}
}

// stranger says that the file, signed as it is, is not part of the release that it lies beside.
func (e *entry) stranger() {
	says := "Signed, but not part of " + safetext.Line(e.apart) + ": the record of that release does not name it."
	e.reason = strings.TrimSpace(e.reason + " " + says)
	verdict := e.print
	e.print = func(p *printer) {
		if verdict(p); !p.json {
			p.line("             %s", says)
		}
	}
}

// code is the exit code of everything reported.
func (r *report) code() int {
	worst := passes
	if len(r.entries) == 0 {
		worst = undecided // nothing checked is not the same as all good
	}
	for _, e := range r.entries {
		worst = max(worst, e.outcome)
	}
	switch worst {
	case fails:
		return explain.CodeFailed
	case undecided:
		return explain.CodeUnchecked
	}
	return explain.CodeOK
}

// write prints the report and ends with its exit code.
func (r *report) write(out io.Writer) error {
	var err error
	switch r.format {
	case formatJUnit:
		err = r.junit(out)
	case formatGitHub:
		err = r.github(out)
	case formatJSON:
		p := &printer{out: out, json: true}
		for _, e := range r.entries {
			e.print(p)
		}
		err = p.err
	default:
		p := &printer{out: out}
		r.tell(p, func(e entry) { e.print(p) })
		err = p.err
	}
	if err == nil && r.code() != explain.CodeOK {
		err = exitCode(r.code())
	}
	return err
}

// The JUnit form that CI systems agree on (https://github.com/testmoapp/junitxml).
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Name    string       `xml:"name,attr"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		File    string       `xml:"file,attr,omitempty"`
		Failure *junitDetail `xml:"failure,omitempty"`
		Error   *junitDetail `xml:"error,omitempty"`
		Output  string       `xml:"system-out,omitempty"`
	}
	junitDetail struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit writes one test case for each entry: what is wrong is a failure, what could not be
// checked an error.
func (r *report) junit(out io.Writer) error {
	suite := junitSuite{Name: "bulla verify", Tests: len(r.entries)}
	for _, e := range r.entries {
		text := e.text()
		c := junitCase{Name: safetext.Line(e.target), Class: "bulla." + e.kind, File: safetext.Line(e.file)}
		detail := &junitDetail{Type: e.status, Message: safetext.Line(e.reason), Text: text}
		switch e.outcome {
		case fails:
			suite.Failures++
			c.Failure = detail
		case undecided:
			suite.Errors++
			c.Error = detail
		default:
			c.Output = text
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(out)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Name: "bulla verify", Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}

// text is the entry as the text format shows it.
func (e entry) text() string {
	var b bytes.Buffer
	e.print(&printer{out: &b})
	return b.String()
}

// github writes workflow commands, which GitHub shows where they belong
// (https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
func (r *report) github(out io.Writer) error {
	var text, b bytes.Buffer
	p := &printer{out: &text}
	settle := func() {
		for l := range strings.Lines(text.String()) {
			b.WriteString(defuse(l))
		}
		text.Reset()
	}
	r.tell(p, func(e entry) {
		settle()
		command := "error"
		if e.outcome == undecided {
			command = "warning"
		}
		b.WriteString("::" + command + " ")
		if e.file != "" {
			b.WriteString("file=" + githubProperty(filepath.ToSlash(safetext.Line(e.file))) + ",")
		}
		fmt.Fprintf(&b, "title=%s::%s\n", githubProperty(safetext.Line("bulla: "+e.status+" "+e.kind)),
			githubData(safetext.Line(e.target)+": "+safetext.Line(e.reason)))
	})
	settle()
	_, err := out.Write(b.Bytes())
	return err
}

// defuse takes the meaning out of GitHub's commands in a line that is none of ours: the old ones,
// ##[…], count anywhere, the present ones at the line's beginning, after blanks too.
func defuse(s string) string {
	if strings.HasPrefix(strings.TrimLeft(s, " \t"), "::") {
		s = "-" + s
	}
	return strings.ReplaceAll(s, "##[", "## [")
}

var githubEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")

func githubData(s string) string { return strings.ReplaceAll(githubEscapes.Replace(s), "##[", "## [") }

func githubProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(githubData(s))
}
