package artifacts

import (
	"errors"
	"os"

	"bulla/keys/atomicfile"
)

// mayCreate makes a temporary file: what an access list allows cannot be asked any other way.
func mayCreate(dir string) error {
	f, err := os.CreateTemp(dir, atomicfile.TempPrefix+"probe-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
