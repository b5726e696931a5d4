// Package gitops reads and tags git repositories: state, identity, history, signed annotated
// tags, and the push of one tag.
//
// go-git is the way in. It opens the repository, reads HEAD and refs and stores the tag object.
// The user's git program does what go-git cannot: index status with the user's filters, bulk
// reads in bounded memory, includeIf, push and ls-remote with credential helpers and hooks, and
// repositories of a kind go-git refuses (SHA-256 objects, reftable, worktreeConfig, partial
// clones). Both sit behind one unexported interface, backend. Without a git program everything
// but push, ls-remote and those kinds of repository still works.
//
// What a repository says is material, never an order: no hook, no fsmonitor, no pager and no
// network is used to read one, and text found in it is handed on raw. Nothing here prompts.
package gitops
