// Package journal keeps what a release that is under way has done so far.
//
// It is <git common dir>/bulla/release.jsonl: one JSON object a line, appended before the next thing
// happens. It holds the plan, which step began and which ended, and the digest of each file that is
// about to be written; never a secret. So another run can tell what a killed one made from what
// others made: it resumes and takes back by comparing, not by guessing. A finished or abandoned
// release's journal moves to bulla/done/, where preflight of the next release looks for what to
// compare with.
package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"bulla/keys/atomicfile"
	"bulla/keys/limits"
)

const (
	folder   = "bulla"
	fileName = "release.jsonl"
	lockName = "release.lock"
	doneName = "done"
	maxSize  = 64 << 20 // bytes
	perms    = 0o600
)

// Path is where the journal of the release under way lies, below git's common folder.
func Path(commonDir string) string { return filepath.Join(commonDir, folder, fileName) }

// DonePath is where the journal of the finished release of a tag lies. No tag can hold a "~"
// (git-check-ref-format), so no two tags share a name, and none looks like an abandoned one.
func DonePath(commonDir, tag string) string {
	return filepath.Join(commonDir, folder, doneName, strings.ReplaceAll(tag, "/", "~")+"~"+doneSuffix)
}

const doneSuffix = ".jsonl"

// Plan is a pointer to what a release will make. The journal needs to know only its tag.
type Plan interface {
	comparable
	// TagName is the tag of the release.
	TagName() string
}

// Kind is the kind of a journal line.
type Kind string

// The kinds of lines: Begin is the first, Complete or Abandoned the last.
const (
	Begin     Kind = "begin"
	Started   Kind = "started"
	Writing   Kind = "writing"
	Done      Kind = "done"
	Skipped   Kind = "skipped"
	Failed    Kind = "failed"
	Resumed   Kind = "resumed"
	Complete  Kind = "complete"
	Abandoned Kind = "abandoned"
)

