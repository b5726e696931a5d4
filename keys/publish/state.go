package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bulla/keys"
	"bulla/keys/publish/web"
)

// Stage is how far a key has come at a place. Each stage includes those before it.
type Stage int

// The stages.
const (
	StageNone        Stage = iota // nothing is known to be there
	StageSent                     // the place took what was sent
	StageStored                   // the place has the key, in whatever state
	StageFingerprint              // whoever asks by fingerprint gets the key as it is now
	StageAddress                  // and whoever asks by address finds it
)

var stageWords = []string{"not published", "sent", "stored", "findable by fingerprint", "findable by address"}

// String is the stage in words.
func (s Stage) String() string {
	if s < 0 || int(s) >= len(stageWords) {
		return fmt.Sprintf("stage %d", int(s))
	}
	return stageWords[s]
}

// MarshalText writes the stage as one word for scripts.
func (s Stage) MarshalText() ([]byte, error) {
	if s < 0 || int(s) >= len(stageNames) {
		return nil, fmt.Errorf("no stage %d", int(s))
	}
	return []byte(stageNames[s]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *Stage) UnmarshalText(b []byte) error {
	i := slices.Index(stageNames, string(b))
	if i < 0 {
		return fmt.Errorf("no stage %q", b)
	}
	*s = Stage(i)
	return nil
}

var stageNames = []string{"none", "sent", "stored", "by-fingerprint", "by-address"}

// AddressState is what became of one address at a place.
type AddressState string

// The states of an address.
const (
	AddressFound    AddressState = "found"              // the key is found by it
	AddressWaiting  AddressState = "waiting-for-mail"   // a mail was sent, its link is to be opened
	AddressHidden   AddressState = "not-confirmed"      // the place does not show it until it is confirmed
	AddressUpload   AddressState = "waiting-for-upload" // the files are written, their upload is not seen
	AddressMissing  AddressState = "not-found"          // nothing is found by it
	AddressOtherKey AddressState = "other-key"          // another key is found by it
	AddressUnknown  AddressState = "not-checked"        // could not be asked
)

// Address is an address of the key and what became of it at a place.
type Address struct {
	Address string       `json:"address"` // raw
	State   AddressState `json:"state"`
	Detail  string       `json:"detail,omitempty"` // a fragment; may quote a server
}

// Difference is one thing that a place shows otherwise than it was sent.
type Difference struct {
	// What is "user id", "expiry", "revocation", "subkey" or "key".
	What string `json:"what"`
	// Sent and Found are for a person; they may hold raw user ids.
	Sent  string `json:"sent"`
	Found string `json:"found"`
}

// String says it in one line, with raw text. It names no sending: a place that is only asked got nothing now.
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s here, %s there", d.What, d.Sent, d.Found)
}

// Result is what is known of a key at a place.
type Result struct {
	Target Target
	// Stage is what was proven by asking, or StageSent; Goal is the most that can be reached there.
	Stage, Goal Stage
	// Differences are empty where what is there is what was sent.
	Differences []Difference
	Addresses   []Address
	// Notes are plain sentences about what was met and what to do.
	Notes []string
	// Commands do what Notes say is left, in a POSIX shell.
	Commands []string
	// Lines are what a target that only prints has to say.
	Lines []string
	// Err is why it went no further: a *web.Error, a *DifferenceError, or another.
	Err error
	// At is when the place was asked.
	At time.Time
}

// Waiting reports whether only a person is left to act: to open the link of a mail, to confirm an
// address in an account, to upload files.
func (r Result) Waiting() bool { return r.waitsFor() != "" }

func (r Result) waitsFor() string {
	if r.Err != nil || len(r.Differences) > 0 {
		return ""
	}
	for _, a := range r.Addresses {
		switch {
		case a.State == AddressUpload:
			return "waiting for the upload"
		case a.State != AddressWaiting && a.State != AddressHidden:
		case r.Target.NeedsToken():
			return "waiting for the account to confirm the address"
		default:
			return "waiting for the mail"
		}
	}
	return ""
}

// unreachable reports whether nothing was learned of the place.
func (r Result) unreachable() bool {
	var e *web.Error
	return errors.As(r.Err, &e) && e.Kind != web.KindNotFound || errors.Is(r.Err, context.Canceled)
}

// Done reports whether the key is there as it is now, as far as that place can show it.
func (r Result) Done() bool { return r.Err == nil && len(r.Differences) == 0 && r.Stage >= r.Goal }

// State is the result in a few words.
func (r Result) State() string {
	switch {
	case r.Waiting():
		return r.Stage.String() + ", " + r.waitsFor()
	case len(r.Differences) > 0:
		return r.Stage.String() + ", not current"
	case r.Target.Prints() && r.Err == nil:
		return "printed"
	case r.Target.Kind == KindFile && r.Done():
		return "in the file as it is now"
	}
	return r.Stage.String()
}

// DifferenceError says that a place shows something else than the key as it is now.
type DifferenceError struct {
	Target      Target
	Fingerprint keys.Fingerprint
	Differences []Difference
}

func (e *DifferenceError) Error() string {
	s := fmt.Sprintf("%s shows the key otherwise than it is now", e.Target.Name())
	for _, d := range e.Differences {
		s += "; " + d.String()
	}
	return s
}
