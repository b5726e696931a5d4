package explain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/keychoice"
	"bulla/workflow/project"
)

// The exit code of each kind of error is part of the command contract.
func TestCodes(t *testing.T) {
	refused := func(f workflow.Finding) error {
		f.Severity = finding.Error
		return &workflow.RefusedError{Findings: []workflow.Finding{f}}
	}
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"a wrong flag", &UsageError{Message: "no"}, CodeUsage},
		{"no repository", gitops.ErrNotRepository, CodeUsage},
		{"configuration", &project.ConfigError{Path: "bulla.toml", Line: 3, Message: "unknown key"}, CodeUsage},
		{"unknown key", &keys.NotFoundError{Selector: "x"}, CodeUsage},
		{"unknown key in preflight", refused(workflow.Finding{Finding: finding.Finding{Rule: keychoice.RuleNoKey, Message: "x", Err: &keys.NotFoundError{}}}), CodeUsage},
		{"no passphrase", keys.ErrNoPassphrase, CodeUsage},
		{"a file that is not there", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, CodeUsage},
		{"dirty tree", refused(workflow.Finding{Finding: finding.Finding{Rule: workflow.RuleDirty, Message: "x"}}), CodeRefused},
		{"tag exists", &gitops.ExistsError{Ref: "refs/tags/v1"}, CodeRefused},
		{"wrong passphrase", &keys.UnlockError{Tries: 3}, CodeRefused},
		{"signature in the way", &artifacts.SignatureExistsError{Path: "x.asc"}, CodeRefused},
		{"registry down", &docker.RegistryError{Kind: docker.KindUnreachable}, CodeUnchecked},
		{"registry down in preflight", refused(workflow.Finding{Finding: finding.Finding{Rule: workflow.RuleImage, Message: "x", Unreachable: true}}), CodeUnchecked},
		{"registry says no", &docker.RegistryError{Kind: docker.KindUnauthorized, Status: 401}, CodeRefused},
		{"stopped midway", &workflow.IncompleteError{Tag: "v1", Step: workflow.StepTag, Err: errors.New("disk")}, CodeIncomplete},
		{"partly signed", &PartialError{Done: "1 of 2", Err: errors.New("disk")}, CodeIncomplete},
		{"refused push", &gitops.PushError{Remote: "origin", Tag: "v1"}, CodeIncomplete},
		{"cancelled", fmt.Errorf("x: %w", context.Canceled), CodeCancelled},
		{"cancelled midway", &workflow.IncompleteError{Tag: "v1", Err: context.Canceled}, CodeCancelled},
		{"journal not put away", &workflow.JournalError{Tag: "v1", Err: context.Canceled}, CodeIncomplete},
		{"not taken back", &workflow.AbandonError{Tag: "v1", Err: errors.New("disk")}, CodeIncomplete},
		{"not taken back: remote down", &workflow.AbandonError{Tag: "v1", Err: &gitops.RemoteError{Remote: "origin"}}, CodeUnchecked},
		{"not taken back: cancelled", &workflow.AbandonError{Tag: "v1", Err: context.Canceled}, CodeCancelled},
		{"cancelled, partly signed", &PartialError{Done: "1 of 2", Err: context.Canceled}, CodeCancelled},
	} {
		x := Error(c.err)
		if x.Code != c.want || x.Headline == "" {
			t.Errorf("%s: code %d, want %d; %q", c.name, x.Code, c.want, x.Headline)
		}
	}
}

// Who took back the half of a release must not be told that nothing was changed.
func TestHalfTakenBackIsTold(t *testing.T) {
	for _, err := range []error{context.Canceled, errors.New("disk")} {
		x := Error(&workflow.AbandonError{Tag: "v1", Removed: []string{"tag v1"}, Err: err})
		if !strings.Contains(x.Untouched, "tag v1") || !strings.Contains(x.Headline, "in part") || len(x.Next) == 0 {
			t.Errorf("told %+v", x)
		}
	}
}

