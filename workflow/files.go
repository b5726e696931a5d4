package workflow

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"bulla/artifacts"
)

// maxKeyringSize limits keyrings read from files, in bytes.
const maxKeyringSize = 64 << 20

// readLimited reads a whole regular file of at most limit bytes; a file that is not there is empty.
func readLimited(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path) // opening a named pipe would wait for its other end
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &artifacts.NotRegularError{Path: path, Mode: info.Mode()}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAtMost(f, limit)
}

// readNamed is readLimited for what the caller names on purpose, which may be a device or a pipe,
// such as a shell's <(…). It must be there. A pipe can be read once.
func readNamed(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &artifacts.NotRegularError{Path: path, Mode: info.Mode()}
	}
	return readAtMost(f, limit)
}

func readAtMost(f *os.File, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: larger than %d bytes", f.Name(), limit)
	}
	return data, err
}

// makePrivateDir makes a folder that only its owner can enter.
func makePrivateDir(dir string) error { return os.MkdirAll(dir, 0o700) }
