package keys

import (
	"bulla/keys"
	"bulla/keys/publish"
	"bulla/workflow"
)

// action is something that can be done with a key.
type action int

const (
	extend action = iota
	renew
	backUp
	publishKey
	actions
)

// names are the actions in the words of a menu.
var names = [actions]string{
	extend: "extend it", renew: "sign its self-signatures again", backUp: "back it up", publishKey: "publish it",
}

// mends are the actions that mend what the health check finds.
var mends = map[workflow.Rule]action{
	workflow.Rule(keys.HealthExpired): extend,
}

// errand is something that is being done.
type errand struct{}

// addressWord is what became of an address at a place.
func addressWord(a publish.Address) string {
	return map[publish.AddressState]string{
		publish.AddressFound: "findable", publish.AddressWaiting: "a mail was sent to it; open the link in it",
		publish.AddressHidden: "not confirmed there", publish.AddressUpload: "written; not seen online yet", publish.AddressMissing: "not found by it",
		publish.AddressOtherKey: "another key is found by it", publish.AddressUnknown: "could not be checked",
	}[a.State]
}
