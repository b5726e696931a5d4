package vault

import (
	"path"
	"strings"
)

// parseDefaultKeychain reads what `security default-keychain` prints, one path in quotes, and
// returns the keychain's name without the folder and the suffix. It lives apart from the macOS
// probe so that it is tested everywhere.
func parseDefaultKeychain(out []byte) (name string, ok bool) {
	if len(out) > 4096 {
		return "", false
	}
	p, ok := strings.CutPrefix(strings.TrimSpace(string(out)), `"`)
	if !ok {
		return "", false
	}
	p, ok = strings.CutSuffix(p, `"`)
	if !ok || p == "" || strings.ContainsAny(p, "\"\n") {
		return "", false
	}
	name = path.Base(p)
	for _, suffix := range []string{"-db", ".keychain"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name, name != "" && name != "." && name != "/"
}
