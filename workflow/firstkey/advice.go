package firstkey

import (
	"errors"
	"strings"

	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/workflow/finding"
)

// Advice is a remark about what a person typed; with finding.Error the key cannot be made so.
type Advice struct {
	Severity finding.Severity
	Text     string // plain sentences; may quote what was typed
}

// JudgeName judges the name in the user id.
func (s Start) JudgeName(name string) (out []Advice) {
	if _, err := (store.GenerateParams{Name: name, Email: "a@example.org"}).UserID(); err != nil {
		return []Advice{refusal(err)}
	}
	if strings.TrimSpace(name) == "" {
		out = append(out, Advice{finding.Warning, "Without a name people see the address alone."})
	}
	return out
}

// JudgeAddress judges the main address against what makes a key findable, and against the address
// that git writes into tags. also are the key's other addresses.
func (s Start) JudgeAddress(address string, also []string) (out []Advice) {
	address = strings.TrimSpace(address)
	if address == "" {
		return []Advice{{finding.Error, "A key needs an address: people and servers find it by that."}}
	}
	if _, err := (store.GenerateParams{Name: "x", Email: address}).UserID(); err != nil {
		return []Advice{refusal(err)}
	}
	if forge, no := publish.NoReply(address); no {
		out = append(out, Advice{finding.Warning, "No mail reaches this address, which hides yours on " + forge + ": keys.openpgp.org cannot confirm it, so the key would not be found by it. Take an address that you read, and this one as a further one."})
	} else if _, domain, _ := strings.Cut(address, "@"); !strings.Contains(domain, ".") {
		out = append(out, Advice{finding.Warning, "The part behind the @ is no public domain: no mail reaches this address from outside."})
	}
	if a, ok := s.gitDiffers(append([]string{address}, also...)); ok {
		out = append(out, a)
	}
	return out
}

// JudgeAlso judges a further address.
func (s Start) JudgeAlso(main string, also []string) (out []Advice) {
	seen := map[string]bool{strings.ToLower(strings.TrimSpace(main)): true}
	for _, a := range also {
		if _, err := (store.GenerateParams{Name: "x", Email: a}).UserID(); err != nil {
			return []Advice{refusal(err)}
		}
		if seen[strings.ToLower(a)] {
			return []Advice{{finding.Error, "The address " + a + " is named twice."}}
		}
		seen[strings.ToLower(a)] = true
		if forge, no := publish.NoReply(a); no {
			out = append(out, Advice{finding.Info, a + " is your address on " + forge + " where you hide the real one: with it in the key, tags that bear it count as yours there. Once published it ties your name to that account."})
		}
	}
	return out
}

// gitDiffers warns where tags will bear another address than the key: forges call such tags
// unverified.
func (s Start) gitDiffers(addresses []string) (Advice, bool) {
	git := s.Git.Email
	if git == "" {
		return Advice{}, false
	}
	for _, a := range addresses {
		if strings.EqualFold(strings.TrimSpace(a), git) {
			return Advice{}, false
		}
	}
	text := "git writes " + git + " into tags here (user.email). Forges show a tag as verified only if the key has that address: add it as a further one, or change it in git."
	return Advice{finding.Warning, text}, true
}

// refusal puts a refused part of a user id into a sentence.
func refusal(err error) Advice {
	var p *store.ParamError
	text := err.Error()
	switch {
	case !errors.As(err, &p):
	case p.Reason == "is not an address":
		text = "This is no address; one looks like you@example.org"
	default:
		text = map[string]string{"name": "The name ", "email": "The address "}[p.Field] + p.Reason
	}
	return Advice{finding.Error, text + "."}
}

// Addresses splits what a person typed into single addresses: between commas or blanks.
func Addresses(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\t' })
}

// Refused is the first advice that keeps the key from being made, or "".
func Refused(list []Advice) string {
	for _, a := range list {
		if a.Severity == finding.Error {
			return a.Text
		}
	}
	return ""
}

// Use is what a key is for.
type Use string

// The uses.
const (
	UsePerson  Use = "person"
	UseProject Use = "project"
)

// Uses are all uses in their order.
var Uses = []Use{UsePerson, UseProject}

// Sentence says what the use is.
func (u Use) Sentence() string {
	if u == UseProject {
		return "releases of a project: the key bears the project's name"
	}
	return "what you sign: releases, tags and commits under your own name"
}

// Caution says what speaks against a use, "" for nothing.
func (u Use) Caution() string {
	if u == UseProject {
		return "Several people who share a secret key cannot be told apart, and once one of them leaves it must be replaced. A key for each, all listed in the project's policy, is better; one for a build machine is a good reason."
	}
	return ""
}

// NameFor proposes a name.
func (s Start) NameFor(u Use) string {
	if u == UseProject && s.Project != "" {
		return s.Project + " releases"
	}
	return s.Name
}
