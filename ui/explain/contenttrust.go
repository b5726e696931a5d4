package explain

import (
	"errors"
	"fmt"
	"strings"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys/wire"
	"bulla/workflow/images"
)

// contentTrust explains what Docker Content Trust ends in.
func contentTrust(err error, x *Explanation) bool {
	var keyFile *dct.KeyFileError
	var pins *dct.PinsError
	switch {
	case trustPins(err, x), trustServers(err, x), trustData(err, x), trustKeys(err, x), trustChanges(err, x), trustGates(err, x):
		return true
	case errors.As(err, &keyFile), errors.As(err, &pins):
		x.Untouched, x.Code = "Nothing was changed.", CodeUsage
		return true
	}
	return false
}

// trustPins explains a root that was published and is not pinned here. It comes before what kept the
// pin from being written: of that alone nothing was changed.
func trustPins(err error, x *Explanation) bool {
	var pin *images.PinError
	if !errors.As(err, &pin) {
		return false
	}
	x.Headline = "The new root is published, and it could not be pinned here."
	x.Cause, x.Code = sentence(pin.Err.Error()), CodeIncomplete
	x.Next = []string{"bulla image trust pin REPO " + strings.Join(pin.Certificates, " ")}
	return true
}

// trustServers explains servers that did not answer, or not to this.
func trustServers(err error, x *Explanation) bool {
	var server *dct.ServerError
	var withheld *dct.CredentialsWithheldError
	var none *dct.NotInitializedError
	var already *dct.InitializedError
	var had *dct.HadRootError
	var unseen *dct.NotSeenError
	var file *docker.CertificateError
	switch {
	case errors.As(err, &file):
		return registries(err, x)
	case errors.As(err, &withheld):
		x.Headline = fmt.Sprintf("The trust server %s asks for credentials, and you did not name it yourself.", withheld.Server)
		x.Cause = fmt.Sprintf("A bulla.toml or a record names it. Your credentials for %s were not shown to it.", registryOf(withheld.GUN))
		x.Next = []string{"if you trust that server with them: --trust-server " + withheld.Server, "or for good, in your environment: DOCKER_CONTENT_TRUST_SERVER=" + withheld.Server}
		x.Code = CodeUnchecked
	case errors.As(err, &server):
		x.Headline = fmt.Sprintf("The trust server %s could not be asked about %s.", server.Server, server.GUN)
		x.Cause, x.Code = trustServerCause(server), CodeUnchecked
		x.Next = []string{"nothing is taken from memory; bulla image trust inspect --offline shows what was seen last"}
		switch server.Kind {
		case docker.KindUnauthorized, docker.KindForbidden:
			x.Next = []string{"docker login " + registryOf(server.GUN) + ": a trust server lets in whom the registry lets in"}
		case docker.KindUnreachable:
			x.Next = append([]string{"--trust-server or DOCKER_CONTENT_TRUST_SERVER names another server", "certificates of a private authority belong into tls/HOST:PORT/ca.crt in Docker's folder"}, x.Next...)
		}
	case errors.As(err, &none) && none.Known:
		x.Headline = fmt.Sprintf("%s says that it has no trust data for %s, which it must have had.", none.Server, none.GUN)
		x.Cause, x.Code = "A root is pinned for it, or trust data was seen before. Nothing can be checked.", CodeUnchecked
		x.Next = []string{"ask the publisher what became of it"}
	case errors.As(err, &none):
		x.Headline = fmt.Sprintf("%s has no trust data for %s: nothing in it is signed by Content Trust.", none.Server, none.GUN)
		x.Next, x.Code = []string{"bulla image trust init gives a repository its root key, for good"}, CodeRefused
	case errors.As(err, &had):
		x.Headline = fmt.Sprintf("%s must have a root key already, and %s says that it has no trust data for it.", had.GUN, had.Server)
		x.Cause = hadRoot(had)
		x.Untouched, x.Code = "Nothing was changed, and the pin is kept.", CodeRefused
		x.Next = []string{
			"ask who runs the trust server to restore its data: then the old root goes on, and nobody notices",
			"with the root key at hand: bulla image trust republish " + had.GUN + " publishes what was last seen here, and the old root goes on, too",
			"only if it is lost for good: bulla image trust init " + had.GUN + " --replace-lost-root, and give the new certificate to everybody",
		}
	case errors.As(err, &already):
		x.Headline = fmt.Sprintf("%s has a root key on %s already.", already.GUN, already.Server)
		x.Untouched, x.Code = "It was not changed.", CodeRefused
		x.Next = []string{"bulla image trust inspect shows it; rotate replaces keys"}
	case errors.As(err, &unseen):
		x.Headline = fmt.Sprintf("The trust data of %s was never seen here, under these pins.", unseen.GUN)
		x.Next, x.Code = []string{"ask the trust server once, without --offline"}, CodeUnchecked
	default:
		return false
	}
	return true
}

