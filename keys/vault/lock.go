package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofrs/flock"

	"bulla/keys/limits"
)

// lockTimeout bounds the wait for another process; every holder is done within milliseconds.
const (
	lockTimeout = 10 * time.Second
	lockRetry   = 5 * time.Millisecond
)

type lockKind bool

const (
	exclusiveLock lockKind = true
	sharedLock    lockKind = false
)

// withLock runs f while holding the lock file at path. Each call opens the file anew, so the
// lock also holds between goroutines. A shared lock that can't be taken because the folder is
// missing or can't be written is done without: files are replaced by renaming, so a reader sees
// one whole version all the same. (Windows is why readers lock at all: a file that is open
// there can't be replaced.)
func withLock(ctx context.Context, path string, kind lockKind, f func() error) error {
	wait, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	l := flock.New(path, flock.SetPermissions(0o600))
	try := l.TryRLockContext
	if kind == exclusiveLock {
		try = l.TryLockContext
	}
	_, err := try(wait, lockRetry)
	switch {
	case err == nil:
		defer func() { _ = l.Close() }()
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: another bulla holds %s", ErrTimeout, path)
	case kind == exclusiveLock:
		return fmt.Errorf("lock %s: %w", path, err)
	}
	return f()
}

// readLimited reads a regular file of at most limit bytes.
func readLimited(path string, limit int64) ([]byte, error) {
	data, err := limits.ReadFile(path, limit)
	if errors.Is(err, limits.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return data, err
}
