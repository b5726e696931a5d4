package dct

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/theupdateframework/notary/storage"

	"bulla/keys/atomicfile"
	"bulla/keys/limits"
)

// memory is what was seen of a repository before, under one set of pins: the library's
// MetadataStore. It protects from a server that goes back to older data. It lives in one file and
// is replaced as a whole, and only after everything in it was found right.
type memory struct {
	path  string
	files map[string][]byte
	at    time.Time // when the server last confirmed it; zero for never
}

var _ storage.MetadataStore = (*memory)(nil)

// remembered is the file.
type remembered struct {
	GUN     string            `json:"gun"`
	Server  string            `json:"server"`
	Checked time.Time         `json:"checked"`
	Files   map[string][]byte `json:"files"`
}

// memoryPath is where a repository is remembered: apart for each server and each set of pins,
// because what one set of pins let in is no witness for another.
func (r *Repository) memoryPath(trust Trust) (string, error) {
	ids := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	anchor, err := json.Marshal([]any{r.server, r.gun.String(), ids(trust.Certificates), ids(trust.RootKeys), trust.CA, !trust.pinned()})
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(anchor)
	return filepath.Join(r.client.stateDir, "seen", hex.EncodeToString(h[:])+".json"), nil
}

// maxRemembered is the longest file of what was seen, in bytes: five roles of at most maxMetadata each,
// which JSON writes in base64.
const maxRemembered = 8 * maxMetadata

// recall reads what was seen. A file that is not there is an empty memory; one that cannot be
// read is an error, for it may have told of newer data.
func recall(path string) (*memory, error) {
	m := &memory{path: path, files: map[string][]byte{}}
	b, err := limits.ReadFile(path, maxRemembered)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	} else if err != nil {
		return nil, err
	}
	var f remembered
	if err := json.Unmarshal(b, &f); err != nil || f.Files == nil {
		return nil, &fs.PathError{Op: "read what was seen of the repository in", Path: path, Err: errDamaged}
	}
	m.files, m.at = f.Files, f.Checked
	return m, nil
}

var errDamaged = errors.New("the file is damaged; remove it to begin anew")

// keep writes the memory: even where the files are the same, the time of the check is not. The caller
// holds the lock.
func (m *memory) keep(r *Repository, now time.Time) error {
	m.at = now
	b, err := json.Marshal(remembered{GUN: r.gun.String(), Server: r.server, Checked: now.UTC(), Files: m.files})
	if err != nil {
		return err
	}
	return atomicfile.Write(m.path, b, 0o600)
}

// lock keeps other runs of bulla from remembering the same repository at the same time.
func (m *memory) lock(ctx context.Context, patience time.Duration) (unlock func(), err error) {
	return lockFile(ctx, m.path, patience)
}

// turnPatience bounds the wait for another run of bulla that asks the trust server about the same
// repository, or changes it: several may stand in line.
const turnPatience = 2 * time.Minute

var errHeld = errors.New("another run of bulla is at it, and does not come to an end")

// lockPatience bounds the wait for a file that another run of bulla is just changing.
const lockPatience = 30 * time.Second

// changeFile runs change while no other run of bulla changes the same file: it reads the file, and
// writes it anew.
func changeFile(path string, change func() error) error {
	unlock, err := lockFile(context.Background(), path, lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	return change()
}

// lockFile holds the lock of a JSON file, whose folder is made. The lock lies beside it, for the file
// itself is replaced.
func lockFile(ctx context.Context, path string, patience time.Duration) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	unlock, _, err = takeTurn(ctx, strings.TrimSuffix(path, ".json"), patience)
	return unlock, err
}

// takeTurn holds the lock beside path, in a folder that is there. It waits for other runs of bulla at most
// for patience: one that was stopped holds it as long as it stands still. waited says that somebody else
// held it first, and may have changed what it is for.
func takeTurn(ctx context.Context, path string, patience time.Duration) (unlock func(), waited bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errHeld)
	defer cancel()
	l := flock.New(path + ".lock")
	ok, err := l.TryLock()
	if waited = !ok; waited && err == nil {
		ok, err = l.TryLockContext(ctx, 20*time.Millisecond)
	}
	switch {
	case err == nil && ok:
		return func() { _ = l.Unlock() }, waited, nil
	case errors.Is(context.Cause(ctx), errHeld):
		return nil, waited, &fs.PathError{Op: "wait for", Path: path, Err: errHeld}
	}
	return nil, waited, errors.Join(err, ctx.Err())
}

// GetSized gives a file, whatever its size. The size is that of the file which the server has now,
// and the library would take an error here for a file that was never seen: a server could go back
// to older data without being noticed, if only the older file is the shorter one.
func (m *memory) GetSized(name string, _ int64) ([]byte, error) {
	b, ok := m.files[name]
	if !ok {
		return nil, storage.ErrMetaNotFound{Resource: name}
	}
	return b, nil
}

// Set replaces a file.
func (m *memory) Set(name string, b []byte) error {
	m.files[name] = b
	return nil
}

// SetMulti replaces several.
func (m *memory) SetMulti(files map[string][]byte) error {
	for name, b := range files {
		_ = m.Set(name, b)
	}
	return nil
}

// Remove forgets a file.
func (m *memory) Remove(name string) error {
	delete(m.files, name)
	return nil
}

// RemoveAll forgets everything.
func (m *memory) RemoveAll() error {
	m.files = map[string][]byte{}
	return nil
}

// Location names the file.
func (m *memory) Location() string { return m.path }
