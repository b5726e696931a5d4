package explain

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/docker/dockerfile"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/agent/assuan"
	"bulla/keys/limits"
	"bulla/keys/paper"
	"bulla/keys/publish"
	"bulla/keys/publish/web"
	"bulla/keys/publish/wkd"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/firstkey"
	"bulla/workflow/images"
	"bulla/workflow/journal"
	"bulla/workflow/keydesk"
	"bulla/workflow/kit"
	"bulla/workflow/policy"
	"bulla/workflow/project"
	"bulla/workflow/source"
	"bulla/workflow/verify"
)

// every has one of each exported error type of the domain, and the exit code that it has by itself.
var every = []struct {
	err  error
	code int
}{
	{&artifacts.ChangedError{Path: "x"}, CodeRefused},
	{&artifacts.DuplicateNameError{Base: "x", A: "a/x", B: "b/x"}, CodeUsage},
	{&artifacts.ExistsError{Path: "x"}, CodeRefused},
	{&artifacts.NameTooLongError{Path: "x"}, CodeRefused},
	{&artifacts.NoMatchError{Glob: "x"}, CodeRefused},
	{&artifacts.OutsideError{Path: "x", Dir: "y"}, CodeUsage},
	{&artifacts.SignatureExistsError{Path: "x.asc"}, CodeRefused},
	{&artifacts.SyntaxError{Line: 1}, CodeFailed},
	{&docker.CertificateError{Path: "x", Reason: "y"}, CodeUsage},
	{&docker.MovedError{}, CodeFailed},
	{&docker.NotListedError{Host: "h"}, CodeIncomplete},
	{&docker.ReferenceError{Text: "x"}, CodeUsage},
	{&docker.RegistryError{Kind: docker.KindServer}, CodeUnchecked},
	{&cosign.KeyFileError{Path: "x", Reason: "y"}, CodeUsage},
	{&cosign.PublishedError{Err: errors.New("x")}, CodeIncomplete},
	{&dct.ConflictError{Tries: 8}, CodeRefused},
	{&dct.CredentialsWithheldError{Server: "https://x", GUN: "x/y", Err: &dct.ServerError{Status: 401}}, CodeUnchecked},
	{&dct.CustodyError{KeyID: "abc"}, CodeRefused},
	{&dct.HadRootError{GUN: "x"}, CodeRefused},
	{&dct.InitializedError{GUN: "x"}, CodeRefused},
	{&dct.KeyFileError{Path: "x"}, CodeUsage},
	{&dct.MetadataError{Problem: dct.ProblemRollback}, CodeFailed},
	{&dct.MissingKeyError{Role: "targets"}, CodeRefused},
	{&dct.NotInitializedError{GUN: "x"}, CodeRefused},
	{&dct.NotInitializedError{GUN: "x", Known: true}, CodeUnchecked},
	{&dct.NotSeenError{GUN: "x"}, CodeUnchecked},
	{&dct.NotSignedError{GUN: "x", Tag: "1"}, CodeRefused},
	{&dct.PinsError{Path: "x"}, CodeUsage},
	{&dct.RepublishError{GUN: "x", Reason: "it was never seen here"}, CodeRefused},
	{&dct.RootKeyError{}, CodeRefused},
	{&dct.RootKeyError{IDs: []string{"a", "b"}}, CodeUsage},
	{&dct.SameRootError{GUN: "x"}, CodeRefused},
	{&dct.ServerError{Kind: docker.KindUnreachable, Err: errors.New("x")}, CodeUnchecked},
	{&dct.ServerError{Kind: docker.KindUnauthorized, Status: 401}, CodeUnchecked},
	{&dct.SignerError{GUN: "x", Name: "alice"}, CodeRefused},
	{&dct.SignerError{Name: "Alice"}, CodeUsage},
	{&dct.UnfinishedError{GUN: "x", Done: 2, Steps: 9, Err: context.Canceled}, CodeIncomplete},
	{&dct.UnknownOutcomeError{Err: context.Canceled}, CodeIncomplete},
	{&dct.UnpinnedError{GUN: "x"}, CodeUsage},
	{&dockerfile.SyntaxError{Message: "x"}, CodeUsage},
	{&gitops.ConfigChangedError{File: "x", Key: "y"}, CodeRefused},
	{&gitops.ConflictError{Ref: "a", With: "b"}, CodeUsage},
	{&gitops.DateError{Value: "x"}, CodeUsage},
	{&gitops.ExistsError{Ref: "refs/tags/v1"}, CodeRefused},
	{&gitops.GitError{Command: "status", Code: 128}, CodeFailed},
	{&gitops.IdentityError{Missing: []string{"user.name"}}, CodeRefused},
	{&gitops.LockedError{Ref: "x", Path: "x.lock"}, CodeRefused},
	{&gitops.MalformedError{ID: "x", Type: "tag"}, CodeFailed},
	{&gitops.MessageError{Reason: "x"}, CodeUsage},
	{&gitops.MovedError{Ref: "refs/tags/v1"}, CodeRefused},
	{&gitops.OwnershipError{Dir: "x"}, CodeUsage},
	{&gitops.PushError{Remote: "origin", Tag: "v1", Cause: &gitops.GitError{Command: "push"}}, CodeIncomplete},
	{&gitops.RemoteError{Remote: "origin", Cause: &gitops.GitError{Command: "ls-remote"}}, CodeUnchecked},
	{&gitops.TagNameError{Name: "x"}, CodeUsage},
	{&gitops.TooLargeError{What: "x"}, CodeUnchecked},
	{&gitops.UnsupportedRepositoryError{Extension: "x"}, CodeUsage},
	{&keys.AmbiguousError{Selector: "x"}, CodeUsage},
	{&keys.KeyError{Reason: "x"}, CodeRefused},
	{&limits.NotRegularError{Path: "x"}, CodeUsage},
	{&limits.TooLargeError{What: "x"}, CodeUnchecked},
	{&keys.LimitError{What: "keyring"}, CodeUnchecked},
	{&keys.NotFoundError{Selector: "x"}, CodeUsage},
	{&keys.UnlockError{Tries: 3}, CodeRefused},
	{&keys.NoPassphraseError{Request: keys.PassphraseRequest{Purpose: keys.PurposeImage, Label: "release.key"}}, CodeUsage},
	{&keys.UnusableError{Reason: "x"}, CodeRefused},
	{&agent.CardError{Serial: "x", Problem: agent.CardAbsent}, CodeRefused},
	{&agent.Error{Doing: "sign", Err: errors.New("x")}, CodeRefused},
	{&agent.LoopbackError{Config: "x"}, CodeUsage},
	{&agent.ProgramError{Program: "gpg", Err: errors.New("x")}, CodeRefused},
	{&assuan.ServerError{Text: "x"}, CodeRefused},
	{&paper.LineError{Line: 1, Reason: "x"}, CodeFailed},
	{&publish.DifferenceError{Differences: []publish.Difference{{What: "expiry"}}}, CodeFailed},
	{&publish.LostError{}, CodeFailed},
	{&publish.QueryError{Text: "x"}, CodeUsage},
	{&publish.TargetError{Text: "x"}, CodeUsage},
	{&publish.TokenError{}, CodeUsage},
	{&publish.UserIDsError{UserIDs: []string{"a", "b"}}, CodeUsage},
	{&publish.WrongKeyError{From: "x"}, CodeFailed},
	{&web.Error{Host: "x", Kind: web.KindTimeout}, CodeUnchecked},
	{&wkd.ExistsError{Path: "x"}, CodeRefused},
	{&store.ProblemError{Path: "x", Key: "A", Err: errors.New("y")}, CodeFailed},
	{&store.ReadableError{Key: "x"}, CodeRefused},
	{&store.BackupError{Reason: "x"}, CodeFailed},
	{&store.ChangeError{Reason: "x"}, CodeRefused},
	{&store.LifetimeError{Text: "x"}, CodeUsage},
	{&store.NotBackedUpError{}, CodeRefused},
	{&store.ParamError{Field: "name"}, CodeUsage},
	{&store.PermissionError{Mode: 0o644}, CodeRefused},
	{&store.ProblemError{Path: "x", Err: &store.PermissionError{Mode: 0o644}}, CodeRefused},
	{&store.SkippedError{Skipped: []error{errors.New("x")}}, CodeIncomplete},
	{&vault.NotChosenError{Wanted: vault.BackendFile, Chosen: vault.BackendKeychain}, CodeRefused},
	{&vault.UnavailableError{Name: "x", Err: vault.ErrTimeout}, CodeUnchecked},
	{&workflow.AbandonError{Tag: "v1", Err: errors.New("x")}, CodeIncomplete},
	{&workflow.CheckError{Failed: []keys.Verdict{{Target: "x", Status: keys.StatusBad}}}, CodeFailed},
	{&keydesk.ChangedFileError{Path: "x"}, CodeRefused},
	{&project.ConfigError{Path: "bulla.toml", Message: "x"}, CodeUsage},
	{&verify.UnreadPolicyError{Cause: errors.New("x")}, CodeUnchecked},
	{&verify.UnreadPolicyError{Cause: &gitops.GitError{Command: "ls-tree", Stderr: "could not fetch from promisor remote"}}, CodeUnchecked},
	{&verify.UnreadPolicyError{Cause: gitops.ErrNotFound}, CodeUnchecked},
	{&images.SeveralKeysError{Count: 2}, CodeUsage},
	{&workflow.IncompleteError{Tag: "v1", Err: errors.New("x")}, CodeIncomplete},
	{&workflow.JournalError{Tag: "v1", Err: errors.New("x")}, CodeIncomplete},
	{&journal.WriteError{Path: "x", Err: syscall.ENOSPC}, CodeRefused},
	{&journal.DamagedError{Path: "x", Line: 2}, CodeRefused},
	{&keydesk.NotFetchedError{}, CodeUnchecked},
	{&keydesk.NotPublishedError{}, CodeUsage},
	{&workflow.RefusedError{Findings: []workflow.Finding{{Finding: finding.Finding{Rule: workflow.RuleDirty, Severity: finding.Error, Message: "x"}}}}, CodeRefused},
	{&keydesk.StaleMemoryError{Err: errors.New("x")}, CodeIncomplete},
	{&verify.TargetError{}, CodeUsage},
	{&images.UnreleasedError{Roles: []string{"targets/alice"}}, CodeRefused},
	{&images.UnlistedChildrenError{}, CodeRefused},
	{&project.VersionError{Text: "x"}, CodeUsage},
	{&firstkey.ForgottenError{Err: &keys.UnlockError{Tries: 3}}, CodeRefused},
	{&firstkey.RevocationError{Path: "x", Reason: "y"}, CodeRefused},
	{&images.AdmissionError{Reason: "x"}, CodeUsage},
	{&images.PinError{Err: errors.New("x")}, CodeIncomplete},
	{&images.PinsError{Reason: "x"}, CodeUsage},
	{&images.UntrustedError{Err: errors.New("x")}, CodeFailed},
	{&kit.FailedError{Command: "x", Err: errors.New("x")}, CodeFailed},
	{&kit.MissingKeyError{}, CodeUnchecked},
	{&policy.ChainError{Reason: "x"}, CodeFailed},
	{&policy.RootError{Root: "x", Reason: "y"}, CodeUsage},
	{&policy.SyntaxError{}, CodeUsage},
	{&source.FormatError{Path: "x"}, CodeUsage},
	{&source.PatternError{Pattern: "x"}, CodeUsage},
}

