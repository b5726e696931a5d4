package keydesk

import "bulla/gitops"

// Exposed says in plain sentences what speaks against a file with a secret at path, "" for nothing: in
// the working tree of a repository it is one git add away from being public.
func Exposed(path string) string {
	root, ok := gitops.WorkTreeAround(path)
	if !ok {
		return ""
	}
	return "This is in the working tree of the repository " + root + ": the file is untracked there, and a git add too many makes it public. Another folder is better."
}
