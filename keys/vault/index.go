package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bulla/keys/atomicfile"
)

// maxIndex is the largest index of names that is read, in bytes. A keychain gets slow long
// before it is full.
const maxIndex = 256 << 10

// nameIndex is the file that notes which names stand in the keychain, one a line, sorted. It
// holds no value. A nil nameIndex notes nothing.
type nameIndex struct{ path string }

func (x *nameIndex) list(ctx context.Context) (names []Key, err error) {
	err = withLock(ctx, x.path+".lock", sharedLock, func() error {
		names, err = x.read()
		return err
	})
	return names, err
}

// add notes a name and reports whether it is new.
func (x *nameIndex) add(ctx context.Context, k Key) (added bool, err error) {
	err = x.update(ctx, func(names []Key) []Key {
		i, found := slices.BinarySearch(names, k)
		added = !found
		if found {
			return names
		}
		return slices.Insert(names, i, k)
	})
	return added, err
}

func (x *nameIndex) remove(ctx context.Context, k Key) error {
	return x.update(ctx, func(names []Key) []Key {
		return slices.DeleteFunc(names, func(n Key) bool { return n == k })
	})
}

func (x *nameIndex) update(ctx context.Context, change func([]Key) []Key) error {
	if x == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(x.path), 0o700); err != nil {
		return err
	}
	return withLock(ctx, x.path+".lock", exclusiveLock, func() error {
		old, err := x.read()
		if err != nil {
			return err
		}
		names := change(slices.Clone(old))
		if slices.Equal(old, names) {
			return nil
		}
		return atomicfile.Write(x.path, formatIndex(names), 0o600)
	})
}

func (x *nameIndex) read() ([]Key, error) {
	data, err := readLimited(x.path, maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.path, err)
	}
	return names, nil
}

func formatIndex(names []Key) []byte {
	var b bytes.Buffer
	for _, n := range names {
		b.WriteString(string(n) + "\n")
	}
	return b.Bytes()
}

// parseIndex is strict: what it accepts, formatIndex writes again byte for byte.
func parseIndex(data []byte) ([]Key, error) {
	var names []Key
	for line := range strings.Lines(string(data)) {
		n, ok := strings.CutSuffix(line, "\n")
		if !ok || Key(n).Check() != nil {
			return nil, fmt.Errorf("%w: line %d is not a name", ErrDamaged, len(names)+1)
		}
		if len(names) > 0 && names[len(names)-1] >= Key(n) {
			return nil, fmt.Errorf("%w: line %d is out of order", ErrDamaged, len(names)+1)
		}
		names = append(names, Key(n))
	}
	return names, nil
}
