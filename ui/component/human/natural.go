package human

import (
	"cmp"
	"strings"
)

// Naturally compares names so that v1.9 goes before v1.10.
func Naturally(a, b string) int {
	for a != "" && b != "" {
		x, y := leading(a), leading(b)
		a, b = a[len(x):], b[len(y):]
		if number(x) && number(y) {
			p, q := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q)); c != 0 {
				return c
			}
			continue
		}
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// leading is the run of digits, or of anything else, that s begins with.
func leading(s string) string {
	for i := range len(s) {
		if number(s[i:i+1]) != number(s[:1]) {
			return s[:i]
		}
	}
	return s
}

func number(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
