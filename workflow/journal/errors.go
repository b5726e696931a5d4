package journal

import "fmt"

// WriteError says that the journal at Path could not be written to, by a full disk perhaps.
// The release stops there: nothing is made that the journal does not tell of. It can be resumed or
// taken back once the journal can be written to.
type WriteError struct {
	Path string
	Err  error
}

func (e *WriteError) Error() string {
	return "the journal of the release could not be written: " + e.Err.Error()
}

func (e *WriteError) Unwrap() error { return e.Err }

// DamagedError says that the journal of a former release is not what bulla wrote: Line,
// counted from 1, cannot be read.
type DamagedError struct {
	Path string
	Line int
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("line %d of the journal %s cannot be read", e.Line, e.Path)
}
