package keydesk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/store"
)

// SuccessionPlan is what a succession will do, before anything of it is done.
type SuccessionPlan struct {
	SucceedParams
	OldKey, NewKey keys.Key
	// Statement is the text that both keys will sign, Policy the lines for a policy. The day in both
	// is that of the plan.
	Statement, Policy []byte
	// Ends is when the old key will expire; zero leaves its expiry as it is.
	Ends time.Time
	// OldName and NewName are the user ids with which the statement and the policy name the two keys:
	// the first of those that are public.
	OldName, NewName string
	// Files are those of the repository that will be changed; of files of keys it is known only that
	// they will be, and with which user ids.
	Files []FileChange
	// GitSwitch is what lets git sign with the new key, which is done where Git of the SucceedParams is set;
	// nil where git does not sign with the old one.
	GitSwitch *GitSwitch
}

// PlanSuccession says what Succeed and the files of the repository around dir, "" for none, come to.
// It asks nobody and changes nothing.
func (w *Places) PlanSuccession(ctx context.Context, dir string, p SucceedParams) (SuccessionPlan, error) {
	plan := SuccessionPlan{SucceedParams: p}
	var err error
	if plan.OldKey, err = w.ownKey(ctx, p.Old); err != nil {
		return plan, err
	}
	if plan.NewKey, err = w.ownKey(ctx, p.New); err != nil {
		return plan, err
	}
	if plan.OldKey.Fingerprint == plan.NewKey.Fingerprint {
		return plan, &store.ChangeError{Key: plan.OldKey.Fingerprint, Reason: "a key cannot vouch for itself"}
	}
	now := w.Now()
	for _, k := range []keys.Key{plan.OldKey, plan.NewKey} {
		switch {
		case k.Revoked:
			return plan, &keys.UnusableError{Key: k.Fingerprint, Reason: "it is revoked"}
		case k.ExpiredAt(now):
			return plan, &keys.UnusableError{Key: k.Fingerprint, Reason: "it expired on " + k.Expires.UTC().Format("2 January 2006")}
		}
	}
	old, err := w.signing(plan.OldKey)
	if err != nil {
		return plan, err
	}
	next, err := w.signing(plan.NewKey)
	if err != nil {
		return plan, err
	}
	plan.OldName, plan.NewName = old.UserID, next.UserID
	plan.Statement, plan.Policy = statement(old, next, now, p), policyLines(next, now, releaseKinds)
	plan.Ends = retires(plan.OldKey, now, p.Retire)
	if plan.GitSwitch, err = w.gitSwitch(ctx, dir, plan.OldKey, plan.NewKey); err != nil || dir == "" {
		return plan, err
	}
	renews := !plan.Ends.IsZero() && !plan.Ends.Equal(plan.OldKey.Expires)
	plan.Files, err = w.successionFiles(ctx, dir, Succession{Old: plan.OldKey, New: plan.NewKey, successor: next, at: now}, renews)
	return plan, err
}

// SuccessionDone is a succession with the files that were written.
type SuccessionDone struct {
	Succession
	Written []string
	// Git is what was changed of git's configuration; nil for nothing.
	Git *GitSwitch
	// Commit are the commands, for a POSIX shell, that commit what was written into the repository, signed
	// with the old key; none where nothing of the repository was changed.
	Commit []string
}

// CarryOutSuccession is Succeed with its files: the statement with its signatures beside it, which
// must not exist, then those of the repository around dir, "" for none. With an error it returns what
// was done; SuccessionDone.New is zero where nothing was.
func (w *Places) CarryOutSuccession(ctx context.Context, dir string, p SucceedParams, ask keys.AskPassphrase) (SuccessionDone, error) {
	var done SuccessionDone
	path := p.StatementFile
	for _, name := range []string{path, path + ".asc"} { // before anything is made
		if _, err := os.Lstat(name); err == nil {
			return done, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
		}
	}
	var err error
	if done.Succession, err = w.Succeed(ctx, p, ask); err != nil {
		return done, err
	}
	for _, f := range []struct {
		path string
		data []byte
	}{{path, done.Statement}, {path + ".asc", done.Signature}} {
		if err := atomicfile.Create(f.path, f.data, 0o644); err != nil {
			return done, err
		}
		done.Written = append(done.Written, f.path)
	}
	var n int
	var files []FileChange
	var werr error
	if dir != "" {
		files, err = w.SuccessionFiles(ctx, dir, done.Succession)
		n, werr = w.WriteChanges(ctx, files)
	}
	for _, f := range files[:n] {
		done.Written = append(done.Written, f.Path)
	}
	if err = errors.Join(err, werr); err == nil && p.Git {
		done.Git, err = w.switchGit(ctx, dir, done.Old, done.New)
	}
	if n > 0 {
		done.Commit = w.commitCommands(ctx, dir, done)
	}
	return done, err
}

// switchGit lets git sign with the new key, and returns what was changed.
func (w *Places) switchGit(ctx context.Context, dir string, old, successor keys.Key) (*GitSwitch, error) {
	g, err := w.gitSwitch(ctx, dir, old, successor)
	if err != nil || g == nil || len(g.Lines) == 0 {
		return nil, err
	}
	if err := w.applyGit(ctx, dir, g); err != nil {
		return nil, err
	}
	return g, nil
}
