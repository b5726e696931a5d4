package workflow

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// The journal of the release under way is <git common dir>/bulla/release.jsonl: one JSON object
// a line, appended and synced before the next thing happens. It holds the plan, which step began
// and which ended; never a secret. A finished or abandoned release's journal moves to
// bulla/done/TAG.jsonl, where preflight of the next release looks for what to compare with.
const (
	journalDir   = "bulla"
	journalName  = "release.jsonl"
	journalLock  = "release.lock"
	journalDone  = "done"
	maxJournal   = 16 << 20 // bytes
	journalPerms = 0o600
)

// entryType is the kind of a journal line.
type entryType string

const (
	entryBegin     entryType = "begin"
	entryStarted   entryType = "started"
	entryDone      entryType = "done"
	entrySkipped   entryType = "skipped"
	entryFailed    entryType = "failed"
	entryResumed   entryType = "resumed"
	entryComplete  entryType = "complete"
	entryAbandoned entryType = "abandoned"
)

// entry is one line of the journal.
type entry struct {
	Type entryType `json:"type"`
	At   time.Time `json:"at"`
	Step StepID    `json:"step,omitempty"`
	Text string    `json:"text,omitempty"`
	Plan *Plan     `json:"plan,omitempty"`
	// Existed lists the files that stood in the place of lists and records when the release
	// began: taking it back must not remove them.
	Existed []string `json:"existed,omitempty"`
}

// journal is an open journal; its lock keeps a second bulla out.
type journal struct {
	dir     string
	file    *os.File
	lock    *flock.Flock
	now     func() time.Time
	entries []entry
}

// ErrRunning says that another process is at work on a release of this repository.
var ErrRunning = errors.New("another bulla is releasing this repository right now")

// lockJournal takes the lock without waiting and reads what a former run left. The journal file
// itself is only made by begin.
func lockJournal(commonDir string, now func() time.Time) (*journal, error) {
	dir := filepath.Join(commonDir, journalDir)
	if err := makePrivateDir(dir); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(dir, journalLock), flock.SetPermissions(journalPerms))
	ok, err := l.TryLock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrRunning
	}
	j := &journal{dir: dir, lock: l, now: now}
	if j.entries, err = readJournal(filepath.Join(dir, journalName)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return j, nil
}

// readJournal reads the lines of a journal. A last line that a crash cut short is dropped; a
// broken line before it is an error.
func readJournal(path string) ([]entry, error) {
	data, err := readLimited(path, maxJournal)
	if err != nil {
		return nil, err
	}
	return parseJournal(data)
}

func parseJournal(data []byte) (out []entry, err error) {
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, maxJournal)
	lines := 0
	var broken error
	for sc.Scan() {
		lines++
		if broken != nil {
			return nil, broken
		}
		var e entry
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			broken = fmt.Errorf("the journal's line %d cannot be read: %w", lines, err)
			continue
		}
		out = append(out, e)
	}
	if len(out) > 0 && (out[0].Type != entryBegin || out[0].Plan == nil) {
		return nil, errors.New("the journal does not begin with a plan")
	}
	return out, sc.Err()
}

// begin starts the journal of a new release.
func (j *journal) begin(p *Plan, existed []string) error {
	return j.append(entry{Type: entryBegin, Plan: p, Existed: existed})
}

// append adds one line and syncs it to disk.
func (j *journal) append(e entry) (err error) {
	if j.file == nil {
		flags := os.O_WRONLY | os.O_APPEND | os.O_CREATE
		if j.file, err = os.OpenFile(filepath.Join(j.dir, journalName), flags, journalPerms); err != nil {
			return err
		}
		if err := j.repairEnd(); err != nil {
			return err
		}
	}
	e.At = j.now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return err
	}
	j.entries = append(j.entries, e)
	return j.file.Sync()
}

// repairEnd cuts off a last line that a crash left without its newline.
func (j *journal) repairEnd() error {
	data, err := os.ReadFile(j.file.Name())
	if err != nil {
		return err
	}
	if end := bytes.LastIndexByte(data, '\n') + 1; end != len(data) {
		return os.Truncate(j.file.Name(), int64(end))
	}
	return nil
}

