package publish

import "strings"

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
