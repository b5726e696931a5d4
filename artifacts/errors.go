package artifacts

import (
	"errors"
	"fmt"
	"io/fs"

	"bulla/keys"
	"bulla/keys/limits"
)

// ErrTooLarge is wrapped by errors about outside input that exceeds a limit.
var ErrTooLarge = limits.ErrTooLarge

// NoMatchError says that a glob matches no file that could be an artifact.
type NoMatchError struct{ Glob string }

func (e *NoMatchError) Error() string { return fmt.Sprintf("no file matches %q", e.Glob) }

// NotRegularError says that something that should be signed or read is no regular file.
type NotRegularError = limits.NotRegularError

// DuplicateNameError says that two files have the same base name. A checksums file, a download
// page and a person could not tell them apart.
type DuplicateNameError struct{ Base, A, B string }

func (e *DuplicateNameError) Error() string {
	return fmt.Sprintf("%s and %s have the same name, %s", e.A, e.B, e.Base)
}

// ExistsError says that a file with other content stands where one should be written.
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s exists with other content", e.Path)
}

// Is makes ExistsError match fs.ErrExist.
func (e *ExistsError) Is(target error) bool { return target == fs.ErrExist }

// SignatureExistsError says that a signature file which is not this key's valid signature
// stands where one should be written.
type SignatureExistsError struct {
	Path  string // of the signature file
	State SignState
	By    keys.Fingerprint // the key it names; empty if it names none
}

func (e *SignatureExistsError) Error() string {
	switch e.State {
	case StateStale:
		return fmt.Sprintf("%s exists and is this key's, but is not a valid signature over the file as it is now", e.Path)
	case StateForeign:
		return fmt.Sprintf("%s exists and is another key's signature", e.Path)
	case StateUnreadable:
		return fmt.Sprintf("%s exists and is not a readable signature", e.Path)
	}
	return fmt.Sprintf("%s exists", e.Path)
}

// Is makes SignatureExistsError match fs.ErrExist.
func (e *SignatureExistsError) Is(target error) bool { return target == fs.ErrExist }

// NameTooLongError says that the file system takes no name as long as that of a file with ".asc"
// behind it: the file cannot have a signature beside it.
type NameTooLongError struct{ Path string }

func (e *NameTooLongError) Error() string {
	return fmt.Sprintf("the name of %s is too long: .asc does not fit behind it", e.Path)
}

// ChangedError says that a file did not stay the same: it was written to, replaced or removed
// since it was found, or while it was read.
type ChangedError struct {
	Path string
	// Err is what the second look met, such as fs.ErrNotExist; nil if the file is there but
	// differs.
	Err error
}

func (e *ChangedError) Error() string {
	if errors.Is(e.Err, fs.ErrNotExist) {
		return fmt.Sprintf("%s vanished while it was read", e.Path)
	}
	return fmt.Sprintf("%s changed while it was worked on", e.Path)
}

func (e *ChangedError) Unwrap() error { return e.Err }

// OutsideError says that a file does not lie in the folder whose checksums file should name it.
type OutsideError struct{ Path, Dir string }

func (e *OutsideError) Error() string { return fmt.Sprintf("%s lies outside %s", e.Path, e.Dir) }

// SyntaxError says which line of a checksums file cannot be read. It does not quote the line.
type SyntaxError struct{ Line int }

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d is not a checksum", e.Line)
}
