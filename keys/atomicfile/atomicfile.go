// Package atomicfile writes files so that a reader, a crash or a full disk sees either the old
// content or the whole new one: a temporary file in the same folder, synced, then renamed.
package atomicfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// TempPrefix begins the name of every temporary file made here, so that what a killed process
// left behind can be recognised and removed.
const TempPrefix = ".bulla-tmp-"

// Write puts data at path with mode perm, replacing what was there.
func Write(path string, data []byte, perm fs.FileMode) error {
	if err := replace(path, data, perm); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Create is Write for a file that must not exist yet: it fails with an error that matches
// fs.ErrExist rather than replace anything, even if the file appears while it works. Of perm the
// process's umask takes its part, as for any new file.
func Create(path string, data []byte, perm fs.FileMode) error {
	if err := create(path, data, perm); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Batch writes many files and makes their names durable together: one sync for each folder,
// where each Write and Create alone costs one. Without Sync every file is whole, but after a
// crash of the machine some may be missing. The zero Batch is ready; it may be used from several
// goroutines.
type Batch struct {
	mu   sync.Mutex
	dirs map[string]bool
}

// Write is the function of this name but for the sync of the folder.
func (b *Batch) Write(path string, data []byte, perm fs.FileMode) error {
	return b.note(path, replace(path, data, perm))
}

// Create is the function of this name but for the sync of the folder.
func (b *Batch) Create(path string, data []byte, perm fs.FileMode) error {
	return b.note(path, create(path, data, perm))
}

func (b *Batch) note(path string, err error) error {
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dirs == nil {
		b.dirs = map[string]bool{}
	}
	b.dirs[filepath.Dir(path)] = true
	return nil
}

// Sync makes durable what was written since the last Sync.
func (b *Batch) Sync() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for dir := range b.dirs {
		errs = append(errs, syncDir(dir))
	}
	b.dirs = nil
	return errors.Join(errs...)
}

func replace(path string, data []byte, perm fs.FileMode) error {
	return write(path, data, perm, func(f *os.File) error { return f.Chmod(perm) }, os.Rename)
}

func create(path string, data []byte, perm fs.FileMode) error {
	return write(path, data, perm, func(*os.File) error { return nil }, renameExclusive)
}

func write(path string, data []byte, perm fs.FileMode, adjust func(*os.File) error, commit func(from, to string) error) (err error) {
	f, err := createTemp(path, perm)
	if err != nil {
		return describe(path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = adjust(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = commit(f.Name(), path)
	}
	if err != nil {
		return describe(path, err)
	}
	return nil
}

// createTemp is os.CreateTemp with a mode, which spares most files a change of it.
func createTemp(path string, perm fs.FileMode) (*os.File, error) {
	dir, base := filepath.Split(path)
	for range 10_000 {
		name := dir + tempStem(base) + strconv.FormatUint(rand.Uint64(), 36)
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, fs.ErrExist
}

// maxStem is how much of a name a temporary name carries, in bytes: file systems take 255 for the
// whole of it.
const maxStem = 200

// tempStem begins the names of the temporary files of one file. Of a long name it has the beginning,
// and a digest in place of the rest.
func tempStem(base string) string {
	if len(base) > maxStem {
		sum := sha256.Sum256([]byte(base))
		base = strings.ToValidUTF8(base[:maxStem], "") + "~" + hex.EncodeToString(sum[:6])
	}
	return TempPrefix + base + "-"
}

// linkExclusive publishes from as to without replacing to. A hard link fails atomically if
// the name is taken; where the file system has no hard links, a check and a rename must do.
func linkExclusive(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, e := os.Lstat(to); e == nil {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}

// describe names the file the caller asked for instead of the temporary one.
func describe(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		err = le.Err
	}
	return fmt.Errorf("write %s: %w", path, err)
}

// RemoveTemps deletes the temporary files that earlier, killed processes left in dir. Call it only
// while nobody else can be writing there. A folder that is not there holds none.
func RemoveTemps(dir string) error {
	return removeTemps(dir, func(name string) bool { return strings.HasPrefix(name, TempPrefix) })
}

// RemoveTempsOf is RemoveTemps for the temporary files of the files named bases: others in dir may be
// writing theirs. The folder is read once, however many they are.
func RemoveTempsOf(dir string, bases ...string) error {
	stems := make(map[string]bool, len(bases))
	for _, base := range bases {
		stems[tempStem(base)] = true
	}
	return removeTemps(dir, func(name string) bool { return stems[name[:strings.LastIndexByte(name, '-')+1]] })
}

func removeTemps(dir string, ours func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if e.Type().IsRegular() && ours(e.Name()) {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// SyncDir makes what was created, renamed or removed in dir durable.
func SyncDir(dir string) error { return syncDir(dir) }
