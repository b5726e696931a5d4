// Package human writes sizes, times and fingerprints the way people read them.
package human

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bulla/keys"
	"bulla/ui/theme"
)

// Size is a number of bytes in decimal units: "812 B", "12.1 MB".
func Size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		f /= 1000
		if f < 999.95 {
			return strconv.FormatFloat(f, 'f', 1, 64) + " " + unit
		}
	}
	return strconv.FormatFloat(f/1000, 'f', 1, 64) + " PB"
}

// Seconds is a duration at work: "0.1 s", "12 s", "3 min 5 s", "2 h 4 min".
func Seconds(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(max(d, 0).Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// Date is a day: "12 Mar 2026".
func Date(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

// Span is the coarse distance between two times: "1 y 4 mo", "3 mo", "12 days", "5 h", "2 min", "40 s".
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	days := int(d / day)
	switch {
	case days >= 365:
		y, m := days/365, days%365/30
		if m == 0 {
			return fmt.Sprintf("%d y", y)
		}
		return fmt.Sprintf("%d y %d mo", y, min(m, 11))
	case days >= 60:
		return fmt.Sprintf("%d mo", days/30)
	case days >= 2:
		return fmt.Sprintf("%d days", days)
	case d >= time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(max(d, 0).Seconds()))
	}
	return fmt.Sprintf("%d min", int(d.Minutes()))
}

// Expiry says when something ends, seen from now: "never expires", "expires in 1 y 4 mo",
// "expired 12 Mar 2026".
func Expiry(at, now time.Time) string {
	switch {
	case at.IsZero():
		return "never expires"
	case !now.Before(at):
		return "expired " + Date(at)
	}
	return "expires in " + Span(at.Sub(now))
}

// Count is a number with its noun: "1 file", "3 files".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// Fingerprint is a fingerprint whose middle is left out: "3E9C … EE87". It is for lists; where
// trust is decided the whole of it is shown.
func Fingerprint(t theme.Theme, f keys.Fingerprint) string {
	if len(f) < 12 {
		return string(f)
	}
	return string(f[:4]) + " " + t.Signs.Ellipsis + " " + string(f[len(f)-4:])
}

// Tail is the last eight digits of a fingerprint, for places too narrow for more.
func Tail(f keys.Fingerprint) string {
	if len(f) < 8 {
		return string(f)
	}
	return string(f[len(f)-8:len(f)-4]) + " " + string(f[len(f)-4:])
}

// Key is what lists show of a fingerprint: its first eight and last eight digits, in groups.
func Key(t theme.Theme, f keys.Fingerprint) string {
	if len(f) < 20 {
		return string(f)
	}
	n := len(f)
	return string(f[:4]) + " " + string(f[4:8]) + " " + t.Signs.Ellipsis + " " + string(f[n-8:n-4]) + " " + string(f[n-4:])
}

// FingerprintLines is a whole fingerprint in groups of four, over as many lines of at most width
// columns as it takes; it breaks in the middle first.
func FingerprintLines(f keys.Fingerprint, width int) []string {
	whole := f.Grouped()
	if len(whole) <= width {
		return []string{whole}
	}
	first, second, _ := strings.Cut(whole, "  ")
	if len(first) <= width {
		return []string{first, second}
	}
	var out []string
	per := max(1, (width+1)/5)
	groups := strings.Fields(whole)
	for len(groups) > per {
		out = append(out, strings.Join(groups[:per], " "))
		groups = groups[per:]
	}
	return append(out, strings.Join(groups, " "))
}

// Commit is the short form of a commit's id.
func Commit(id string) string { return id[:min(7, len(id))] }

// Digest is an image's digest with its middle left out: "sha256:9f2c…71aa".
func Digest(t theme.Theme, d string) string {
	algorithm, hex, ok := strings.Cut(d, ":")
	if !ok || len(hex) <= 16 {
		return d
	}
	return algorithm + ":" + hex[:8] + t.Signs.Ellipsis + hex[len(hex)-8:]
}