// hadRoot says how the root is known that a server has lost.
func hadRoot(e *dct.HadRootError) string {
	cause := "Its trust data was seen here before."
	switch t := e.Known; {
	case len(t.Certificates) > 0:
		cause = "The root certificate " + strings.Join(t.Certificates, " or ") + " is pinned for it."
	case len(t.RootKeys) > 0:
		cause = "The root key " + strings.Join(t.RootKeys, " or ") + " is pinned for it."
	case t.CA != "":
		cause = "A root certificate that " + t.CA + " vouches for is pinned for it."
	}
	return cause + " Everybody who knows the old root would refuse another one."
}

func trustServerCause(e *dct.ServerError) string {
	what := map[docker.Kind]string{
		docker.KindUnauthorized: "It does not know who you are.", docker.KindForbidden: "You may not do this there.",
		docker.KindServer: "It is in trouble.", docker.KindRateLimited: "It has been asked too often.", docker.KindNotFound: "It does not have what it must have.",
	}[e.Kind]
	if e.Status != 0 {
		return strings.TrimSpace(fmt.Sprintf("It answered %d. %s", e.Status, what))
	}
	if e.Timeout() {
		return "It did not answer in time."
	}
	if e.Err != nil && e.Kind == docker.KindUnreachable {
		return sentence(wire.Why(e.Err))
	}
	if e.Err != nil {
		return sentence(e.Err.Error())
	}
	return sentence(e.Detail)
}

// registryOf is the registry in a GUN.
func registryOf(gun string) string {
	host, _, _ := strings.Cut(gun, "/")
	return host
}

// trustData explains data that must not be trusted, or that nothing vouches for.
func trustData(err error, x *Explanation) bool {
	var bad *dct.MetadataError
	var unpinned *dct.UnpinnedError
	var unsigned *dct.NotSignedError
	switch {
	case errors.As(err, &bad):
		x.Headline = fmt.Sprintf("The trust data of %s must not be trusted.", bad.GUN)
		x.Cause, x.Next = trustProblem(bad)
		x.Code = CodeFailed
	case errors.As(err, &unpinned):
		x.Headline = fmt.Sprintf("Nothing says which root key %s must have.", unpinned.GUN)
		for _, c := range unpinned.Shown {
			x.Cause += "The trust server shows the root certificate " + c.ID + "; nothing vouches for it. "
		}
		for _, id := range unpinned.Docker {
			x.Cause += "Docker has trusted " + id + " on this machine. "
		}
		x.Cause = strings.TrimSpace(x.Cause)
		x.Next = []string{
			"ask the publisher for the id of the root certificate, then: bulla image trust pin " + unpinned.GUN + " ID",
			"--root ID names it for once; --trust-first-use believes what the server shows",
		}
		x.Code = CodeUsage
	case errors.As(err, &unsigned):
		x.Headline, x.Code = fmt.Sprintf("%s:%s is not signed.", unsigned.GUN, unsigned.Tag), CodeRefused
		x.Untouched = "Nothing was changed."
	default:
		return false
	}
	return true
}

// trustProblem says what is wrong with trust data, and what to do.
func trustProblem(e *dct.MetadataError) (cause string, next []string) {
	switch e.Problem {
	case dct.ProblemExpired:
		cause = "The part " + e.Role + " has expired: it was not renewed, or somebody holds newer data back."
	case dct.ProblemRollback:
		cause = "It is older than what was seen here before."
		next = []string{"somebody may be hiding a newer signature, or a revocation: ask the publisher"}
	case dct.ProblemRoot:
		cause = "Its root certificate is neither the pinned one nor a successor that the pinned one has signed."
		for _, c := range e.Shown {
			cause += " It is " + c.ID + ", of the root key " + c.KeyID + "."
		}
		next = []string{"ask the publisher for the id of the root certificate; bulla image trust pin changes what is pinned"}
	case dct.ProblemSignature:
		cause = "A part of it is not signed by the keys that may sign it."
	case dct.ProblemMismatch:
		cause = "Its parts do not belong together: files of different versions or repositories were mixed."
	default:
		cause = "It cannot be read."
	}
	if e.Role == "targets/releases" {
		cause = "The list of released tags (targets/releases) has expired, or no valid signature is under it any more."
		next = []string{"a signer can mend it: bulla image trust mend " + e.GUN}
	}
	if next == nil {
		next = []string{"ask who runs the trust server"}
	}
	return cause, next
}

