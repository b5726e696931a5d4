package keydeed

import (
	"slices"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/safetext"
	"bulla/workflow/keydesk"
)

// The words for publishing a key again, where it is published.
const (
	AgainName          = "Again, everywhere it is published"
	AgainOtherIDs      = "Again, with other user ids"
	AgainOtherIDsAbout = "To the same places; you choose which of its user ids they get. Nothing is sent before you have seen it."
	WhichIDsAgain      = "Which user ids shall those places get? What a place has got once it may keep: leaving a user id out does not erase it there."
)

// AgainAbout says where a key is sent that is published again, and what of it.
func AgainAbout(s *keydesk.State) string {
	return PlaceNames(s) + ". The same user ids as before."
}

// ProposedIDs are the user ids to begin with where a person chooses those that become public: those
// that were sent somewhere already, else those that hide no address.
func ProposedIDs(s *keydesk.State) (out []string) {
	for _, id := range s.UserIDs {
		if sentIn(s, id) != "" {
			out = append(out, id)
		}
	}
	if len(out) == 0 {
		return publish.Open(s.UserIDs)
	}
	return out
}

// IDHelp is what to know before a user id becomes public.
func IDHelp(s *keydesk.State, id string) string {
	if place := sentIn(s, id); place != "" {
		return "Public already: it was sent to " + place + "."
	}
	if forge, hides := publish.NoReply(keys.AddressOf(id)); hides {
		return "It hides your address on " + safetext.Line(forge) + ", and ties you to the account there. What is published once stays known for good."
	}
	return "Not sent anywhere from here yet. A user id that is published once stays known for good."
}

// sentIn is the first place that a user id was sent to, safe to show, or "".
func sentIn(s *keydesk.State, id string) string {
	for _, e := range s.Places {
		if slices.Contains(e.UserIDs, id) {
			return PlaceName(e.Target)
		}
	}
	return ""
}
