package publish

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"bulla/keys/publish/hkp"
)

// Kind is a kind of place for public keys.
type Kind string

// The kinds of places.
const (
	KindHKP            Kind = "hkp"             // a key server
	KindVKS            Kind = "vks"             // a server that confirms addresses: keys.openpgp.org
	KindWKD            Kind = "wkd"             // a folder for a Web Key Directory
	KindGitHub         Kind = "github"          // the keys of an account
	KindGitLab         Kind = "gitlab"          // the same
	KindGitea          Kind = "gitea"           // Gitea, Forgejo, Codeberg
	KindFile           Kind = "file"            // a project's KEYS file
	KindDNS            Kind = "dns"             // records to be put into a zone by hand
	KindAllowedSigners Kind = "allowed-signers" // lines for an allowed_signers file, by hand
)

// The servers that are meant by a name alone.
const (
	DefaultVKS    = "https://keys.openpgp.org"
	DefaultHKP    = "hkps://keyserver.ubuntu.com"
	DefaultGitHub = "https://api.github.com"
	DefaultGitLab = "https://gitlab.com"
	Codeberg      = "https://codeberg.org"
)

// Target is one place to publish to.
type Target struct {
	Kind Kind
	// Where is an address or an absolute path; "" for the kinds that only print.
	Where string
}

// TargetError says that what a person typed names no place.
type TargetError struct {
	Text   string
	Reason string // a fragment
}

func (e *TargetError) Error() string { return fmt.Sprintf("%q: %s", e.Text, e.Reason) }

// ParseTarget reads a place as people write it; paths are taken from dir:
//
//	hkps://HOST[:PORT], hkp://HOST[:PORT]   a key server
//	keys.openpgp.org, vks:URL               a server that confirms addresses
//	keyserver.ubuntu.com                    hkps://keyserver.ubuntu.com
//	wkd:FOLDER                              a Web Key Directory
//	github, gitlab, codeberg                an account there
//	github:URL, gitlab:URL, gitea:URL       an account on another server; URL is that of its API
//	file:PATH, KEYS                         a project's KEYS file
//	dns, allowed-signers                    lines to print
//
// The error is a *TargetError.
func ParseTarget(text, dir string) (Target, error) {
	s := strings.TrimSpace(text)
	kind, rest, ok := strings.Cut(s, ":")
	switch {
	case s == "keys.openpgp.org":
		return Target{KindVKS, DefaultVKS}, nil
	case s == "keyserver.ubuntu.com":
		return Target{KindHKP, DefaultHKP}, nil
	case s == "KEYS":
		kind, rest = "file", s
	case s == "github":
		return Target{KindGitHub, DefaultGitHub}, nil
	case s == "gitlab":
		return Target{KindGitLab, DefaultGitLab}, nil
	case s == "codeberg":
		return Target{KindGitea, Codeberg}, nil
	case s == string(KindDNS), s == string(KindAllowedSigners):
		return Target{Kind: Kind(s)}, nil
	case !ok:
		return Target{}, &TargetError{text, "this names no place; hkps://HOST, keys.openpgp.org, wkd:FOLDER, github, file:KEYS are some"}
	}
	switch k := Kind(kind); k {
	case "hkp", "hkps":
		if _, err := hkp.ParseAddress(s); err != nil {
			return Target{}, &TargetError{text, "this is no address of a key server"}
		}
		return Target{KindHKP, strings.TrimRight(s, "/")}, nil
	case KindVKS, KindGitHub, KindGitLab, KindGitea:
		u, err := url.Parse(rest)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return Target{}, &TargetError{text, "after " + kind + ": comes the address of the server, such as https://git.example.org"}
		}
		return Target{k, strings.TrimRight(rest, "/")}, nil
	case KindWKD, KindFile:
		if rest == "" {
			return Target{}, &TargetError{text, "after " + kind + ": comes a path"}
		}
		if !filepath.IsAbs(rest) {
			rest = filepath.Join(dir, rest)
		}
		return Target{k, filepath.Clean(rest)}, nil
	}
	return Target{}, &TargetError{text, "there is no such kind of place"}
}

// String is the target in the form that [ParseTarget] reads.
func (t Target) String() string {
	switch t.Kind {
	case KindHKP:
		return t.Where
	case KindDNS, KindAllowedSigners:
		return string(t.Kind)
	}
	return string(t.Kind) + ":" + t.Where
}

// Host is the server that publishing to the target speaks to, "" for none.
func (t Target) Host() string {
	if t.Kind == KindWKD || t.Kind == KindFile || t.Where == "" {
		return ""
	}
	_, host, _ := strings.Cut(t.Where, "://")
	host, _, _ = strings.Cut(host, "/")
	return host
}

// Name is the target for a person.
func (t Target) Name() string {
	switch t.Kind {
	case KindHKP, KindVKS:
		return t.Host()
	case KindWKD:
		return "Web Key Directory in " + t.Where
	case KindGitHub, KindGitLab, KindGitea:
		return "your account on " + strings.TrimPrefix(t.Host(), "api.")
	case KindDNS:
		return "DNS records"
	case KindAllowedSigners:
		return "lines for allowed_signers"
	}
	return t.Where
}

// NeedsToken reports whether publishing takes a token of an account.
func (t Target) NeedsToken() bool {
	return t.Kind == KindGitHub || t.Kind == KindGitLab || t.Kind == KindGitea
}

// Prints reports whether publishing only prints lines, for a person to put somewhere.
func (t Target) Prints() bool { return t.Kind == KindDNS || t.Kind == KindAllowedSigners }

// Permanent says in a plain sentence whether what is published can be taken back.
func (t Target) Permanent() (sentence string, permanent bool) {
	switch t.Kind {
	case KindHKP:
		return "Key servers never delete: key and user ids stay public for good, and other servers copy them.", true
	case KindVKS:
		return "The key itself stays public for good. An address becomes public once its mail is confirmed, and can be withdrawn there.", true
	case KindWKD:
		return "Public as soon as the folder is served. You can take the files away; copies may remain.", false
	case KindGitHub, KindGitLab, KindGitea:
		return "Public on your account's page. You can take it away there; copies may remain.", false
	case KindFile:
		return "Public with the file; once pushed, it stays in the repository's history.", false
	}
	return "Nothing is sent: the lines are printed.", false
}
