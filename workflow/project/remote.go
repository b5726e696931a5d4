package project

import (
	"net/url"
	"path/filepath"
	"strings"

	"bulla/gitops"
)

// NameOfURL takes "acme/widget" out of https://host/acme/widget.git or git@host:acme/widget.
// A local path names neither: "".
func NameOfURL(raw string) string {
	p := raw
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		p = u.Path
	} else if _, after, ok := strings.Cut(raw, ":"); ok && !strings.Contains(raw, "://") && !filepath.IsAbs(raw) {
		p = after
	} else {
		return ""
	}
	parts := strings.Split(strings.Trim(strings.TrimSuffix(p, ".git"), "/"), "/")
	if len(parts) > 2 {
		parts = parts[len(parts)-2:]
	}
	return strings.Join(parts, "/")
}

// Remote finds a remote by name; "" means the one called origin, or the only one.
func Remote(remotes []gitops.Remote, name string) (gitops.Remote, bool) {
	for _, r := range remotes {
		if r.Name == name || (name == "" && r.Name == "origin") {
			return r, true
		}
	}
	if name == "" && len(remotes) == 1 {
		return remotes[0], true
	}
	return gitops.Remote{}, false
}