// Entry is one line of the journal.
type Entry[P Plan] struct {
	Kind Kind      `json:"type"`
	At   time.Time `json:"at"`
	Step string    `json:"step,omitempty"`
	Text string    `json:"text,omitempty"`
	Plan P         `json:"plan,omitempty"` // of Begin
	// Existed lists the outputs that stood there when the release began: where one is replaced,
	// taking the release back cannot bring it back.
	Existed []string `json:"existed,omitempty"`
	// Path and SHA256 (lower-case hex) belong to Writing.
	Path   string `json:"path,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// ends reports whether nothing of the release is left to do after this entry.
func (e Entry[P]) ends() bool { return e.Kind == Complete || e.Kind == Abandoned }

// Journal is an open journal; its lock keeps a second bulla out.
type Journal[P Plan] struct {
	dir     string
	lock    *flock.Flock
	now     func() time.Time
	entries []Entry[P]

	mu     sync.Mutex // around what follows: files are signed in parallel
	file   appender
	size   int64 // bytes of whole lines in the file
	broken error // what kept a line from being written: none follows it

	digests map[string][]string // see Written
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

// Lock takes the lock and reads what a former run left. The journal file
// itself is only made by Begin. A former run that was killed after its last line is tidied up.
func Lock[P Plan](commonDir string, now func() time.Time) (_ *Journal[P], err error) {
	dir := filepath.Join(commonDir, folder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(perms))
	// Who only looks (Unfinished) holds the lock for a moment: that is not a release at work.
	wait, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	switch ok, err := l.TryLockContext(wait, lockPatience/20); {
	case !ok && wait.Err() != nil:
		return nil, ErrRunning
	case err != nil:
		return nil, err
	}
	j := &Journal[P]{dir: dir, lock: l, now: now}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if err := j.load(); err != nil {
		return nil, err
	}
	if n := len(j.entries); n > 0 && j.entries[n-1].ends() {
		return j, j.retire(j.entries[n-1].Kind)
	}
	return j, nil
}

func (j *Journal[P]) path() string { return filepath.Join(j.dir, fileName) }

// load reads the entries and cuts off what a crash left behind the last whole one, so that the
// next line begins on a line of its own.
func (j *Journal[P]) load() error {
	data, err := limits.ReadIfThere(j.path(), maxSize)
	if err != nil || len(data) == 0 {
		return err
	}
	entries, valid, err := parse[P](j.path(), data)
	if err != nil {
		return err
	}
	j.entries, j.size = entries, int64(valid)
	if valid == len(data) {
		return nil
	}
	return os.Truncate(j.path(), int64(valid))
}

// read reads the entries of a journal file; none for a file that is not there.
func read[P Plan](path string) ([]Entry[P], error) {
	data, err := limits.ReadIfThere(path, maxSize)
	if err != nil {
		return nil, err
	}
	entries, _, err := parse[P](path, data)
	return entries, err
}

// parse reads whole lines. The last line may have been cut short by a crash: it is dropped,
// and valid tells how many bytes belong to what was read. A broken line before it is a
// *DamagedError.
func parse[P Plan](path string, data []byte) (out []Entry[P], valid int, err error) {
	for valid < len(data) {
		end := bytes.IndexByte(data[valid:], '\n')
		if end < 0 {
			break
		}
		var e Entry[P]
		if err := json.Unmarshal(data[valid:valid+end], &e); err != nil {
			if valid+end+1 == len(data) {
				break
			}
			return nil, 0, &DamagedError{Path: path, Line: len(out) + 1}
		}
		out = append(out, e)
		valid += end + 1
	}
	var none P
	if len(out) > 0 && (out[0].Kind != Begin || out[0].Plan == none) {
		return nil, 0, &DamagedError{Path: path, Line: 1}
	}
	return out, valid, nil
}

// Begin starts the journal of a new release.
func (j *Journal[P]) Begin(p P, existed []string) error {
	if err := j.Append(Entry[P]{Kind: Begin, Plan: p, Existed: existed}); err != nil {
		return err
	}
	return atomicfile.SyncDir(j.dir)
}

// Writing notes that a file is about to be written. It is not synced by itself: after a power
// loss a file without its note is kept, which is the safe side.
func (j *Journal[P]) Writing(path, digest string) error {
	return j.add(Entry[P]{Kind: Writing, Path: path, SHA256: digest})
}

// Append adds one line and syncs it to disk.
func (j *Journal[P]) Append(e Entry[P]) error {
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

// add adds one line: all of it, or nothing. Its error is a *WriteError.
func (j *Journal[P]) add(e Entry[P]) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if j.file == nil {
		f, err := os.OpenFile(j.path(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, perms)
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
func (j *Journal[P]) fail(err error) error {
	j.broken = &WriteError{Path: j.path(), Err: err}
	return j.broken
}

// Plan is the plan of the release under way, nil if there is none.
func (j *Journal[P]) Plan() P {
	if len(j.entries) == 0 {
		var none P
		return none
	}
	return j.entries[0].Plan
}

// Existed is what stood in the place of outputs when the release began.
func (j *Journal[P]) Existed() map[string]bool {
	m := map[string]bool{}
	if len(j.entries) > 0 {
		for _, p := range j.entries[0].Existed {
			m[p] = true
		}
	}
	return m
}

// Written are the digests that the file at path may have, by what the release wrote or was about to
// write: a resumed run signs anew what the killed one had only announced. Nil for a file of somebody
// else's. It is asked for each of what may be thousands of files, so entries are counted once.
func (j *Journal[P]) Written(path string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.digests == nil {
		j.digests = map[string][]string{}
	}
	for _, e := range j.entries[j.counted:] {
		if e.Kind == Writing {
			j.digests[e.Path] = append(j.digests[e.Path], e.SHA256)
		}
	}
	j.counted = len(j.entries)
	return slices.Clone(j.digests[path])
}

// Archive ends the journal: a last line, then its file moves to the finished ones.
func (j *Journal[P]) Archive(last Kind, text string) error {
	if err := j.Append(Entry[P]{Kind: last, Text: text}); err != nil {
		return err
	}
	return j.retire(last)
}

// retire moves a journal with its last line to the finished ones.
func (j *Journal[P]) retire(last Kind) error {
	dir := filepath.Join(j.dir, doneName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := DonePath(filepath.Dir(j.dir), j.Plan().TagName())
	if last == Abandoned {
		path = strings.TrimSuffix(path, doneSuffix) + ".abandoned" + doneSuffix
	}
	if j.file != nil {
		if err := j.file.Close(); err != nil {
			return err
		}
		j.file = nil
	}
	if err := os.Rename(j.path(), path); err != nil {
		return err
	}
	j.entries, j.digests, j.counted = nil, nil, 0
	return errors.Join(atomicfile.SyncDir(dir), atomicfile.SyncDir(j.dir))
}

// Finished is the plan of the finished release of a tag, where it was made from this repository.
func Finished[P Plan](commonDir, tag string) (plan P, ok bool) {
	entries, err := read[P](DonePath(commonDir, tag))
	if err != nil || len(entries) == 0 || entries[len(entries)-1].Kind != Complete || entries[0].Plan.TagName() != tag {
		return plan, false
	}
	return entries[0].Plan, true
}

// Entries are the lines so far.
func (j *Journal[P]) Entries() []Entry[P] { return j.entries }

// Close gives the lock back. What is not archived can be resumed.
func (j *Journal[P]) Close() error {
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	return errors.Join(err, j.lock.Close())
}

// Last is the plan of the newest finished release of this repository made here.
func Last[P Plan](commonDir string) (newest P, ok bool) {
	files, err := filepath.Glob(filepath.Join(commonDir, folder, doneName, "*~"+doneSuffix))
	if err != nil {
		return newest, false
	}
	var when time.Time
	for _, f := range files {
		entries, err := read[P](f)
		if err != nil || len(entries) == 0 || entries[len(entries)-1].Kind != Complete {
			continue
		}
		if at := entries[len(entries)-1].At; !ok || at.After(when) {
			newest, when, ok = entries[0].Plan, at, true
		}
	}
	return newest, ok
}

// Unfinished are the lines of the release that was begun and not finished, none where there is no
// such release. running says that somebody is at work on it right now.
func Unfinished[P Plan](commonDir string) (entries []Entry[P], running bool, err error) {
	entries, err = read[P](Path(commonDir))
	if err != nil || len(entries) == 0 || entries[len(entries)-1].ends() {
		return nil, false, err
	}
	// A shared lock: looking must not be in the way of another who looks.
	l := flock.New(filepath.Join(commonDir, folder, lockName), flock.SetPermissions(perms))
	ok, err := l.TryRLock()
	return entries, err == nil && !ok, errors.Join(err, l.Close())
}
