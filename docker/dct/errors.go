package dct

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/theupdateframework/notary/client"
	"github.com/theupdateframework/notary/storage"
	"github.com/theupdateframework/notary/trustpinning"
	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/signed"

	"bulla/docker"
	"bulla/keys/wire"
)

// ServerError says that the trust server did not answer as it should: nothing could be checked,
// and nothing was taken from memory instead.
type ServerError struct {
	Server string // "https://host:port"
	GUN    string
	// Op is what was tried, in words that follow "could not": "read the timestamp".
	Op   string
	Kind docker.Kind
	// Status is the HTTP status, 0 if there was no answer.
	Status int
	// Detail is the server's own explanation, or "". Clean it before a terminal sees it.
	Detail string
	Err    error
}

func (e *ServerError) Error() string {
	s := fmt.Sprintf("%s: could not %s of %s: ", e.Server, e.Op, e.GUN)
	if e.Kind == docker.KindUnreachable && e.Err != nil && !errors.Is(e.Err, context.Canceled) {
		return s + wire.Why(e.Err)
	}
	s += string(e.Kind)
	if e.Status != 0 {
		s += fmt.Sprintf(" (%d)", e.Status)
	}
	switch {
	case e.Detail != "":
		s += ": " + e.Detail
	case e.Err != nil:
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ServerError) Unwrap() error { return e.Err }

// Timeout reports whether the deadline passed before an answer came.
func (e *ServerError) Timeout() bool { return errors.Is(e.Err, context.DeadlineExceeded) }

// CredentialsWithheldError says that a trust server which the user did not name wants to know who
// asks, and was not shown the registry's credentials.
type CredentialsWithheldError struct {
	Server string // "https://host:port"
	GUN    string
	Err    error // what it answered: a *ServerError
}

func (e *CredentialsWithheldError) Error() string {
	return fmt.Sprintf("%s asks for credentials, and those for %s were not shown to it: you did not name it yourself, by --trust-server or DOCKER_CONTENT_TRUST_SERVER", e.Server, e.GUN)
}

func (e *CredentialsWithheldError) Unwrap() error { return e.Err }

// Problem is a word for what is wrong with trust data.
type Problem string

// The problems of trust data.
const (
	// ProblemExpired: it is older than its signer allows: somebody may be holding back newer
	// data (a freeze), or nobody has renewed it.
	ProblemExpired Problem = "expired"
	// ProblemRollback: newer data was seen here before.
	ProblemRollback Problem = "rollback"
	// ProblemRoot: the root key is not the one that is pinned, and no chain of signatures leads
	// from that one to it.
	ProblemRoot Problem = "root"
	// ProblemSignature: it is not signed by the keys that the root or its parent names.
	ProblemSignature Problem = "signature"
	// ProblemMismatch: it is not what the snapshot or the timestamp says it is: parts of
	// different versions or repositories were mixed.
	ProblemMismatch Problem = "mismatch"
	// ProblemMalformed: it cannot be read.
	ProblemMalformed Problem = "malformed"
)

// MetadataError says that the trust server's data must not be trusted.
type MetadataError struct {
	GUN     string
	Problem Problem
	// Role is the part that is wrong ("timestamp", "targets/releases"), or "".
	Role string
	// Shown are the root certificates that it came with, where those are the problem.
	Shown []Certificate
	Err   error
}

func (e *MetadataError) Error() string {
	return "the trust data of " + e.GUN + " is not to be trusted: " + e.Why()
}

// Why says what is wrong with it, in words that follow a colon.
func (e *MetadataError) Why() string {
	if e.Problem == ProblemRoot && len(e.Shown) > 0 {
		var ids []string
		for _, c := range e.Shown {
			ids = append(ids, c.ID)
		}
		return "its root certificate is " + strings.Join(ids, ", ") + ", which is neither pinned nor signed by a root that is"
	}
	s := string(e.Problem)
	if e.Role != "" {
		s += " (" + e.Role + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *MetadataError) Unwrap() error { return e.Err }

// NotInitializedError says that a trust server has no data for a repository.
type NotInitializedError struct {
	GUN, Server string
	// Known says that there was data before, or that a root is pinned: its absence is no plain
	// "unsigned".
	Known bool
}

func (e *NotInitializedError) Error() string {
	if e.Known {
		return e.Server + " says that it has no trust data for " + e.GUN + ", which it is known to have had"
	}
	return e.Server + " has no trust data for " + e.GUN
}

// InitializedError says that a repository has a root key already.
type InitializedError struct{ GUN, Server string }

func (e *InitializedError) Error() string {
	return e.Server + " has trust data for " + e.GUN + " already"
}

// HadRootError says that a repository must have had a root key, of which its trust server knows nothing.
type HadRootError struct {
	GUN, Server string
	Known       Trust // what stands behind the old root
}

func (e *HadRootError) Error() string {
	return e.Server + " has no trust data for " + e.GUN + ", which is known to have had a root key"
}

// UnpinnedError says that nothing tells which root key a repository should have.
type UnpinnedError struct {
	GUN string
	// Shown are the root certificates that the server shows. Nothing vouches for them.
	Shown []Certificate
	// Docker are the ids of the root certificates that Docker has trusted on this machine.
	Docker []string
}

func (e *UnpinnedError) Error() string { return "no root certificate is pinned for " + e.GUN }

// NotSignedError says that trust data has no entry for a tag.
type NotSignedError struct{ GUN, Tag string }

func (e *NotSignedError) Error() string { return e.GUN + ":" + e.Tag + " is not signed" }

// MissingKeyError says that none of the private keys that may sign for a role is at hand.
type MissingKeyError struct {
	GUN string
	// Role is "root", "targets", or the roles that would do: "targets/alice, targets/bob".
	Role string
	// IDs are the keys that would do.
	IDs []string
	Dir string // where they were looked for
}

func (e *MissingKeyError) Error() string {
	return fmt.Sprintf("no key at hand may sign for %s in %s; one of these is needed: %s", e.Role, e.GUN, strings.Join(e.IDs, ", "))
}

// KeyFileError says that a file is no usable private or public key.
type KeyFileError struct {
	Path   string
	Reason string // a plain sentence fragment
	Err    error
}

func (e *KeyFileError) Error() string {
	s := e.Reason
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *KeyFileError) Unwrap() error { return e.Err }

// CustodyError says that no backup of a root key is known to work.
type CustodyError struct {
	GUN   string
	KeyID string
	// Backup is the file that was written and not yet tried, or "".
	Backup string
}

func (e *CustodyError) Error() string {
	return "no backup of the root key " + e.KeyID + " was restored and opened yet"
}

// ConflictError says that others went on changing the repository each time a change was about to
// be published.
type ConflictError struct {
	GUN    string
	Tries  int
	Detail string // the server's own words
	Err    error
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s refused the change, %d times: %s", e.GUN, e.Tries, e.Detail)
}

func (e *ConflictError) Unwrap() error { return e.Err }

// UnknownOutcomeError says that the answer to a publish was lost, and that the change was not found
// there afterwards: it was not made, or cannot be seen, or will only be made later.
type UnknownOutcomeError struct {
	GUN string
	Err error
}

func (e *UnknownOutcomeError) Error() string {
	return "whether the change of " + e.GUN + " was published is not known: " + e.Err.Error()
}

func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// SignerError says why signers cannot be changed as asked.
type SignerError struct {
	GUN, Name string
	Reason    string // a plain sentence fragment
	// Tags are those that would lose their signature, or nil.
	Tags []string
}

func (e *SignerError) Error() string { return "signer " + e.Name + " of " + e.GUN + ": " + e.Reason }

// explain turns what the library ended in into an error of this package. Errors of this package,
// of keys and of the context pass as they are.
func (r *Repository) explain(err error) error {
	var server *ServerError
	var conflict *ConflictError
	var missing storage.ErrMetaNotFound
	var notExist client.ErrRepositoryNotExist
	var notInit client.ErrRepoNotInitialized
	var offline storage.ErrOffline
	switch {
	case err == nil:
		return nil
	case errors.As(err, &server), errors.As(err, &conflict):
		return err
	case errors.As(err, &notExist), errors.As(err, &notInit), errors.As(err, &missing) && strings.HasPrefix(missing.Resource, "root"):
		return &NotInitializedError{GUN: r.gun.String(), Server: r.server}
	case errors.As(err, &missing), errors.As(err, &offline):
		return &ServerError{Server: r.server, GUN: r.gun.String(), Op: "read the trust data", Kind: docker.KindNotFound, Err: err}
	}
	if problem, role := classify(err); problem != "" {
		return &MetadataError{GUN: r.gun.String(), Problem: problem, Role: role, Err: err}
	}
	return err
}

// classify names the problem that one of the library's errors tells of, or "".
func classify(err error) (p Problem, role string) {
	var expired signed.ErrExpired
	var low signed.ErrLowVersion
	var pinned *trustpinning.ErrValidationFail
	var rotation *trustpinning.ErrRootRotationFail
	var certExpired data.ErrCertExpired
	var threshold signed.ErrRoleThreshold
	var keyID signed.ErrInvalidKeyID
	var sum data.ErrMismatchedChecksum
	var badSum data.ErrInvalidChecksum
	var noSum data.ErrMissingMeta
	var invalid data.ErrInvalidMetadata
	var big storage.ErrMaliciousServer
	switch {
	case errors.As(err, &expired):
		return ProblemExpired, expired.Role.String()
	case errors.As(err, &certExpired):
		return ProblemExpired, data.CanonicalRootRole.String()
	case errors.As(err, &low):
		return ProblemRollback, ""
	case errors.As(err, &pinned), errors.As(err, &rotation):
		return ProblemRoot, data.CanonicalRootRole.String()
	case errors.As(err, &threshold), errors.As(err, &keyID), errors.Is(err, signed.ErrNoSignatures), errors.Is(err, signed.ErrInvalid):
		return ProblemSignature, ""
	case errors.As(err, &sum), errors.As(err, &badSum), errors.As(err, &noSum):
		return ProblemMismatch, ""
	case errors.As(err, &invalid), errors.As(err, &big), errors.Is(err, signed.ErrWrongType), isSyntax(err):
		return ProblemMalformed, ""
	}
	return "", ""
}

// day writes a date for a message.
func day(t time.Time) string { return t.UTC().Format("2 January 2006") }
