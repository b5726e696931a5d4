package workflow

import (
	"errors"
	"io/fs"
	"os"

	"bulla/keys/limits"
)

// maxKeyringSize limits keyrings read from files, in bytes.
const maxKeyringSize = 64 << 20

// readLimited reads a whole regular file of at most limit bytes; a file that is not there is empty.
func readLimited(path string, limit int64) ([]byte, error) {
	data, err := limits.ReadFile(path, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// makePrivateDir makes a folder that only its owner can enter.
func makePrivateDir(dir string) error { return os.MkdirAll(dir, 0o700) }