// Who partly did something must not be told that nothing was changed.
func TestPartialWorkIsTold(t *testing.T) {
	x := Error(&PartialError{Done: "1 of 2 files were signed.", Err: context.Canceled})
	if x.Untouched != "1 of 2 files were signed." {
		t.Errorf("told %q", x.Untouched)
	}
}

// TestRefusedPush: what the remote's hook said is told; git only says that a hook declined.
func TestRefusedPush(t *testing.T) {
	x := Error(&gitops.PushError{Remote: "origin", Tag: "v1", Rejected: "pre-receive hook declined",
		Output: "remote: tags are made by the release bot only        \nremote: \nTo /srv/widget.git\n ! [remote rejected] v1 -> v1 (pre-receive hook declined)\n"})
	if want := "Pre-receive hook declined. The remote says: Tags are made by the release bot only."; x.Cause != want {
		t.Errorf("%q, want %q", x.Cause, want)
	}
	x = Error(&gitops.PushError{Remote: "origin", Tag: "v1", Rejected: "already exists", Output: "To /srv/widget.git\n"})
	if x.Cause != "The remote has another tag of that name." || slices.ContainsFunc(x.Next, func(s string) bool { return strings.Contains(s, "--resume tries again") }) {
		t.Errorf("%q, %q", x.Cause, x.Next)
	}
	x = Error(&gitops.PushError{Remote: "origin", Tag: "v1", Output: "not today\nask Ada\nerror: failed to push some refs to '/srv/widget.git'\n"})
	if x.Cause != "Not today ask Ada." {
		t.Errorf("a hook of one's own: %q", x.Cause)
	}
	x = Error(&gitops.PushError{Remote: "origin", Tag: "v1", Arrived: []string{"/srv/a.git"},
		Output: "To /srv/a.git\n*\trefs/tags/v1:refs/tags/v1\t[new tag]\nDone\nfatal: '/srv/b.git' does not appear to be a git repository\n"})
	if x.Cause != "'/srv/b.git' does not appear to be a git repository." || x.Untouched != "It is public at /srv/a.git." ||
		slices.ContainsFunc(x.Next, func(s string) bool { return strings.Contains(s, "tag -d") }) {
		t.Errorf("pushed in part: %+v", x)
	}
}

// TestSeveralProblems: each keeps what to do about it; one alone is no list.
func TestSeveralProblems(t *testing.T) {
	f := workflow.Finding{Finding: finding.Finding{Severity: finding.Error, Message: "The tag v1 exists already.", Hint: "choose another"}}
	g := workflow.Finding{Finding: finding.Finding{Severity: finding.Error, Message: "no file matches"}}
	w := workflow.Finding{Finding: finding.Finding{Severity: finding.Warning, Message: "no backup"}}
	x := Error(&workflow.RefusedError{Findings: []workflow.Finding{f, w, g}})
	if want := []Problem{{"The tag v1 exists already.", "choose another"}, {"No file matches.", ""}}; !slices.Equal(x.Problems, want) {
		t.Errorf("%+v", x.Problems)
	}
	if x := Error(&workflow.RefusedError{Findings: []workflow.Finding{f, w}}); len(x.Problems) != 0 || x.Headline != f.Message {
		t.Errorf("%+v", x)
	}
}

