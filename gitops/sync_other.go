//go:build !unix

package gitops

// syncFolder has nothing to do where folders cannot be synced.
func syncFolder(string) error { return nil }

// isNotDir reports whether a path failed because part of it is a file; here that reads as not
// existing.
func isNotDir(error) bool { return false }