// trustKeys explains keys that are missing or not yet safe.
func trustKeys(err error, x *Explanation) bool {
	var missing *dct.MissingKeyError
	var custody *dct.CustodyError
	var root *dct.RootKeyError
	var same *dct.SameRootError
	switch {
	case errors.As(err, &missing):
		x.Headline = fmt.Sprintf("No key at hand may sign for %s in %s.", missing.Role, missing.GUN)
		x.Cause = "One of these is needed in " + missing.Dir + ": " + strings.Join(missing.IDs, ", ") + "."
		x.Next = []string{"bulla image trust key list shows the keys at hand", "whoever owns the repository can make you a signer: bulla image trust signer add"}
		if missing.Role == "root" {
			x.Next = []string{"bulla image trust key restore FILE takes the root key back from its backup"}
		}
	case errors.As(err, &custody):
		x.Headline = fmt.Sprintf("No backup of the root key %s was restored and opened yet.", custody.KeyID[:min(12, len(custody.KeyID))])
		x.Cause = "A lost root key can never be replaced: all who have pinned it would refuse whatever comes after."
		x.Next = []string{"bulla image trust key backup " + custody.KeyID[:min(12, len(custody.KeyID))] + " -o FILE, then bulla image trust key rehearse FILE"}
		if custody.Backup != "" {
			x.Next = []string{"bulla image trust key rehearse " + custody.Backup}
		}
	case errors.As(err, &root) && len(root.IDs) == 0:
		x.Headline, x.Cause = "There is no root key at hand.", "It was looked for in "+root.Dir+"."
		x.Next = []string{"bulla image trust key generate --root makes one", "bulla image trust key restore FILE takes one back from its backup"}
	case errors.As(err, &root):
		x.Headline = fmt.Sprintf("%d root keys are at hand, and none is named.", len(root.IDs))
		for _, id := range root.IDs {
			x.Next = append(x.Next, "--root-key "+id)
		}
		x.Code, x.Untouched = CodeUsage, "Nothing was changed."
		return true
	case errors.As(err, &same):
		x.Headline = "This is the root key of " + same.GUN + " already."
		x.Next = []string{"bulla image trust key generate --root makes another one"}
	default:
		return false
	}
	x.Untouched, x.Code = "Nothing was published.", CodeRefused
	return true
}

// trustChanges explains changes that could not be published.
func trustChanges(err error, x *Explanation) bool {
	var signer *dct.SignerError
	var conflict *dct.ConflictError
	var again *dct.RepublishError
	switch {
	case errors.As(err, &again):
		x.Headline = fmt.Sprintf("The trust data of %s cannot be published again.", again.GUN)
		x.Cause, x.Untouched, x.Code = sentence(again.Reason), "Nothing was published.", CodeRefused
		x.Next = []string{"bulla image trust inspect " + again.GUN + " shows what the server has; with --offline, what was last seen here"}
	case errors.As(err, &signer):
		x.Headline, x.Untouched, x.Code = sentence("signer "+signer.Name+": "+signer.Reason), "Nothing was changed.", CodeRefused
		if signer.GUN == "" {
			x.Code = CodeUsage
		}
		if len(signer.Tags) > 0 {
			x.Cause = "Released: " + strings.Join(signer.Tags, ", ") + "."
			x.Next = []string{"let another signer sign one of these tags first", "for the last signer: --force"}
		}
	case errors.As(err, &conflict):
		x.Headline = fmt.Sprintf("The trust server refused the change of %s, %d times.", conflict.GUN, conflict.Tries)
		x.Cause, x.Untouched, x.Code = sentence(conflict.Detail), "Nothing of yours was published; what others published stays.", CodeRefused
		x.Next = []string{"try again when nobody else changes the repository"}
	default:
		return false
	}
	return true
}

// trustGates explains what those meet who verify an image by Content Trust, or sign a tag for them.
func trustGates(err error, x *Explanation) bool {
	var untrusted *images.UntrustedError
	var unreleased *images.UnreleasedError
	switch {
	case errors.Is(err, images.ErrNoRoot):
		x.Headline = "Nothing tells which root key the trust data must be signed by."
		x.Next = []string{"--root ID names it, or [[policy.image]] in bulla.toml", "bulla image doctor shows the root that the trust server offers; compare it with what the publisher says"}
		x.Code = CodeUsage
	case errors.As(err, &unreleased):
		x.Cause = "Nobody who pulls by Content Trust would take the tag for signed."
		x.Next, x.Code = []string{"whoever owns the repository can make you a signer: bulla image trust signer add"}, CodeRefused
	case errors.As(err, &untrusted):
		x.Cause, x.Code = "The trust data must not be trusted.", CodeFailed
	default:
		return false
	}
	return true
}

// lostAnswers explains a change that was made in part, or whose outcome is not known. It comes before
// whatever the answer was lost by: a cancelled one did not leave everything as it was.
func lostAnswers(err error, x *Explanation) bool {
	var unknown *dct.UnknownOutcomeError
	var part *dct.UnfinishedError
	if errors.As(err, &part) {
		x.Headline = fmt.Sprintf("The trust data of %s is published again in part, %d of %d.", part.GUN, part.Done, part.Steps)
		x.Cause = sentence(part.Err.Error()) + " Until the rest is there, everybody who has seen the lost data takes this for older, and refuses it."
		x.Next, x.Code = []string{"bulla image trust republish " + part.GUN + " goes on from there"}, CodeIncomplete
		return true
	}
	if !errors.As(err, &unknown) {
		return false
	}
	x.Headline = "Whether the change of " + unknown.GUN + " was published is not known: the answer was lost."
	x.Cause = "It was not seen there afterwards, and may still arrive. Keys that were made for it are kept."
	x.Next, x.Code = []string{"bulla image trust inspect " + unknown.GUN + " shows what is there; look again in a while before you repeat the change"}, CodeIncomplete
	return true
}
