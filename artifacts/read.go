package artifacts

import (
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	// The hash functions that states are made of.
	_ "crypto/sha256"
	_ "crypto/sha512"

	"bulla/keys"
	"bulla/keys/limits"
)

// bufferSize is how much is read at once. From 128 KiB on, system calls no longer show beside
// SHA-256; 32 KiB, io.Copy's default, costs 5 to 8 % more.
const bufferSize = 256 << 10

// buffers lends every reader one buffer, so that memory depends on how many files are read at
// the same time and on nothing else.
var buffers = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}

// source is a file that can be looked at and opened: by its path, or within a folder that it
// may not leave.
type source struct {
	path string // for errors
	stat func() (fs.FileInfo, error)
	open func() (*os.File, fs.FileInfo, error) // what is no regular file is a *NotRegularError
	// expected reports whether what was opened is the file that was meant; nil takes any.
	expected func(fs.FileInfo) bool
}

func pathSource(path string) source {
	return source{
		path: path,
		stat: func() (fs.FileInfo, error) { return os.Stat(path) },
		open: func() (*os.File, fs.FileInfo, error) { return limits.Open(path) },
	}
}

// rootSource is the file called name in root. No symbolic link leads out of it.
func rootSource(root *os.Root, name, path string) source {
	return source{
		path: path,
		stat: func() (fs.FileInfo, error) { return root.Stat(name) },
		open: func() (*os.File, fs.FileInfo, error) { return limits.OpenIn(root, name, path) },
	}
}

// feed reads the file once, from beginning to end, into sink and reports every buffer. It
// refuses what is no regular file and what does not stay the same meanwhile: other size, other
// time of change, another file under the same name, or more or less bytes than its size. It
// ends within one buffer when ctx does.
func (s source) feed(ctx context.Context, sink io.Writer, report func(done, total int64)) error {
	f, before, err := s.open()
	if err != nil {
		return err
	}
	defer f.Close()
	if s.expected != nil && !s.expected(before) {
		return &ChangedError{Path: s.path}
	}
	n, err := copyAll(ctx, sink, f, before.Size(), report)
	if err != nil {
		return err
	}
	after, err := s.stat()
	if err != nil {
		return &ChangedError{Path: s.path, Err: err}
	}
	if n != before.Size() || !sameContent(before, after) || !os.SameFile(before, after) {
		return &ChangedError{Path: s.path}
	}
	return nil
}

// Digest reads a file once and returns its SHA-256, or SHA-512, in lower-case hexadecimal.
//
// Errors: *NotRegularError, *ChangedError, *fs.PathError.
func Digest(ctx context.Context, path string, sha512 bool) (string, error) {
	id := crypto.SHA256
	if sha512 {
		id = crypto.SHA512
	}
	sums := newStates(nil, id)
	if err := pathSource(path).feed(ctx, sums, quietly); err != nil {
		return "", err
	}
	return sums.hex(id), nil
}

// copyAll copies src to sink in large reads; it stops one buffer behind size, since a file that
// grows as fast as it is read would never end.
func copyAll(ctx context.Context, sink io.Writer, src io.Reader, size int64, report func(done, total int64)) (n int64, err error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	report(0, size)
	for n <= size {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		r, err := src.Read(*buf)
		if _, werr := sink.Write((*buf)[:r]); werr != nil {
			return n, werr
		}
		n += int64(r)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		report(n, size)
	}
	return n, nil
}

// sameContent reports whether two looks at a file speak for the same content.
func sameContent(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// states are the hash states that one pass feeds, one for each function, however many users
// each has: the check of existing signatures lends its own.
type states struct {
	check  *keys.Check // may be nil
	ids    []crypto.Hash
	hashes []hash.Hash
}

// newStates makes states of the functions ids over a document that check has to see too.
func newStates(check *keys.Check, ids ...crypto.Hash) *states {
	s := &states{check: check}
	for _, id := range ids {
		if s.of(id) == nil {
			s.ids = append(s.ids, id)
			s.hashes = append(s.hashes, id.New())
		}
	}
	return s
}

// Write feeds the check and what it does not lend. Neither ever fails.
func (s *states) Write(p []byte) (int, error) {
	if s.check != nil {
		_, _ = s.check.Write(p)
	}
	for _, h := range s.hashes {
		h.Write(p)
	}
	return len(p), nil
}

// of is the state of the function id, or nil if it is not fed.
func (s *states) of(id crypto.Hash) hash.Hash {
	if s.check != nil {
		if h := s.check.State(id); h != nil {
			return h
		}
	}
	if i := slices.Index(s.ids, id); i >= 0 {
		return s.hashes[i]
	}
	return nil
}

// hex is the digest in lower-case hexadecimal, or "" if the function is not fed.
func (s *states) hex(id crypto.Hash) string {
	if h := s.of(id); h != nil {
		return hex.EncodeToString(h.Sum(nil))
	}
	return ""
}
