package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"bulla/keys/atomicfile"
	"bulla/keys/limits"
)

// The journal of the release under way is <git common dir>/bulla/release.jsonl: one JSON object
// a line, appended before the next thing happens. It holds the plan, which step began and which
// ended, and the digest of each file that is about to be written; never a secret. So another run
// can tell what a killed one made from what others made: it resumes and takes back by comparing,
// not by guessing. A finished or abandoned release's journal moves to bulla/done/, where
// preflight of the next release looks for what to compare with.
const (
	journalDir   = "bulla"
	journalName  = "release.jsonl"
	journalLock  = "release.lock"
	journalDone  = "done"
	maxJournal   = 64 << 20 // bytes
	journalPerms = 0o600
)

// entryType is the kind of a journal line.
type entryType string

const (
	entryBegin     entryType = "begin"
	entryStarted   entryType = "started"
	entryWriting   entryType = "writing"
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
	// Existed lists the outputs that stood there when the release began: where one is replaced,
	// taking the release back cannot bring it back.
	Existed []string `json:"existed,omitempty"`
	// Path and SHA256 (lower-case hex) belong to entryWriting.
	Path   string `json:"path,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// ends reports whether nothing of the release is left to do after this entry.
func (e entry) ends() bool { return e.Type == entryComplete || e.Type == entryAbandoned }

// journal is an open journal; its lock keeps a second bulla out.
type journal struct {
	dir     string
	lock    *flock.Flock
	now     func() time.Time
	entries []entry

	mu     sync.Mutex // around what follows: files are signed in parallel
	file   appender
	size   int64 // bytes of whole lines in the file
	broken error // what kept a line from being written: none follows it

	digests map[string][]string // see written
	counted int                 // how many entries it knows
}

// appender is the journal's file.
type appender interface {
	io.WriteCloser
	Sync() error
}

// ErrRunning says that another process is at work on a release of this repository.
var ErrRunning = errors.New("another bulla is releasing this repository right now")

// lockPatience is how long a lock may be held by somebody who only looks.
const lockPatience = 400 * time.Millisecond

// lockJournal takes the lock and reads what a former run left. The journal file
// itself is only made by begin. A former run that was killed after its last line is tidied up.
func lockJournal(commonDir string, now func() time.Time) (_ *journal, err error) {
	dir := filepath.Join(commonDir, journalDir)
	if err := makePrivateDir(dir); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(dir, journalLock), flock.SetPermissions(journalPerms))
	// Who only looks (Unfinished) holds the lock for a moment: that is not a release at work.
	wait, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	switch ok, err := l.TryLockContext(wait, lockPatience/20); {
	case !ok && wait.Err() != nil:
		return nil, ErrRunning
	case err != nil:
		return nil, err
	}
	j := &journal{dir: dir, lock: l, now: now}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if err := j.load(); err != nil {
		return nil, err
	}
	if n := len(j.entries); n > 0 && j.entries[n-1].ends() {
		return j, j.retire(j.entries[n-1].Type)
	}
	return j, nil
}

func (j *journal) path() string { return filepath.Join(j.dir, journalName) }

// load reads the entries and cuts off what a crash left behind the last whole one, so that the
// next line begins on a line of its own.
func (j *journal) load() error {
	data, err := limits.ReadIfThere(j.path(), maxJournal)
	if err != nil || len(data) == 0 {
		return err
	}
	entries, valid, err := parseJournal(j.path(), data)
	if err != nil {
		return err
	}
	j.entries, j.size = entries, int64(valid)
	if valid == len(data) {
		return nil
	}
	return os.Truncate(j.path(), int64(valid))
}

// readJournal reads the entries of a journal file; none for a file that is not there.
func readJournal(path string) ([]entry, error) {
	data, err := limits.ReadIfThere(path, maxJournal)
	if err != nil {
		return nil, err
	}
	entries, _, err := parseJournal(path, data)
	return entries, err
}

// parseJournal reads whole lines. The last line may have been cut short by a crash: it is dropped,
// and valid tells how many bytes belong to what was read. A broken line before it is a
// *JournalDamagedError.
func parseJournal(path string, data []byte) (out []entry, valid int, err error) {
	for valid < len(data) {
		end := bytes.IndexByte(data[valid:], '\n')
		if end < 0 {
			break
		}
		var e entry
		if err := json.Unmarshal(data[valid:valid+end], &e); err != nil {
			if valid+end+1 == len(data) {
				break
			}
			return nil, 0, &JournalDamagedError{Path: path, Line: len(out) + 1}
		}
		out = append(out, e)
		valid += end + 1
	}
	if len(out) > 0 && (out[0].Type != entryBegin || out[0].Plan == nil) {
		return nil, 0, &JournalDamagedError{Path: path, Line: 1}
	}
	return out, valid, nil
}

// begin starts the journal of a new release.
func (j *journal) begin(p *Plan, existed []string) error {
	if err := j.append(entry{Type: entryBegin, Plan: p, Existed: existed}); err != nil {
		return err
	}
	return atomicfile.SyncDir(j.dir)
}

// writing notes that a file is about to be written. It is not synced by itself: after a power
// loss a file without its note is kept, which is the safe side.
func (j *journal) writing(path, digest string) error {
	return j.add(entry{Type: entryWriting, Path: path, SHA256: digest})
}

// append adds one line and syncs it to disk.
func (j *journal) append(e entry) error {
	if err := j.add(e); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.file.Sync(); err != nil {
		return j.fail(err)
	}
	return nil
}

// add adds one line: all of it, or nothing. Its error is a *JournalWriteError.
func (j *journal) add(e entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if j.file == nil {
		f, err := os.OpenFile(j.path(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, journalPerms)
		if err != nil {
			return j.fail(err)
		}
		j.file = f
	}
	e.At = j.now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	n, err := j.file.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		// A full disk takes a part of a line. The next one would be glued to it, and neither could
		// ever be read.
		return j.fail(errors.Join(err, os.Truncate(j.path(), j.size)))
	}
	j.size += int64(n)
	j.entries = append(j.entries, e)
	return nil
}

// fail lets no line follow what could not be written: a release goes no further than its journal.
func (j *journal) fail(err error) error {
	j.broken = &JournalWriteError{Path: j.path(), Err: err}
	return j.broken
}

// plan is the plan of the release under way, nil if there is none.
func (j *journal) plan() *Plan {
	if len(j.entries) == 0 {
		return nil
	}
	return j.entries[0].Plan
}

// existed is what stood in the place of outputs when the release began.
func (j *journal) existed() map[string]bool {
	m := map[string]bool{}
	if len(j.entries) > 0 {
		for _, p := range j.entries[0].Existed {
			m[p] = true
		}
	}
	return m
}

// written maps the path of each file that the release wrote, or was about to, to the digests it
// may have: a resumed run signs anew what the killed one had only announced. The map is the journal's:
// it is asked for each of what may be thousands of files, and grows with the entries.
func (j *journal) written() map[string][]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.digests == nil {
		j.digests = map[string][]string{}
	}
	for _, e := range j.entries[j.counted:] {
		if e.Type == entryWriting {
			j.digests[e.Path] = append(j.digests[e.Path], e.SHA256)
		}
	}
	j.counted = len(j.entries)
	return j.digests
}

// progress tells from the entries which steps ended well and which began.
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

// archive ends the journal: a last line, then its file moves to the finished ones.
func (j *journal) archive(last entryType, text string) error {
	if err := j.append(entry{Type: last, Text: text}); err != nil {
		return err
	}
	return j.retire(last)
}

// retire moves a journal with its last line to the finished ones.
func (j *journal) retire(last entryType) error {
	dir := filepath.Join(j.dir, journalDone)
	if err := makePrivateDir(dir); err != nil {
		return err
	}
	name := doneName(j.plan().Tag)
	if last == entryAbandoned {
		name = strings.TrimSuffix(name, doneSuffix) + ".abandoned" + doneSuffix
	}
	if j.file != nil {
		if err := j.file.Close(); err != nil {
			return err
		}
		j.file = nil
	}
	if err := os.Rename(j.path(), filepath.Join(dir, name)); err != nil {
		return err
	}
	j.entries, j.digests, j.counted = nil, nil, 0
	return errors.Join(atomicfile.SyncDir(dir), atomicfile.SyncDir(j.dir))
}

const doneSuffix = ".jsonl"

// doneName is the file name of the journal of a finished release. No tag can hold a "~"
// (git-check-ref-format), so no two tags share a name, and none looks like an abandoned one.
func doneName(tag string) string { return strings.ReplaceAll(tag, "/", "~") + "~" + doneSuffix }

// finished is the plan of the finished release of a tag, where it was made from this repository.
func finished(commonDir, tag string) (*Plan, bool) {
	entries, err := readJournal(filepath.Join(commonDir, journalDir, journalDone, doneName(tag)))
	if err != nil || len(entries) == 0 || entries[len(entries)-1].Type != entryComplete || entries[0].Plan.Tag != tag {
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
// none. One that only its push was missing from is finished where the tag is on the remote by now.
func (s *Session) Unfinished(ctx context.Context) (*Unfinished, error) {
	u, plan, err := s.begun()
	if err == nil && u != nil && u.onlyPush && !u.Running && s.settlePushed(ctx, plan) {
		return nil, nil
	}
	return u, err
}

// Begun is Unfinished that asks no remote, and finishes nothing.
func (s *Session) Begun() (*Unfinished, error) {
	u, _, err := s.begun()
	return u, err
}

func (s *Session) begun() (*Unfinished, *Plan, error) {
	dir := filepath.Join(s.state.CommonDir, journalDir)
	entries, err := readJournal(filepath.Join(dir, journalName))
	if err != nil || len(entries) == 0 || entries[len(entries)-1].ends() {
		return nil, nil, err
	}
	u := &Unfinished{Tag: entries[0].Plan.Tag, Began: entries[0].At}
	u.Done, u.Left = summarize(entries)
	// A shared lock: looking must not be in the way of another who looks.
	l := flock.New(filepath.Join(dir, journalLock), flock.SetPermissions(journalPerms))
	ok, err := l.TryRLock()
	u.Running = err == nil && !ok
	u.onlyPush = onlyPushLeft(entries)
	return u, entries[0].Plan, errors.Join(err, l.Close())
}

// summarize says in plain words what a journal tells to be done and left.
func summarize(entries []entry) (did, left []string) {
	done, began := progress(entries)
	for _, st := range walk {
		if !st.writes || (st.skip != nil && st.skip(&run{plan: entries[0].Plan}) != "") {
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
	files, err := filepath.Glob(filepath.Join(commonDir, journalDir, journalDone, "*~"+doneSuffix))
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
