package keys

import (
	"testing"
	"time"
)

// TestUntil: between a moment and the one that Until gives for it, no verdict changes.
func TestUntil(t *testing.T) {
	changes := 0
	follow := func(name string, judge func(now time.Time) (Verdict, time.Time)) {
		t.Helper()
		const step = 30 * time.Minute
		at := testEpoch.Add(-4 * time.Hour)
		before, until := judge(at)
		for range 60 * 2 {
			at = at.Add(step)
			v, next := judge(at)
			if v.Status != before.Status || v.Reason != before.Reason {
				changes++
				if until.IsZero() || until.After(at) {
					t.Errorf("%s: at %s it is %s (%s), but %s (%s) was to hold until %s", name, at, v.Status, v.Reason, before.Status, before.Reason, until)
				}
			}
			before, until = v, next
		}
	}
	for _, c := range gnupgCases(t) {
		ring, _ := ReadKeyring(c.ring, SourceFile)
		sigs := mustSignatures(t, c.sig)
		follow(c.name, func(now time.Time) (Verdict, time.Time) {
			check := (&Judge{Keyring: ring, Now: now}).Begin(sigs)
			_, _ = check.Write([]byte(testText))
			return check.Verdicts(KindArtifact, "data")[0], check.Until()
		})
	}
	f := sshFixture{t, t.TempDir()}
	writeFile(t, f.path("data"), []byte(testText))
	key := f.key("ed", "-t", "ed25519")
	f.key("ca", "-t", "ed25519")
	sig := f.sign("ed", "git")
	form := "20060102150405"
	hour := func(n int) string { return testEpoch.UTC().Add(time.Duration(n)*time.Hour).Format(form) + "Z" }
	window := `valid-after="` + hour(1) + `",valid-before="` + hour(5) + `" `
	cert := f.sign(f.certify("ca", "ed", "cert", "-n", "a@x", "-V", hour(2)+":"+hour(4))+"-cert.pub", "git")
	for _, c := range []struct {
		name, line string
		sig        []byte
		made       time.Time
	}{
		{"SSH", "a@x " + key, sig, testEpoch.Add(3 * time.Hour)},
		{"SSH, bounded", "a@x " + window + key, sig, testEpoch.Add(3 * time.Hour)},
		{"SSH, bounded, no date", "a@x " + window + key, sig, time.Time{}},
		{"SSH certificate", "a@x cert-authority " + f.public("ca"), cert, testEpoch.Add(3 * time.Hour)},
		{"SSH certificate, no date", "a@x cert-authority," + window + f.public("ca"), cert, time.Time{}},
	} {
		ring, err := ReadKeyring([]byte(c.line), SourceFile)
		if err != nil {
			t.Fatal(err)
		}
		sigs := mustSignatures(t, c.sig)
		follow(c.name, func(now time.Time) (Verdict, time.Time) {
			check := (&Judge{Keyring: ring, Now: now}).Begin(sigs)
			_, _ = check.Write([]byte(testText))
			check.MadeAt(c.made)
			return check.Verdicts(KindTag, "v1")[0], check.Until()
		})
	}
	if changes < 40 {
		t.Errorf("only %d verdicts changed: this proves little", changes)
	}
}
