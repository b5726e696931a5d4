// Package limits reads what others have made within bounds: a file that is no file, or has no end,
// and a program that never stops talking, cost an error and not the process.
package limits

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrTooLarge is what every *TooLargeError is.
var ErrTooLarge = errors.New("larger than the limit")

// TooLargeError says that something is longer than is read of it.
type TooLargeError struct {
	What  string // a path, as a rule
	Limit int64  // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s: %v of %d bytes", e.What, ErrTooLarge, e.Limit)
}

// Unwrap lets errors.Is find ErrTooLarge.
func (e *TooLargeError) Unwrap() error { return ErrTooLarge }

// NotRegularError says that something that should be signed or read is no regular file: a
// directory, a named pipe, a socket, a device.
type NotRegularError struct {
	Path string
	Mode fs.FileMode
}

func (e *NotRegularError) Error() string {
	return fmt.Sprintf("%s is %s, not a regular file", e.Path, e.Kind())
}

// Kind names what is there instead, with its article.
func (e *NotRegularError) Kind() string {
	switch {
	case e.Mode.IsDir():
		return "a folder"
	case e.Mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case e.Mode&fs.ModeSocket != 0:
		return "a socket"
	case e.Mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something special"
}

// Open opens a regular file for reading. Anything else is a *NotRegularError; other errors are those
// of os.Open. It looks first, because opening a device can have an effect; it looks again at what it
// opened, and opening waits for nobody: a named pipe would not open before its other end does.
func Open(path string) (*os.File, fs.FileInfo, error) {
	return open(path, func() (fs.FileInfo, error) { return os.Stat(path) }, func() (*os.File, error) { return os.OpenFile(path, openFlags, 0) })
}

// OpenIn is Open for the file called name in root; path is what errors call it.
func OpenIn(root *os.Root, name, path string) (*os.File, fs.FileInfo, error) {
	return open(path, func() (fs.FileInfo, error) { return root.Stat(name) }, func() (*os.File, error) { return root.OpenFile(name, openFlags, 0) })
}

func open(path string, stat func() (fs.FileInfo, error), open func() (*os.File, error)) (*os.File, fs.FileInfo, error) {
	info, err := stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &NotRegularError{Path: path, Mode: info.Mode()}
	}
	f, err := open()
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &NotRegularError{Path: path, Mode: info.Mode()}
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// ReadFile reads a regular file of at most limit bytes. Errors are those of Open and reading, and a
// *TooLargeError.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > limit {
		return nil, &TooLargeError{What: path, Limit: limit}
	}
	return ReadAll(f, path, limit)
}

// ReadIfThere is ReadFile for what need not be there: then it is empty.
func ReadIfThere(path string, limit int64) ([]byte, error) {
	data, err := ReadFile(path, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// ReadNamed is ReadFile for what a person names on purpose, which may be a device or a pipe, such as a
// shell's <(…): all but a folder. Opening a pipe waits for its other end, and it can be read once.
func ReadNamed(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &NotRegularError{Path: path, Mode: info.Mode()}
	}
	return ReadAll(f, path, limit)
}

// WithoutPath is an error of this package or of package os without the path, for who names it
// already.
func WithoutPath(err error) error {
	if e, ok := errors.AsType[*NotRegularError](err); ok {
		return fmt.Errorf("it is %s, not a regular file", e.Kind())
	}
	if e, ok := errors.AsType[*TooLargeError](err); ok {
		return fmt.Errorf("%w of %d bytes", ErrTooLarge, e.Limit)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// ReadAll reads r to its end, which must come after at most limit bytes: else the error is a
// *TooLargeError, and what is what r is called in it.
func ReadAll(r io.Reader, what string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		clear(data) // it may be a secret key
		return nil, &TooLargeError{What: what, Limit: limit}
	}
	return data, nil
}

// Buffer keeps the first Limit bytes of what is written to it, by a program for example. What comes
// after is dropped where Drop says so; else it is an error that wraps ErrTooLarge, which ends the
// program. It is not safe for concurrent use.
type Buffer struct {
	Limit int64
	Drop  bool

	b    bytes.Buffer
	full bool
}

// Write keeps what there is room for.
func (b *Buffer) Write(p []byte) (int, error) {
	room := max(0, b.Limit-int64(b.b.Len()))
	if int64(len(p)) <= room {
		return b.b.Write(p)
	}
	b.b.Write(p[:room])
	b.full = true
	if b.Drop {
		return len(p), nil
	}
	return int(room), &TooLargeError{What: "the output", Limit: b.Limit}
}

// Bytes is what was kept. It is valid until the next Write.
func (b *Buffer) Bytes() []byte { return b.b.Bytes() }

// String is what was kept.
func (b *Buffer) String() string { return b.b.String() }

// Full reports whether there was more than was kept.
func (b *Buffer) Full() bool { return b.full }
