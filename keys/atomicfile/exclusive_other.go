//go:build !linux

package atomicfile

// renameExclusive publishes from as to without replacing to.
func renameExclusive(from, to string) error { return linkExclusive(from, to) }
