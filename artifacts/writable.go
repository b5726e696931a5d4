package artifacts

import (
	"errors"
	"fmt"
	"os"
)

// CheckWritable asks whether files can be made in dir, so that a preflight finds a read-only
// folder before anything is signed. It leaves the folder as it was, its times included, wherever
// the system can be asked without trying.
func CheckWritable(dir string) error {
	if err := mayCreate(dir); err != nil {
		return fmt.Errorf("cannot write to %s: %w", dir, cause(err))
	}
	return nil
}

// cause strips the name of a temporary file, which tells a person nothing, from err.
func cause(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}
