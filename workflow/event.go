package workflow

import (
	"time"

	"bulla/keys"
)

// StepID names a step of the walk.
type StepID string

// The steps of a release, in their order. Check is last but for Push, so that nothing leaves
// through git before a stranger could have verified it.
const (
	StepPreflight StepID = "preflight"
	StepKey       StepID = "key"
	StepTag       StepID = "tag"
	StepArtifacts StepID = "artifacts"
	StepImage     StepID = "image"
	StepRecord    StepID = "record"
	StepCheck     StepID = "check"
	StepPush      StepID = "push"
)

// Title is the step's name for a person.
func (s StepID) Title() string {
	switch s {
	case StepPreflight:
		return "Preflight"
	case StepKey:
		return "Key"
	case StepTag:
		return "Tag"
	case StepArtifacts:
		return "Artifacts"
	case StepImage:
		return "Image"
	case StepRecord:
		return "Record"
	case StepCheck:
		return "Check"
	case StepPush:
		return "Push"
	}
	return string(s)
}

// Event is what the runner tells the faces. The full-screen UI, line mode, JSON and the tests
// all listen to the same stream. An Event holds no secret.
type Event interface{ isEvent() }

// StepStarted: a step began.
type StepStarted struct {
	Step StepID
	At   time.Time
}

// StepProgress: work went on. Progress may be dropped by a slow listener; endings never are.
type StepProgress struct {
	Step StepID
	// Item is what is worked on, a file name or reference; raw text from outside.
	Item                string
	ItemDone, ItemTotal int64 // bytes
	Done, Total         int64 // bytes over all items
	Items, ItemsTotal   int   // finished items, all items
}

// StepWaiting: the step waits for a person or a token. It is over with the next event of the
// same step.
type StepWaiting struct {
	Step StepID
	For  WaitFor
	// Label names the key, the card or the program; raw text from outside.
	Label string
	At    time.Time
	// Limit is how long it is waited for, 0 for as long as it takes.
	Limit time.Duration
}

// WaitFor is what a step waits for.
type WaitFor string

// What a step may wait for.
const (
	WaitPassphrase WaitFor = "passphrase"
	WaitPIN        WaitFor = "pin"      // the PIN of the card that Label names
	WaitAgent      WaitFor = "agent"    // gpg-agent at work: it stretches the passphrase
	WaitCard       WaitFor = "card"     // the smartcard that Label names at work; it may want a touch
	WaitTouch      WaitFor = "touch"    // that smartcard wants to be touched
	WaitPrompt     WaitFor = "prompt"   // gpg-agent's own prompt, on the terminal or in a window
	WaitKeychain   WaitFor = "keychain" // the OS keychain, perhaps its dialog
	WaitNetwork    WaitFor = "network"  // an answer of the host or the git remote that Label names
)

// StepDone: the step succeeded. Text says in one line what now exists.
type StepDone struct {
	Step StepID
	Text string
	Took time.Duration
}

// StepSkipped: neither success nor failure; Reason says why there was nothing to do.
type StepSkipped struct {
	Step   StepID
	Reason string
}

// StepFailed: the step ended with Err. What earlier steps made is untouched.
type StepFailed struct {
	Step StepID
	Err  error
	Took time.Duration
}

// Checked: the check as a stranger reached one verdict.
type Checked struct{ Verdict keys.Verdict }

func (StepStarted) isEvent()  {}
func (StepProgress) isEvent() {}
func (StepWaiting) isEvent()  {}
func (StepDone) isEvent()     {}
func (StepSkipped) isEvent()  {}
func (StepFailed) isEvent()   {}
func (Checked) isEvent()      {}
