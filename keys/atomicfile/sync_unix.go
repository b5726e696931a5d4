//go:build !windows

package atomicfile

import "os"

// syncDir makes a rename durable. Some file systems refuse to sync a folder; the file itself
// is synced by then, so that refusal is not an error.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	_ = d.Sync()
	return d.Close()
}
