package store

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// maxLifetime is the longest lifetime that OpenPGP can express: 32 bits of seconds, 136 years
// (RFC 9580, section 5.2.3.13).
const maxLifetime = math.MaxUint32 * time.Second

// ParseLifetime reads how long a key shall last from now: a number of days, weeks, months or
// years ("90d", "6 weeks", "18m", "2y"), a date ("2028-01-31"), or "never", which is 0. Months and
// years are those of the calendar. A date means noon UTC, as with GnuPG, so that it reads the
// same in nearly every time zone. The error is a *LifetimeError.
func ParseLifetime(s string, now time.Time) (time.Duration, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	fail := func(reason string) (time.Duration, error) {
		return 0, &LifetimeError{Text: s, Reason: reason}
	}
	if text == "never" {
		return 0, nil
	}
	end, err := time.Parse(time.DateOnly, text)
	if err == nil {
		end = end.Add(12 * time.Hour)
	} else if end = addPeriod(now, text); end.IsZero() {
		return fail(`write it as "2y", "18m", "90d", "2028-01-31" or "never"`)
	}
	seconds := end.Unix() - now.Unix()
	switch {
	case seconds <= 0:
		return fail("it is not in the future")
	case seconds > int64(maxLifetime/time.Second):
		return fail("a key can last at most 136 years; \"never\" has no end")
	}
	return time.Duration(seconds) * time.Second, nil
}

// addPeriod adds "2y", "2 years" and the like to now; the zero time means that text is no period.
func addPeriod(now time.Time, text string) time.Time {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.ParseUint(text[:digits], 10, 16)
	if err != nil {
		return time.Time{}
	}
	switch k := int(n); strings.TrimSpace(text[digits:]) {
	case "d", "day", "days":
		return now.AddDate(0, 0, k)
	case "w", "week", "weeks":
		return now.AddDate(0, 0, 7*k)
	case "m", "month", "months":
		return now.AddDate(0, k, 0)
	case "y", "year", "years":
		return now.AddDate(k, 0, 0)
	}
	return time.Time{}
}
