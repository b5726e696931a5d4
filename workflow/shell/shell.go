// Package shell writes commands for a person to copy into a POSIX shell.
package shell

import "strings"

// Quote makes one POSIX shell word of s.
func Quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("./_-+:@,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// CosignVerify is the command by which cosign checks an image with a public key, in the file key. It
// demands the signature that names the tag, for others let any signed image pose as this one; "" for
// an image without a tag.
func CosignVerify(key, reference, tag string) string {
	command := "cosign verify --key " + Quote(key)
	if tag != "" {
		command += " -a " + Quote("tag="+tag)
	}
	return command + " --insecure-ignore-tlog " + Quote(reference)
}

// WhyNoLog says why CosignVerify asks no transparency log, which cosign calls insecure.
const WhyNoLog = "no public log is asked, for the key itself tells who signed, and bulla writes to no log"
