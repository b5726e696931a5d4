package gitops

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Ident is a person and a moment, as git writes them into objects. The time keeps the zone it
// was written with. Text is raw: clean it before showing it.
type Ident struct {
	Name  string    `json:"name"`
	Email string    `json:"email"`
	When  time.Time `json:"when"`
}

// String is the form that git objects hold: "Name <address> seconds zone".
func (i Ident) String() string {
	_, off := i.When.Zone()
	sign := 1
	if off < 0 {
		sign, off = -1, -off
	}
	hhmm := sign * (off/3600*100 + off/60%60)
	return fmt.Sprintf("%s <%s> %d %+05d", i.Name, i.Email, i.When.Unix(), hhmm)
}

// cleaned gives the ident the form that git gives it: no line break or angle bracket within,
// no stray punctuation around (strbuf_addstr_without_crud in ident.c).
func (i Ident) cleaned() (Ident, error) {
	i.Name, i.Email = cleanIdentPart(i.Name), cleanIdentPart(i.Email)
	if missing := i.missing(); missing != nil {
		return Ident{}, &IdentityError{Missing: missing}
	}
	if i.When.IsZero() || i.When.Unix() < 0 || i.When.Year() > 9999 {
		return Ident{}, fmt.Errorf("the tagger's time is out of range: %s", i.When)
	}
	return i, nil
}

// missing are the keys of git's configuration that would give i what it lacks.
func (i Ident) missing() (keys []string) {
	if i.Name == "" {
		keys = append(keys, "user.name")
	}
	if i.Email == "" {
		keys = append(keys, "user.email")
	}
	return keys
}

// cleanIdentPart drops what git would. A final dot stays, as since git 2.49: "Jr." is no crud.
func cleanIdentPart(s string) string {
	crud := func(r rune) bool { return r <= 32 || strings.ContainsRune(`,:;<>"\'`, r) }
	s = strings.TrimFunc(s, crud)
	return strings.NewReplacer("\n", "", "<", "", ">", "", "\x00", "").Replace(s)
}

// parseIdent reads an ident line. What is missing or absurd stays zero: history holds lines
// without date, zone, name or brackets.
func parseIdent(line string) Ident {
	open := strings.IndexByte(line, '<')
	end := strings.LastIndexByte(line, '>')
	if open < 0 || end < open {
		return Ident{Name: strings.TrimSpace(line)}
	}
	id := Ident{Name: strings.TrimSpace(line[:open]), Email: line[open+1 : end]}
	f := strings.Fields(line[end+1:])
	if len(f) == 0 {
		return id
	}
	zone := "+0000"
	if len(f) > 1 {
		zone = f[1]
	}
	id.When = parseStamp(f[0], zone)
	return id
}

// parseStamp reads seconds since 1970 and a zone like +0130; the zero time if they make no
// moment between the years 1970 and 9999.
func parseStamp(seconds, zone string) time.Time {
	const year10000 = 253402300800
	sec, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || sec < 0 || sec >= year10000 {
		return time.Time{}
	}
	off := 0
	if n, err := strconv.Atoi(zone); err == nil && n > -10000 && n < 10000 {
		sign := 1
		if n < 0 {
			sign, n = -1, -n
		}
		off = sign * (n/100*3600 + n%100*60)
	}
	return time.Unix(sec, 0).In(time.FixedZone("", off))
}

var rawDate = regexp.MustCompile(`^@?(\d{1,15})(?: ([+-]\d{4}))?$`)

// dateLayouts are the forms of GIT_COMMITTER_DATE beside git's own (git-commit(1), DATE
// FORMATS). Those without a zone are local.
var dateLayouts = []string{
	time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05-0700",
	time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 -0700",
	"Mon Jan 2 15:04:05 2006 -0700", "Mon Jan 2 15:04:05 2006",
	"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006.01.02 15:04:05", "2006.01.02T15:04:05",
	"01/02/2006 15:04:05", "02.01.2006 15:04:05",
}

// parseDate reads GIT_COMMITTER_DATE; loc is the zone of dates without one.
func parseDate(s string, loc *time.Location) (time.Time, error) {
	s = strings.TrimSpace(s)
	if m := rawDate.FindStringSubmatch(s); m != nil {
		t := parseStamp(m[1], m[2])
		if m[2] == "" && !t.IsZero() {
			t = t.In(loc)
		}
		// git takes a bare small number for a day or a year.
		if !t.IsZero() && (s[0] == '@' || t.Unix() >= 100000000) {
			return t, nil
		}
		return time.Time{}, &DateError{Value: s}
	}
	for _, l := range dateLayouts {
		if t, err := time.ParseInLocation(l, s, loc); err == nil && t.Unix() >= 0 {
			return t.Truncate(time.Second), nil
		}
	}
	return time.Time{}, &DateError{Value: s}
}

// Identity is the name, address and moment that git tag would write as tagger:
// GIT_COMMITTER_NAME, _EMAIL and _DATE first, then committer.* and user.* of the configuration,
// then EMAIL. Unlike git it never guesses from the host name; an *IdentityError says what to
// set.
func (r *Repo) Identity(ctx context.Context) (Ident, error) {
	cfg, err := r.config(ctx)
	if err != nil {
		return Ident{}, err
	}
	env := r.opts.Env
	id := Ident{
		Name:  cleanIdentPart(cmp.Or(env("GIT_COMMITTER_NAME"), cfg.last("committer.name"), cfg.last("user.name"))),
		Email: cleanIdentPart(cmp.Or(env("GIT_COMMITTER_EMAIL"), cfg.last("committer.email"), cfg.last("user.email"), env("EMAIL"))),
		When:  r.opts.Now(),
	}
	if d := env("GIT_COMMITTER_DATE"); d != "" {
		if id.When, err = parseDate(d, id.When.Location()); err != nil {
			return Ident{}, err
		}
	}
	if missing := id.missing(); missing != nil {
		return Ident{}, &IdentityError{Missing: missing, Includes: cfg.skipped}
	}
	return id, nil
}