// Every error type that a floor below exports is foreseen here.
func TestEveryErrorIsExplained(t *testing.T) {
	have := map[string]bool{}
	for _, c := range every {
		typ := reflect.TypeOf(c.err).Elem()
		have[typ.PkgPath()+"."+typ.Name()] = true
		x, foreseen := known(c.err)
		if !foreseen || x.Code != c.code || x.Headline == "" {
			t.Errorf("%T: foreseen %v, code %d, want %d; %q", c.err, foreseen, x.Code, c.code, x.Headline)
		}
	}
	if x, foreseen := known(errors.New("what nobody thought of")); foreseen || x.Code != CodeFailed || x.Untouched != "" {
		t.Errorf("claims about the unknown: %+v", x)
	}
	for _, room := range []string{"keys", "gitops", "artifacts", "docker", "workflow"} {
		for _, name := range errorTypes(t, room) {
			if !have[name] {
				t.Errorf("%s is in no test here: explain it, and add one to the list", name)
			}
		}
	}
}

// errorTypes are the exported types with a method Error below a room of the house, as
// "bulla/gitops.PushError".
func errorTypes(t *testing.T, room string) (out []string) {
	t.Helper()
	top := filepath.Join("..", "..")
	err := filepath.WalkDir(filepath.Join(top, room), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "Error" || f.Type.Params.NumFields() != 0 {
				continue
			}
			recv := f.Recv.List[0].Type
			if star, ok := recv.(*ast.StarExpr); ok {
				recv = star.X
			}
			if id, ok := recv.(*ast.Ident); ok && id.IsExported() {
				out = append(out, "bulla/"+filepath.ToSlash(rel)+"."+id.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// cancelledRequest is what a cancelled request to a registry ends in.
var cancelledRequest = &docker.RegistryError{Kind: docker.KindUnreachable, Err: context.Canceled}

// A signature that went out is told, whatever ended the work after it.
func TestPublishedSignatureIsTold(t *testing.T) {
	sig := cosign.Signature{Digest: "sha256:1234", Manifest: "sha256:5678"}
	for _, c := range []struct {
		err  error
		code int
	}{
		{&cosign.PublishedError{Signature: sig, Err: cancelledRequest}, CodeCancelled},
		{&cosign.PublishedError{Signature: sig, Err: &docker.NotListedError{}}, CodeIncomplete},
		{&cosign.PublishedError{Signature: sig, Complete: true, Err: &docker.MovedError{}}, CodeFailed},
		{&workflow.IncompleteError{Tag: "v1", Err: &cosign.PublishedError{Signature: sig, Complete: true, Err: &docker.MovedError{}}}, CodeIncomplete},
		{&workflow.IncompleteError{Tag: "v1", Err: &cosign.PublishedError{Signature: sig, Err: cancelledRequest}}, CodeCancelled},
	} {
		x := Error(c.err)
		if x.Code != c.code || !strings.Contains(x.Untouched, "sha256:1234") || !strings.Contains(x.Untouched, "registry") {
			t.Errorf("%v: %+v", c.err, x)
		}
	}
}

// Cancelling may come after something was made: only who left at a question is told otherwise.
func TestCancelledClaimsNothing(t *testing.T) {
	if x := Error(cancelledRequest); x.Untouched != "" || x.Code != CodeCancelled {
		t.Errorf("%+v", x)
	}
	if x := Error(ErrLeft); x.Untouched == "" || x.Code != CodeCancelled {
		t.Errorf("%+v", x)
	}
}
