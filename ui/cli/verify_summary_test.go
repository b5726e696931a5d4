package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"bulla/keys"
)

// written is what a report prints for people.
func written(t *testing.T, r *report, list []keys.Verdict) string {
	t.Helper()
	var out bytes.Buffer
	r.verdicts(list)
	if err := r.write(&out); err != nil && r.code() == 0 {
		t.Fatal(err)
	}
	return out.String()
}

// A release of forty files is three lines, whatever it has: what it is, who signed, how many.
func TestReportSumsUp(t *testing.T) {
	ada := &keys.Signatory{Primary: keys.Fingerprint(strings.Repeat("A", 40)), UserIDs: []string{"Ada <ada@example.org>"}, SignedAt: time.Unix(1e9, 0)}
	bob := &keys.Signatory{Primary: keys.Fingerprint(strings.Repeat("B", 40)), UserIDs: []string{"Bob <bob@example.org>"}}
	verdict := func(kind keys.Kind, target string, status keys.Status, by *keys.Signatory) keys.Verdict {
		return keys.Verdict{Kind: kind, Target: target, Status: status, Signer: by, Reason: "About " + target + "."}
	}
	release := []keys.Verdict{verdict(keys.KindTag, "v1.4.0", keys.StatusGood, ada)}
	for i := range 40 {
		release = append(release, verdict(keys.KindArtifact, fmt.Sprintf("app-%d.tar.gz", i), keys.StatusGood, ada))
	}
	release = append(release, verdict(keys.KindRecord, "dist/bulla-release.json", keys.StatusGood, ada),
		verdict(keys.KindImage, "r.example.org/app:1.4.0", keys.StatusGood, bob))
	sha1 := verdict(keys.KindTag, "v0.1", keys.StatusGood, ada)
	sha1.Weak = []string{"sha1 self-signature on the key"}
	sha1too := sha1
	sha1too.Target = "v0.1.1"
	excepted := verdict(keys.KindTag, "v0.2", keys.StatusAfterExpiry, ada)
	excepted.Excepted, excepted.PolicyReason = true, "Allowed by name."
	old := func(n int) (list []keys.Verdict) {
		for i := range n {
			list = append(list, verdict(keys.KindTag, fmt.Sprintf("v0.%d", i), keys.StatusGoodExpiredSince, ada))
		}
		return list
	}
	no := false
	foreign := verdict(keys.KindTag, "v9", keys.StatusGood, bob)
	foreign.Trusted, foreign.PolicyReason = &no, "The policy does not list this key."
	missing := verdict(keys.KindTag, "v8", keys.StatusUnknownKey, nil)
	for _, c := range []struct {
		name string
		r    report
		list []keys.Verdict
		want string
	}{
		{"a release", report{}, release, `
good         tag v1.4.0, 40 artifacts, record dist/bulla-release.json  by Ada <ada@example.org> AAAA … AAAA
good         image    r.example.org/app:1.4.0  by Bob <bob@example.org> BBBB … BBBB
43 checked, all pass: 43 good
`},
		{"one tag", report{}, release[:1], `
good         tag      v1.4.0  by Ada <ada@example.org> AAAA … AAAA, 2001-09-09
`},
		{"quiet", report{quiet: true}, release, "\n"},
		{"quiet, and something fails", report{quiet: true}, append(release[:3:3], foreign), `
not trusted  tag      v9  by Bob <bob@example.org> BBBB … BBBB
             About v9.
             The policy does not list this key.
`},
		{"failures come last and in full", report{}, append([]keys.Verdict{foreign, missing}, release[:3]...), `
good         tag v1.4.0, 2 artifacts  by Ada <ada@example.org> AAAA … AAAA
not trusted  tag      v9  by Bob <bob@example.org> BBBB … BBBB
             About v9.
             The policy does not list this key.
unknown-key  tag      v8
             About v8.
5 checked, 1 failed, 1 undecided: 1 not trusted, 1 unknown-key, 3 good
`},
		{"expired since", report{}, append(old(3), release[0]), `
good-expired-since 3 tags  by Ada <ada@example.org> AAAA … AAAA
             Made while the key was valid; it has expired, or was replaced, since.
good         tag      v1.4.0  by Ada <ada@example.org> AAAA … AAAA, 2001-09-09
4 checked, all pass: 3 good-expired-since, 1 good
`},
		{"what is noted stands apart", report{}, []keys.Verdict{sha1, release[0], sha1too}, `
good         2 tags  by Ada <ada@example.org> AAAA … AAAA
             noted: sha1 self-signature on the key
good         tag      v1.4.0  by Ada <ada@example.org> AAAA … AAAA, 2001-09-09
3 checked, all pass: 3 good
`},
		{"an exception is no good signature", report{}, []keys.Verdict{excepted, release[0]}, `
good         tag      v1.4.0  by Ada <ada@example.org> AAAA … AAAA, 2001-09-09
after-expiry tag      v0.2  by Ada <ada@example.org> AAAA … AAAA, 2001-09-09
             About v0.2.
             Allowed by name.
2 checked, all pass: 1 after-expiry, 1 good
`},
		{"two signatures on one", report{}, []keys.Verdict{release[1], release[1], release[2], missing, {Kind: keys.KindArtifact, Target: "app-1.tar.gz", Status: keys.StatusBad, Reason: "It was changed."}}, `
good         2 artifacts  by Ada <ada@example.org> AAAA … AAAA
unknown-key  tag      v8
             About v8.
bad          artifact app-1.tar.gz
             It was changed.
3 checked, 1 failed, 1 undecided: 1 good, 1 bad, 1 unknown-key
`},
		{"another signature carries the image", report{}, []keys.Verdict{
			{Kind: keys.KindImage, Target: "i", Status: keys.StatusUnknownKey, Reason: "No key."}, verdict(keys.KindImage, "i", keys.StatusGood, bob), release[0],
		}, `
good         image    i  by Bob <bob@example.org> BBBB … BBBB
good         tag      v1.4.0  by Ada <ada@example.org> AAAA … AAAA, 2001-09-09
unknown-key  image    i
             No key.
2 checked, all pass: 2 good
`},
		{"verbose", report{verbose: true}, release[:2], `
good         tag      v1.4.0  by Ada <ada@example.org> AAAA … AAAA, 2001-09-09
good         artifact app-0.tar.gz  by Ada <ada@example.org> AAAA … AAAA, 2001-09-09
2 checked, all pass: 2 good
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := "\n" + written(t, &c.r, c.list); got != c.want {
				t.Errorf("%s\nwant%s", got, c.want)
			}
		})
	}
}
