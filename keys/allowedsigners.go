package keys

import (
	"bytes"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"bulla/keys/pgp"
)

// allowedSigner is one line of an allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS).
type allowedSigner struct {
	line          string // without comments, for the digest
	principals    []string
	namespaces    string // pattern list; "" allows all
	after, before time.Time
	key           ssh.PublicKey
	authority     bool // the key certifies others (cert-authority) and signs nothing itself
	source        Source
}

var errSignerLine = errors.New("the line in allowed_signers cannot be understood")

// allowedSigners finds the lines of allowed_signers in a text. Other lines are passed over, for
// the text may be a keyring of another kind; a line that names an SSH key and cannot be used is
// a problem.
func allowedSigners(data []byte, src Source) (signers []*allowedSigner, problems []error) {
	for len(data) > 0 {
		var line []byte
		line, data = pgp.CutLine(data)
		line = bytes.TrimLeft(line, " \t")
		if len(line) == 0 || line[0] == '#' || !namesSSHKey(line) {
			continue
		}
		s, err := parseAllowedSigner(string(line))
		if err != nil {
			problems = append(problems, &KeyError{Reason: err.Error()})
			continue
		}
		s.source = src
		signers = append(signers, s)
	}
	return signers, problems
}

func namesSSHKey(line []byte) bool {
	for _, typ := range []string{" ssh-", " ecdsa-sha2-", " sk-", "\tssh-", "\tecdsa-sha2-", "\tsk-"} {
		if bytes.Contains(line, []byte(typ)) {
			return true
		}
	}
	return false
}

func parseAllowedSigner(line string) (*allowedSigner, error) {
	principals, rest, ok := cutPrincipals(line)
	if !ok || strings.IndexByte(line, 0) >= 0 { // where OpenSSH's line ends
		return nil, errSignerLine
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return nil, errSignerLine
	}
	s := &allowedSigner{line: line, principals: strings.Split(principals, ","), key: key}
	if _, isCert := key.(*ssh.Certificate); isCert {
		return nil, errors.New("allowed_signers names a certificate; name its key, or its authority as cert-authority")
	}
	given := map[string]bool{}
	for _, o := range options {
		if err := s.option(o, given); err != nil {
			return nil, err
		}
	}
	switch {
	case given["namespaces"] && s.namespaces == "":
		return nil, errors.New("the line in allowed_signers allows no namespace")
	case given["valid-after"] && given["valid-before"] && !s.after.Before(s.before):
		return nil, errors.New("the line in allowed_signers is valid at no time")
	case !slices.ContainsFunc(s.principals, func(p string) bool { return p != "" && p[0] != '!' }):
		return nil, errors.New("the line in allowed_signers names nobody")
	}
	return s, nil
}

func cutPrincipals(line string) (principals, rest string, ok bool) {
	if quoted, isQuoted := strings.CutPrefix(line, `"`); isQuoted {
		principals, rest, ok = strings.Cut(quoted, `"`)
	} else if i := strings.IndexAny(line, " \t"); i > 0 {
		principals, rest, ok = line[:i], line[i:], true
	}
	return principals, strings.TrimLeft(rest, " \t"), ok && principals != ""
}

// option takes one option of the line; given are those before it. As for OpenSSH, one that is unknown,
// stands there twice or has no quotes around its value makes the line unusable: it may be a
// restriction.
func (s *allowedSigner) option(o string, given map[string]bool) (err error) {
	name, value, valued := strings.Cut(o, "=")
	name = strings.ToLower(name)
	if given[name] {
		return errors.New("the line in allowed_signers has an option twice")
	}
	given[name] = true
	if valued {
		if value, err = dequote(value); err != nil {
			return err
		}
	}
	switch {
	case name == "namespaces" && valued:
		s.namespaces = value
	case name == "valid-after" && valued:
		s.after, err = sshTime(value)
	case name == "valid-before" && valued:
		s.before, err = sshTime(value)
	case name == "cert-authority" && !valued:
		s.authority = true
	default:
		return errors.New("the line in allowed_signers has an unknown option")
	}
	return err
}

// dequote takes the quotes off the value of an option. A backslash lets a quote stand within.
func dequote(value string) (string, error) {
	inner, ok := strings.CutPrefix(value, `"`)
	inner, end := strings.CutSuffix(inner, `"`)
	plain := strings.ReplaceAll(inner, `\"`, "")
	if !ok || !end || strings.Contains(plain, `"`) || strings.HasSuffix(plain, `\`) {
		return "", errors.New("the line in allowed_signers has an option whose value has no quotes")
	}
	return strings.ReplaceAll(inner, `\"`, `"`), nil
}

// sshTime reads YYYYMMDD, YYYYMMDDHHMM and YYYYMMDDHHMMSS, with or without a final Z. OpenSSH
// takes a time without Z for local; here it is always UTC, so that a verdict does not depend
// on where it is reached.
func sshTime(s string) (time.Time, error) {
	s = strings.TrimSuffix(s, "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.Parse(layout, s); err == nil && len(s) == len(layout) && t.Unix() > 0 {
			return t, nil
		}
	}
	return time.Time{}, errors.New("a time in allowed_signers cannot be understood")
}

// matchPatterns matches OpenSSH's pattern lists: comma-separated, with * and ?, where a
// pattern after ! forbids what it matches.
func matchPatterns(list, s string) (matched bool) {
	for p := range strings.SplitSeq(list, ",") {
		p, forbids := strings.CutPrefix(p, "!")
		// Blanks are a part of the pattern. Brackets and backslashes mean nothing to OpenSSH; slashes are like any other letter.
		p = strings.NewReplacer(`\`, `\\`, "[", `\[`, "/", "\x00").Replace(p)
		ok, err := path.Match(p, strings.ReplaceAll(s, "/", "\x00"))
		if err != nil || !ok {
			continue
		}
		if forbids {
			return false
		}
		matched = true
	}
	return matched
}

// describe makes the list's model of the key.
func (a *allowedSigner) describe() Key {
	k := Key{
		Fingerprint: sshFingerprint(a.key),
		UserIDs:     a.principals,
		Algorithm:   a.algorithm(),
		Created:     a.after,
		Expires:     a.before,
		CanSign:     !a.authority,
		CanCertify:  a.authority,
		Source:      a.source,
	}
	if w := a.weakness(); w != "" {
		k.Weak = []string{w}
	}
	return k
}
