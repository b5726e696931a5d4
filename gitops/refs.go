package gitops

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bulla/keys/limits"
)

// files changes refs in git's files backend, the way git does: under NAME.lock, with loose refs
// before packed ones. go-git's SetReference overwrites what is there and its locks are not
// those git respects, so two creators could both believe they had won.
type files struct{ dir string } // the common git directory

// lockWait is how long a lock may stay before it counts as held: git holds one for
// milliseconds. core.filesRefLockTimeout is 100 ms by default, core.packedRefsTimeout 1 s.
const lockWait = time.Second

// create makes a ref that must not exist.
func (f files) create(ctx context.Context, name, id string) error {
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	lock, err := f.lock(ctx, name, path)
	if err != nil {
		return err
	}
	defer lock.release()
	// Loose before packed: git packs a ref before it removes the loose file.
	if is, err := f.value(name); err == nil {
		return &ExistsError{Ref: name, ID: is}
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := f.conflict(name, path); err != nil {
		return err
	}
	return lock.commit([]byte(id+"\n"), path)
}

// remove deletes a ref that must still point at id.
func (f files) remove(ctx context.Context, name, id string) error {
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	lock, err := f.lock(ctx, name, path)
	if err != nil {
		return err
	}
	defer lock.release()
	// Should this process die, the next one knows by it whose lock it is.
	if _, err := lock.file.WriteString(id + "\n"); err != nil {
		return err
	}
	is, err := f.value(name)
	if err != nil {
		return err
	}
	if is != id {
		return &MovedError{Ref: name, Want: id, Is: is}
	}
	// Packed first: an old packed value must not shine through when the loose file is gone.
	if err := f.unpack(ctx, name); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// The most that is read of a ref in a file of its own, which holds an object id, and of packed-refs,
// which takes some 70 bytes for each ref. In bytes.
const (
	maxRef    = 4 << 10
	maxPacked = 1 << 30
)

// value reads a ref that is not symbolic: loose, then packed.
func (f files) value(name string) (string, error) {
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	info, err := os.Stat(path)
	if err == nil && info.Mode().IsRegular() {
		data, err := limits.ReadFile(path, maxRef)
		if err != nil {
			return "", err
		}
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
		return "", err
	}
	id := ""
	err = f.packed(func(ref, value string) bool {
		if ref == name {
			id = value
		}
		return id == ""
	})
	if err != nil {
		return "", err
	}
	if id == "" {
		return "", fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	return id, nil
}

// packed calls each for every packed ref until it returns false.
func (f files) packed(each func(ref, id string) bool) error {
	file, _, err := limits.Open(filepath.Join(f.dir, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	for s.Scan() {
		id, ref, ok := strings.Cut(s.Text(), " ")
		if ok && isObjectID(id) && !each(ref, id) {
			return nil
		}
	}
	return s.Err()
}

// conflict finds a ref that name would be a folder of, or the reverse. Empty folders left by
// deleted refs are cleared away, as git does.
func (f files) conflict(name, path string) error {
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		if below := clearFolders(path); below != "" {
			rel, _ := filepath.Rel(f.dir, below)
			return &ConflictError{Ref: name, With: filepath.ToSlash(rel)}
		}
	}
	with := ""
	err := f.packed(func(ref, _ string) bool {
		if strings.HasPrefix(ref, name+"/") || strings.HasPrefix(name, ref+"/") {
			with = ref
		}
		return with == ""
	})
	if err == nil && with != "" {
		return &ConflictError{Ref: name, With: with}
	}
	return err
}

// clearFolders removes folders without files; it returns a file that is in the way, or "".
func clearFolders(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return dir
	}
	for _, e := range entries {
		p := filepath.Join(dir, e.Name())
		if !e.IsDir() {
			return p
		}
		if below := clearFolders(p); below != "" {
			return below
		}
	}
	if os.Remove(dir) != nil {
		return dir
	}
	return ""
}

// refLock is a lock file that becomes the new content by a rename.
type refLock struct {
	file *os.File
	path string
}

// lock takes name's lock, making its folder.
func (f files) lock(ctx context.Context, name, path string) (*refLock, error) {
	patience := time.NewTimer(lockWait)
	defer patience.Stop()
	for {
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if err != nil {
			if with := f.fileAbove(name); with != "" {
				return nil, &ConflictError{Ref: name, With: with}
			}
			return nil, err
		}
		file, err := os.OpenFile(path+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			return &refLock{file: file, path: path + ".lock"}, nil
		}
		// The folder may have been cleared away in between: then it is made again.
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience.C:
			return nil, &LockedError{Ref: name, Path: path + ".lock"}
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// fileAbove finds a loose ref that stands where name needs a folder.
func (f files) fileAbove(name string) string {
	for i, c := range name {
		if c != '/' {
			continue
		}
		if info, err := os.Stat(filepath.Join(f.dir, filepath.FromSlash(name[:i]))); err == nil && !info.IsDir() {
			return name[:i]
		}
	}
	return ""
}

// RemoveTagLock removes the lock of a tag's ref that a killed process of this program left: one that
// holds the id of a tag that ours accepts, which no other program would write there. Others stay. Call
// it while no other process of this program can be at work on the tag.
func (r *Repo) RemoveTagLock(ctx context.Context, name string, ours func(Tag) bool) error {
	if err := ValidTagName(name); err != nil {
		return err
	}
	path := filepath.Join(r.loc.commonDir, filepath.FromSlash(tagPrefix+name)) + ".lock"
	data, err := limits.ReadIfThere(path, maxRef)
	id := strings.TrimSpace(string(data))
	if err != nil || !isObjectID(id) {
		return nil // making the tag tells what is in the way
	}
	tags, err := r.readTags(ctx, []tagRef{{name: name, id: id}})
	if err != nil {
		return err
	}
	if tags[0].Problem != nil || !ours(tags[0]) {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func (l *refLock) commit(data []byte, path string) error {
	if _, err := l.file.Write(data); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	if err := l.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(l.path, path); err != nil {
		return err
	}
	l.path = ""
	return syncFolder(filepath.Dir(path))
}

// release gives the lock back; after commit it does nothing.
func (l *refLock) release() {
	if l.path != "" {
		_ = l.file.Close()
		_ = os.Remove(l.path)
	}
}

// unpack removes a ref from packed-refs, under git's lock for that file.
func (f files) unpack(ctx context.Context, name string) error {
	path := filepath.Join(f.dir, "packed-refs")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := f.lock(ctx, "packed-refs", path)
	if err != nil {
		return err
	}
	defer lock.release()
	data, err := limits.ReadFile(path, maxPacked)
	if err != nil {
		return err
	}
	without := withoutPacked(data, name)
	if bytes.Equal(without, data) {
		return nil
	}
	return lock.commit(without, path)
}

// withoutPacked drops a ref's line and the "^" line with its peeled value.
func withoutPacked(data []byte, name string) []byte {
	out := make([]byte, 0, len(data))
	dropping := false
	for line := range bytes.Lines(data) {
		_, ref, ok := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(" "))
		dropping = (ok && line[0] != '#' && string(ref) == name) || (dropping && line[0] == '^')
		if !dropping {
			out = append(out, line...)
		}
	}
	return out
}
