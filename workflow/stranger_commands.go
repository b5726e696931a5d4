package workflow

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Command is something a stranger may type to check a release.
type Command struct {
	// Text is the command line, quoted for a POSIX shell; Why says what it shows.
	Text, Why string
}

// StrangerCommands lists the commands by which a stranger checks a release with tools that are
// not bulla. publicKey is the file with the OpenPGP key, imageKey that with the image key; dir is
// where the commands are run, paths are relative to it.
func StrangerCommands(r *Result, dir, publicKey, imageKey string) []Command {
	rel := func(path string) string {
		if p, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(p) {
			path = p
		}
		return quote(path)
	}
	out := []Command{
		{"gpg --import " + rel(publicKey), "the public key, once"},
		{"git verify-tag " + quote(r.Plan.Tag), "the tag"},
	}
	for _, f := range r.Files {
		out = append(out, Command{fmt.Sprintf("gpg --verify %s %s", rel(f.SignaturePath), rel(f.Path)), f.Base()})
	}
	for _, c := range r.Checksums {
		if strings.HasSuffix(c, ".asc") {
			continue
		}
		tool := strings.ToLower(strings.TrimSuffix(filepath.Base(c), "SUMS")) + "sum"
		out = append(out, Command{fmt.Sprintf("(cd %s && %s -c %s)", rel(filepath.Dir(c)), tool, filepath.Base(c)), "all files at once"})
	}
	for _, img := range r.Images {
		if img.TrustServer != "" {
			out = append(out, Command{fmt.Sprintf("DOCKER_CONTENT_TRUST_SERVER=%s docker trust inspect --pretty %s", quote(img.TrustServer), quote(img.Name)), "the image's tag in Content Trust, with a docker before version 29"})
		}
		if !r.Plan.ImageWith.Cosign() {
			continue
		}
		out = append(out, Command{fmt.Sprintf("cosign verify --key %s --insecure-ignore-tlog %s", rel(imageKey), quote(img.Name)), "the image"})
	}
	return append(out, Command{fmt.Sprintf("bulla verify --keys %s --only-keys %s", rel(publicKey), rel(r.Record)), "everything, from the record"})
}

// ShellQuote makes one POSIX shell word of s.
func ShellQuote(s string) string { return quote(s) }

// quote makes one POSIX shell word of s.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("./_-+:@,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
