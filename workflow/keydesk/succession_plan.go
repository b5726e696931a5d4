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
	// Files are those of the repository that will be changed; of files of keys it is known only that
	// they will be.
	Files []FileChange
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
	old, next := signing(plan.OldKey), signing(plan.NewKey)
	plan.Statement, plan.Policy = statement(old, next, now, p.Retire), policyLines(next, now, releaseKinds)
	plan.Ends = retires(plan.OldKey, now, p.Retire)
	if dir == "" {
		return plan, nil
	}
	plan.Files, err = w.successionFiles(ctx, dir, Succession{Old: plan.OldKey, New: plan.NewKey, successor: next, at: now}, true)
	return plan, err
}

// signing is what a statement needs to know of a key.
func signing(k keys.Key) keys.SigningKey {
	return keys.SigningKey{Primary: k.Fingerprint, UserID: k.UserID()}
}

// SuccessionDone is a succession with the files that were written.
type SuccessionDone struct {
	Succession
	Written []string
}

// CarryOutSuccession is Succeed with its files: the statement at a path with its signatures beside it, which
// must not exist, then those of the repository around dir, "" for none. With an error it returns what
// was done; SuccessionDone.New is zero where nothing was.
func (w *Places) CarryOutSuccession(ctx context.Context, dir string, p SucceedParams, path string, ask keys.AskPassphrase) (SuccessionDone, error) {
	var done SuccessionDone
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
	if dir == "" {
		return done, nil
	}
	files, err := w.SuccessionFiles(ctx, dir, done.Succession)
	n, werr := WriteChanges(files)
	for _, f := range files[:n] {
		done.Written = append(done.Written, f.Path)
	}
	return done, errors.Join(err, werr)
}
