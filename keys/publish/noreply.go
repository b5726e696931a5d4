package publish

import (
	"strings"

	"bulla/keys"
)

// NoReply tells the forge whose no-reply address this is, "" for an ordinary address, and whether
// the address is no-reply at all. Commits and tags made on a forge's website, and by people who hide
// their address, have such addresses; no mail reaches them.
func NoReply(address string) (forge string, noReply bool) {
	local, domain, ok := strings.Cut(strings.ToLower(address), "@")
	if !ok {
		return "", false
	}
	switch rest, users := strings.CutPrefix(domain, "users.noreply."); {
	case users && rest == "github.com":
		return "GitHub", true
	case users && rest == "gitlab.com":
		return "GitLab", true
	case users: // a GitLab or GitHub of somebody's own
		return rest, true
	}
	if rest, ok := strings.CutPrefix(domain, "noreply."); ok { // Gitea and Forgejo
		if rest == "codeberg.org" {
			return "Codeberg", true
		}
		return rest, true
	}
	switch strings.NewReplacer("-", "", "_", "", ".", "").Replace(local) {
	case "noreply", "donotreply":
		return domain, true
	}
	return "", false
}

// Open are those of the user ids that hide no address, which a person may want public without much
// thought: a no-reply address ties them to an account on a forge. Where each hides one it is all of
// them, since there is nothing else to choose.
func Open(userIDs []string) (out []string) {
	for _, u := range userIDs {
		if _, hides := NoReply(keys.AddressOf(u)); !hides {
			out = append(out, u)
		}
	}
	if len(out) == 0 {
		return userIDs
	}
	return out
}
