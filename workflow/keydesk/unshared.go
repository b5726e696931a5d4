package keydesk

import (
	"bytes"
	"context"
	"path/filepath"

	"bulla/gitops"
	"bulla/keys/limits"
	"bulla/keys/publish"
	"bulla/keys/publish/keysfile"
	"bulla/workflow/project"
	"bulla/workflow/shell"
)

// Unshared is a file that was written into the working tree of a repository and that others do not
// have yet.
type Unshared struct {
	// Path is the file, Root the top of the working tree around it, Name the slash path from there.
	Path, Root, Name string
	// Committed says that HEAD has the file as it is, and only the push is left, to Remote.
	Committed bool
	Remote    string // "" where there is no remote
	Branch    string // "" where none is checked out
}

// Sentence says what is left, plainly; Commands do it, in a POSIX shell.
func (u Unshared) Sentence() string {
	switch {
	case u.Committed:
		return "It is committed, but " + u.Remote + " is not known to have it yet: push it."
	case u.Remote == "":
		return "It lies in the working tree alone: commit it, so that it reaches others with the project."
	}
	return "It lies in the working tree alone: commit and push it, so that others find the key there."
}

// Commands are what does it.
func (u Unshared) Commands() (out []string) {
	git := "git "
	if u.Root != "" {
		git = "git -C " + shell.Quote(u.Root) + " "
	}
	if !u.Committed {
		out = append(out, git+"add "+shell.Quote(u.Name), git+`commit -m "Add the release key" `+shell.Quote(u.Name))
	}
	if u.Remote != "" {
		branch := u.Branch
		if branch == "" {
			branch = "HEAD:BRANCH"
		}
		out = append(out, git+"push "+shell.Quote(u.Remote)+" "+shell.Quote(branch))
	}
	return out
}

// UnsharedFile reports whether the file of a project's keys that t names lies in a repository which
// does not have it as it is. What cannot be told counts as shared: this is a remark, never a reason to stop.
func (w *Places) UnsharedFile(ctx context.Context, t publish.Target) (Unshared, bool) {
	if t.Kind != publish.KindFile {
		return Unshared{}, false
	}
	path, err := filepath.EvalSymlinks(t.Where)
	if err != nil {
		return Unshared{}, false
	}
	repo, err := w.OpenRepository(ctx, filepath.Dir(path))
	if err != nil || repo.Root() == "" {
		return Unshared{}, false
	}
	root, err := filepath.EvalSymlinks(repo.Root())
	if err != nil {
		return Unshared{}, false
	}
	name, err := filepath.Rel(root, path)
	if err != nil || !filepath.IsLocal(name) {
		return Unshared{}, false
	}
	state, err := repo.State(ctx)
	if err != nil {
		return Unshared{}, false
	}
	data, err := limits.ReadFile(path, keysfile.MaxSize)
	if err != nil {
		return Unshared{}, false
	}
	u := Unshared{Path: t.Where, Root: repo.Root(), Name: filepath.ToSlash(name), Branch: state.Branch}
	config, _ := project.ReadConfig(repo.Root()) // one that is broken is told of elsewhere
	if remotes, err := repo.Remotes(ctx); err == nil {
		r, _ := project.Remote(remotes, config.Release.Remote)
		u.Remote = r.Name
	}
	old, err := repo.ReadFile(ctx, "HEAD", u.Name)
	u.Committed = err == nil && sameText(old, data)
	return u, !u.Committed || u.Remote != "" && !pushed(ctx, repo, u, state, data)
}

// UnsharedFiles are the files of a record which others do not have yet, by the target; nil for none.
func (w *Places) UnsharedFiles(ctx context.Context, r publish.Record) (out map[string]Unshared) {
	for _, e := range r.Entries {
		t, err := publish.ParseTarget(e.Target, "")
		if err != nil {
			continue
		}
		if u, yes := w.UnsharedFile(ctx, t); yes {
			if out == nil {
				out = map[string]Unshared{}
			}
			out[e.Target] = u
		}
	}
	return out
}

// sameText compares a file of a commit with one of a working tree, where git may write other ends of
// lines.
func sameText(a, b []byte) bool {
	crlf, lf := []byte("\r\n"), []byte("\n")
	return bytes.Equal(bytes.ReplaceAll(a, crlf, lf), bytes.ReplaceAll(b, crlf, lf))
}

// pushed reports whether the remote has the file as it is, as far as this repository knows; what it
// does not know counts as pushed.
func pushed(ctx context.Context, repo *gitops.Repo, u Unshared, state gitops.State, data []byte) bool {
	if old, err := repo.ReadFile(ctx, "refs/remotes/"+u.Remote+"/"+u.Branch, u.Name); err == nil && sameText(old, data) {
		return true
	}
	on, _, err := repo.OnRemote(ctx, u.Remote, state.Head.ID)
	return err != nil || on
}

// remarkUnshared adds to what became of a key in files what is left to do with them.
func (w *Places) remarkUnshared(ctx context.Context, rs []publish.Result) {
	for i, r := range rs {
		if r.Err != nil {
			continue
		}
		if u, yes := w.UnsharedFile(ctx, r.Target); yes {
			rs[i].Notes, rs[i].Commands = append(rs[i].Notes, u.Sentence()), u.Commands()
		}
	}
}