// TestWhosePassphrase: a wrong passphrase is told from others by what it opens and where it came from.
func TestWhosePassphrase(t *testing.T) {
	image := keys.PassphraseRequest{Purpose: keys.PurposeImage, ID: "abc", Label: "release.key"}
	for _, c := range []struct {
		err         error
		says, cause string
	}{
		{&WrongPassphraseError{Flag: "--image-passphrase-fd", Request: image}, "The passphrase of the image key release.key is wrong.", "It came by --image-passphrase-fd."},
		{&WrongPassphraseError{Flag: "--passphrase-fd", Request: keys.PassphraseRequest{Card: "0006 1", TriesLeft: 2}}, "The PIN of card 0006 1 is wrong.", "It came by --passphrase-fd. It takes 2 more wrong PINs, then it blocks itself."},
		{&WrongPassphraseError{Flag: "--passphrase-fd", Request: keys.PassphraseRequest{Card: "0006 1", TriesLeft: 1}, Untried: true}, "Card 0006 1 takes only one more wrong PIN.", "The one from --passphrase-fd was not tried: were it wrong, the card would block itself."},
		{&agent.CardError{Serial: "0006 1", Problem: agent.CardWrongPIN, TriesLeft: 1}, "The PIN of card 0006 1 is wrong.", "It takes one more wrong PIN, then it blocks itself."},
		{&keys.UnlockError{Request: image, Tries: 3}, "The passphrase of the image key release.key was wrong 3 times.", ""},
		{&keys.UnlockError{Request: keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: "ABC"}, Tries: 3}, "The passphrase of the key ABC was wrong 3 times.", ""},
		{&keys.UnlockError{Request: keys.PassphraseRequest{Purpose: keys.PurposeTrustRoot, Label: "old root key"}, Tries: 3}, "The passphrase of the old root key was wrong 3 times.", ""},
		{&keys.UnlockError{Tries: 3}, "The passphrase of the key was wrong 3 times.", ""},
	} {
		x := Error(fmt.Errorf("sign: %w", c.err))
		if x.Headline != c.says || x.Cause != c.cause || x.Code != CodeRefused || !errors.Is(c.err, keys.ErrWrongPassphrase) {
			t.Errorf("%v: %+v", c.err, x)
		}
	}
}

// An image that is not there is named by its tag: the repository may well exist.
func TestMissingImageIsNamedWhole(t *testing.T) {
	for name, want := range map[string]string{"9.9": "r.example.org has no such image: acme/app:9.9.", "sha256:ab": "r.example.org has no such image: acme/app@sha256:ab.", "": "r.example.org has no such image: acme/app."} {
		if x := Error(&docker.RegistryError{Host: "r.example.org", Repo: "acme/app", Name: name, Kind: docker.KindNotFound, Status: 404}); x.Headline != want {
			t.Errorf("%q: %s", name, x.Headline)
		}
	}
}

// A registry that refuses a read does not speak of writing.
func TestForbiddenByRequest(t *testing.T) {
	for op, want := range map[string]string{
		"read the manifest": "does not let you read team/app", "list the signatures": "does not let you read team/app",
		"store a manifest": "refused to let you write to team/app", "store a blob": "refused to let you write to team/app",
	} {
		x := Error(&docker.RegistryError{Host: "r.example.org", Repo: "team/app", Op: op, Kind: docker.KindForbidden, Status: 403})
		if !strings.Contains(x.Headline, want) || x.Code != CodeRefused {
			t.Errorf("%s: %+v", op, x)
		}
	}
}

// Several errors at once are a sentence each, in words of their own: no line break, and no call of the system.
func TestSeveralErrorsAreSentences(t *testing.T) {
	_, missing := os.Stat(filepath.Join(t.TempDir(), "big.bin"))
	err := errors.Join(&artifacts.ChangedError{Path: "dist/a.tar.gz"}, missing)
	for _, err := range []error{err, &workflow.IncompleteError{Tag: "v1", Step: workflow.StepArtifacts, Err: err}} {
		x := Error(err)
		text := x.Headline + " " + x.Cause
		if strings.ContainsAny(text, "\n") || strings.Contains(text, "stat ") || !strings.Contains(text, "dist/a.tar.gz changed while it was worked on.") || !strings.Contains(text, "big.bin does not exist.") {
			t.Errorf("%q", text)
		}
	}
	if x := Error(err); x.Code != CodeRefused || x.Untouched == "" || len(x.Next) != 1 {
		t.Errorf("%+v", x)
	}
}