// plan is the plan of the release under way, nil if there is none.
func (j *journal) plan() *Plan {
	if len(j.entries) == 0 {
		return nil
	}
	return j.entries[0].Plan
}

// existed is what stood in the way of lists and records when the release began.
func (j *journal) existed() map[string]bool {
	m := map[string]bool{}
	if len(j.entries) > 0 {
		for _, p := range j.entries[0].Existed {
			m[p] = true
		}
	}
	return m
}

// progress tells from the entries which steps ended well and which did not.
func progress(entries []entry) (done map[StepID]string, began map[StepID]bool) {
	done, began = map[StepID]string{}, map[StepID]bool{}
	for _, e := range entries {
		switch e.Type {
		case entryStarted:
			began[e.Step] = true
			delete(done, e.Step)
		case entryDone, entrySkipped:
			done[e.Step] = e.Text
		}
	}
	return done, began
}

// archive ends the journal: its file moves to the finished ones.
func (j *journal) archive(last entryType, text string) error {
	tag := j.plan().Tag
	if err := j.append(entry{Type: last, Text: text}); err != nil {
		return err
	}
	dir := filepath.Join(j.dir, journalDone)
	if err := makePrivateDir(dir); err != nil {
		return err
	}
	name := doneName(tag)
	if last == entryAbandoned {
		name = "abandoned-" + name
	}
	if err := j.file.Close(); err != nil {
		return err
	}
	j.file = nil
	return os.Rename(filepath.Join(j.dir, journalName), filepath.Join(dir, name))
}

// doneName is the file name of the journal of a finished release.
func doneName(tag string) string { return strings.ReplaceAll(tag, "/", "_") + ".jsonl" }

// finished is the plan of the finished release of a tag, where it was made from this repository.
func finished(commonDir, tag string) (*Plan, bool) {
	entries, err := readJournal(filepath.Join(commonDir, journalDir, journalDone, doneName(tag)))
	if err != nil || len(entries) == 0 {
		return nil, false
	}
	return entries[0].Plan, true
}

// close gives the lock back. What is not archived can be resumed.
func (j *journal) close() error {
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	return errors.Join(err, j.lock.Close())
}

// Unfinished describes the release that a former run began and did not finish; nil if there is
// none.
func (s *Session) Unfinished(context.Context) (*Unfinished, error) {
	entries, err := readJournal(filepath.Join(s.state.CommonDir, journalDir, journalName))
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	u := &Unfinished{Tag: entries[0].Plan.Tag, Began: entries[0].At}
	u.Done, u.Left = summarize(entries)
	l := flock.New(filepath.Join(s.state.CommonDir, journalDir, journalLock), flock.SetPermissions(journalPerms))
	ok, err := l.TryLock()
	u.Running = err == nil && !ok
	return u, errors.Join(err, l.Close())
}

// summarize says in plain words what a journal tells to be done and left.
func summarize(entries []entry) (did, left []string) {
	done, began := progress(entries)
	for _, st := range walk {
		if !st.writes {
			continue
		}
		switch text, ok := done[st.id]; {
		case ok && text != "":
			did = append(did, text)
		case ok:
		case began[st.id]:
			left = append(left, st.id.Title()+" (begun)")
		default:
			left = append(left, st.id.Title())
		}
	}
	return did, left
}

// lastRelease is the plan of the newest finished release of this repository made here.
func lastRelease(commonDir string) (*Plan, bool) {
	files, err := filepath.Glob(filepath.Join(commonDir, journalDir, journalDone, "*.jsonl"))
	if err != nil {
		return nil, false
	}
	var newest *Plan
	var when time.Time
	for _, f := range files {
		entries, err := readJournal(f)
		if err != nil || len(entries) == 0 || entries[len(entries)-1].Type != entryComplete {
			continue
		}
		if at := entries[len(entries)-1].At; newest == nil || at.After(when) {
			newest, when = entries[0].Plan, at
		}
	}
	return newest, newest != nil
}

// existing lists those of paths that exist.
func existing(paths []string) (out []string) {
	for _, p := range paths {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			out = append(out, p)
		}
	}
	return out
}
