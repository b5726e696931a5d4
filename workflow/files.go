package workflow

import "os"

// makePrivateDir makes a folder that only its owner can enter.
func makePrivateDir(dir string) error { return os.MkdirAll(dir, 0o700) }
