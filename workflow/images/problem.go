package images

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/workflow/finding"
)

// Problem tells what keeps a tag from being signed in Content Trust, and what to do.
func Problem(ref docker.Reference, clients *dct.Clients, err error) finding.Finding {
	gun := dct.GUNOf(ref).String()
	f := finding.Finding{Rule: RuleContentTrust, Severity: finding.Error, Err: err, Message: fmt.Sprintf("%s cannot be signed in Content Trust: %v.", ref, err)}
	var server *dct.ServerError
	var withheld *dct.CredentialsWithheldError
	var none *dct.NotInitializedError
	var unpinned *dct.UnpinnedError
	var custody *dct.CustodyError
	var missing *dct.MissingKeyError
	var bad *dct.MetadataError
	var unreleased *UnreleasedError
	switch {
	case errors.As(err, &withheld):
		f.Message = fmt.Sprintf("The trust server %s asks for credentials, which were not shown to it: you did not name it yourself.", withheld.Server)
		f.Hint, f.Unreachable = "--trust-server "+withheld.Server+", or DOCKER_CONTENT_TRUST_SERVER, if you trust it with them", true
	case errors.As(err, &server):
		f.Message = fmt.Sprintf("The trust server %s could not be asked about %s (%s).", server.Server, gun, server.Kind)
		f.Hint, f.Unreachable = "bulla image doctor "+gun+" says more; cosign needs no trust server", true
	case errors.Is(err, context.DeadlineExceeded):
		f.Message, f.Unreachable = "The trust server of "+gun+" did not answer in time.", true
	case errors.As(err, &none) && none.Known:
		f.Message = fmt.Sprintf("%s says that it has no trust data for %s, which it must have had.", none.Server, gun)
		f.Hint = "ask who runs the trust server; nothing is initialised anew by itself"
	case errors.As(err, &none):
		f.Message = fmt.Sprintf("%s has no root key on %s yet, so no tag can be signed there.", gun, none.Server)
		f.Hint = beforeInit(clients.Keys(), gun)
	case errors.As(err, &unpinned):
		f.Message = fmt.Sprintf("Nothing says which root key %s must have.", gun)
		f.Hint = "bulla image trust pin " + gun + " ID, with the id that its owner gives you"
	case errors.As(err, &custody):
		f.Message = "No backup of the root key was restored and opened yet: without one there is no first signature."
		f.Hint = custodyHint(custody.KeyID, custody.Backup)
	case errors.As(err, &missing):
		f.Message = fmt.Sprintf("No key at hand may sign for %s in %s.", missing.Role, gun)
		f.Hint = "bulla image trust key list shows the keys at hand; its owner can make you a signer"
	case errors.As(err, &bad):
		f.Message = fmt.Sprintf("The trust data of %s must not be trusted: %s.", gun, bad.Problem)
		f.Hint = "bulla image trust inspect " + gun + " says more; nothing is signed into it"
	case errors.As(err, &unreleased):
		f.Message = fmt.Sprintf("The keys at hand sign %s for %s and may not release it: nobody who pulls would take it for signed.", ref, strings.Join(unreleased.Roles, ", "))
		f.Hint = "whoever owns the repository can make you a signer: bulla image trust signer add"
	}
	return f
}

// beforeInit names the next command on the way to a repository with a root key: nothing is
// initialised before a backup of the key was tried.
func beforeInit(folder *dct.KeyFolder, gun string) string {
	list, err := folder.List()
	roots := slices.DeleteFunc(list, func(k dct.Key) bool { return k.Role != "root" })
	switch {
	case err != nil:
		return "bulla image trust key list"
	case len(roots) == 0:
		return "bulla image trust key generate --root makes a root key; then a backup of it, its rehearsal, and bulla image trust init " + gun
	case !slices.ContainsFunc(roots, func(k dct.Key) bool { return !k.Backup.Rehearsed.IsZero() }):
		return custodyHint(roots[0].ID, roots[0].Backup.Backup) + "; then bulla image trust init " + gun
	}
	return "bulla image trust init " + gun + " gives it its root key, for good"
}

// custodyHint names the command that shows that a backup works.
func custodyHint(id, backup string) string {
	if backup != "" {
		return "bulla image trust key rehearse " + backup
	}
	short := id[:min(12, len(id))]
	return "bulla image trust key backup " + short + " -o FILE, then bulla image trust key rehearse FILE"
}
