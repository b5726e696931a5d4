package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
)

const (
	rhea  = keys.Fingerprint("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1")
	rhea2 = keys.Fingerprint("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2")
	odo   = keys.Fingerprint("BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB1")
	image = keys.Fingerprint("CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC1")
	alien = keys.Fingerprint("EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE1")
	tagID = "5f0c000000000000000000000000000000000001"
)

var testNow = date(2026, 11, 22)

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 12, 0, 0, 0, time.UTC) }

// signedBy is a verdict as the judge makes it.
func signedBy(f keys.Fingerprint, status keys.Status, change ...func(*keys.Verdict)) keys.Verdict {
	v := keys.Verdict{Kind: keys.KindTag, Target: "v1", Status: status, Reason: "Judged.", Claim: keys.Claim{Fingerprint: f}}
	switch status {
	case keys.StatusUnknownKey, keys.StatusBad, keys.StatusUnsigned, keys.StatusMalformed:
	default:
		v.Signer = &keys.Signatory{Fingerprint: f, Primary: f, SignedAt: date(2024, 5, 1), Hash: "sha256", Algorithm: "ed25519"}
	}
	for _, c := range change {
		c(&v)
	}
	return v
}

func at(t time.Time) func(*keys.Verdict)     { return func(v *keys.Verdict) { v.Signer.SignedAt = t } }
func algorithm(a string) func(*keys.Verdict) { return func(v *keys.Verdict) { v.Signer.Algorithm = a } }
func finding(w string) func(*keys.Verdict) {
	return func(v *keys.Verdict) { v.Weak = append(v.Weak, w) }
}

// subkey makes the signature one by a subkey of its signer.
func subkey(f keys.Fingerprint) func(*keys.Verdict) {
	return func(v *keys.Verdict) { v.Signer.Fingerprint = f }
}

// certified makes the signature one with an SSH certificate.
func certified(by keys.Fingerprint) func(*keys.Verdict) {
	return func(v *keys.Verdict) { v.Signer.Authority = by }
}

// misnamed is how workflow reports a tag object under a wrong ref.
func misnamed(v *keys.Verdict) {
	v.Weak = append(v.Weak, FindingTagName)
	v.Trusted, v.PolicyReason = boolean(false), "named differently"
}

const (
	basic = `[policy]
[[policy.signer]]
name = "Rhea"
keys = ["` + string(rhea) + `", "` + string(rhea2) + `"]
signs = ["tag", "artifact"]
from = 2020-01-01
until = 2025-06-30
[[policy.signer]]
name = "Odo"
keys = ["` + string(odo) + `"]
signs = ["tag"]
`
	images   = "[[policy.signer]]\nname = \"Robot\"\nkeys = [\"" + string(image) + "\"]\nsigns = [\"image\"]\nuntil = 2026-01-01\n"
	needTwo  = "[policy.need]\ntag = 2\n"
	excepted = "[[policy.exception]]\nkind = \"tag\"\ntarget = \"v1\"\nid = \"" + tagID + "\"\nreason = \"Compared by hand.\"\nallow = "
)

func mustParse(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEvaluate(t *testing.T) {
	good := func(f keys.Fingerprint, c ...func(*keys.Verdict)) []keys.Verdict {
		return []keys.Verdict{signedBy(f, keys.StatusGood, c...)}
	}
	one := func(f keys.Fingerprint, s keys.Status, c ...func(*keys.Verdict)) []keys.Verdict {
		return []keys.Verdict{signedBy(f, s, c...)}
	}
	both := []keys.Verdict{signedBy(rhea, keys.StatusGood), signedBy(odo, keys.StatusGood)}
	for _, tt := range []struct {
		name, policy string
		kind         keys.Kind // "" for a tag
		verdicts     []keys.Verdict
		// want has for each verdict + (trusted), - (not), 0 (null), and then P (passes) or F.
		want, reason string
		enough       bool
	}{
		{"listed", basic, "", good(rhea), "+P", "trusts Rhea", true},
		{"subkey of a listed key", basic, "", good(rhea, subkey(alien)), "+P", "trusts Rhea", true},
		{"certified by a listed authority", basic, "", good(alien, certified(odo)), "+P", "trusts Odo", true},
		{"certified by another authority", basic, "", good(alien, certified(image)), "-F", string(alien) + " is not listed", false},
		{"listed subkey", basic, "", good(alien, subkey(odo)), "+P", "trusts Odo", true},
		{"not listed", basic, "", good(alien), "-F", string(alien) + " is not listed", false},
		{"not for this kind", basic, keys.KindArtifact, good(odo), "-F", "Odo, but not for signatures on this kind of thing (artifact)", false},
		{"checksums are artifacts", basic, keys.KindChecksum, good(rhea), "+P", "", true},
		{"no word on commits", basic, keys.KindCommit, good(alien), "0P", "", false},
		{"no word on dependencies", basic, keys.KindDependency, good(rhea), "0P", "", false},
		{"first day", basic, "", good(rhea, at(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))), "+P", "", true},
		{"before the first day", basic, "", good(rhea, at(time.Date(2019, 12, 31, 23, 59, 59, 0, time.UTC))), "-F", "from 2020-01-01, but the signature is of 2019-12-31", false},
		{"last day", basic, "", good(rhea, at(time.Date(2025, 6, 30, 23, 59, 59, 0, time.UTC))), "+P", "", true},
		{"after the last day", basic, "", good(rhea, at(time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC))), "-F", "until 2025-06-30, but the signature is of 2025-07-01", false},
		{"no time counts as now", basic + images, keys.KindImage, good(image, at(time.Time{})), "-F", "until 2026-01-01", false},
		{"expired since", basic, "", one(odo, keys.StatusGoodExpiredSince), "+P", "", true},

		{"weak is no matter of trust", basic, "", one(odo, keys.StatusWeak), "+F", "", false},
		{"weak allowed", basic + "[policy.algorithms]\nallow_weak = true\n", "", one(odo, keys.StatusWeak), "+P", "", true},
		{"weak allowed, but not listed", basic + "[policy.algorithms]\nallow_weak = true\n", "", one(alien, keys.StatusWeak), "-F", "", false},
		{"weak allowed, another kind", basic + "[policy.algorithms]\nallow_weak = true\n", keys.KindCommit, one(alien, keys.StatusWeak), "0F", "", false},
		{"revoked", basic, "", one(odo, keys.StatusRevoked), "+F", "", false},
		{"bad", basic, "", one(odo, keys.StatusBad), "0F", "", false},
		{"unsigned", basic, "", one("", keys.StatusUnsigned), "0F", "", false},
		{"unknown", basic, "", one(alien, keys.StatusUnknownKey), "0F", "", false},
		{"unknown, but listed", basic, "", one(odo, keys.StatusUnknownKey), "0F", "its keyring lacks it", false},

		{"hash", basic + "[policy.algorithms]\nhashes = [\"sha512\"]\n", "", good(odo), "-F", "the hash sha256", false},
		{"key", basic + "[policy.algorithms]\nkeys = [\"rsa\"]\n", "", good(odo), "-F", "ed25519 keys", false},
		{"key by family", basic + "[policy.algorithms]\nkeys = [\"rsa\"]\n", "", good(odo, algorithm("rsa4096")), "+P", "", true},
		{"key by name", basic + "[policy.algorithms]\nkeys = [\"nistp256\"]\n", "", good(odo, algorithm("nistp256")), "+P", "", true},
		{"short rsa", basic + "[policy.algorithms]\nrsa_bits = 3072\n", "", good(odo, algorithm("rsa2048")), "-F", "at least 3072 bits, this one has 2048", false},
		{"long rsa", basic + "[policy.algorithms]\nrsa_bits = 3072\n", "", good(odo, algorithm("rsa3072")), "+P", "", true},
		{"self-signature shown", basic, "", good(odo, finding("sha1 self-signature on the key")), "+P", "", true},
		{"self-signature refused", basic + "[policy.algorithms]\nrefuse_sha1_self_signatures = true\n", "", good(odo, finding("sha1 self-signature on the key")), "-F", "self-signature", false},

		{"two of two", basic + needTwo, "", both, "+P+P", "", true},
		{"one of two", basic + needTwo, "", good(rhea), "-F", "wants 2 signers, and only 1 signed: Rhea", false},
		{"two keys of one person", basic + needTwo, "", []keys.Verdict{signedBy(rhea, keys.StatusGood), signedBy(rhea2, keys.StatusGood)}, "-F-F", "only 1 signed: Rhea", false},
		{"the same twice", basic + needTwo, "", []keys.Verdict{signedBy(rhea, keys.StatusGood), signedBy(rhea, keys.StatusGood)}, "-F-F", "", false},
		{"one and a stranger", basic + needTwo, "", []keys.Verdict{signedBy(rhea, keys.StatusGood), signedBy(alien, keys.StatusGood)}, "-F-F", "", false},
		{"one and a bad one", basic + needTwo, "", []keys.Verdict{signedBy(rhea, keys.StatusGood), signedBy(odo, keys.StatusBad)}, "-F0F", "", false},
		{"one and a weak one", basic + needTwo, "", []keys.Verdict{signedBy(rhea, keys.StatusGood), signedBy(odo, keys.StatusWeak)}, "-F+F", "", false},
		{"one and one nobody can tell", basic + needTwo, "", []keys.Verdict{signedBy(rhea, keys.StatusGood), signedBy(odo, keys.StatusUnknownKey)}, "0P0F", "Rhea signed, and who else did cannot be told", false},
		{"one and one nobody can tell, on an image", strings.ReplaceAll(basic, `"tag"`, `"image"`) + strings.ReplaceAll(needTwo, "tag", "image"), keys.KindImage, []keys.Verdict{signedBy(rhea, keys.StatusGood), signedBy(odo, keys.StatusUnknownKey)}, "-F0F", "only 1 signed: Rhea", false},
		{"too few, excepted", basic + needTwo + excepted + `["threshold"]`, "", good(rhea), "+P", "", true},

		{"exception for a weak one", basic + excepted + `["weak"]`, "", one(odo, keys.StatusWeak), "+P", "exception: Compared by hand.", true},
		{"exception for another finding", basic + excepted + `["revoked"]`, "", one(odo, keys.StatusWeak), "+F", "", false},
		{"exception for a stranger", basic + excepted + `["signer"]`, "", good(alien), "+P", "exception", true},
		{"exception is not for the weak stranger", basic + excepted + `["weak"]`, "", one(alien, keys.StatusWeak), "-F", "not listed", false},
		{"exception for both", basic + excepted + `["weak", "signer"]`, "", one(alien, keys.StatusWeak), "+P", "", true},
		{"exception for unsigned", basic + excepted + `["unsigned"]`, "", one("", keys.StatusUnsigned), "+P", "exception", true},
		{"exception for a lost key", basic + excepted + `["unknown-key"]`, "", one(alien, keys.StatusUnknownKey), "+P", "exception", true},
		{"no exception for bad", basic + excepted + `["unknown-key", "weak", "signer", "unsigned", "revoked"]`, "", one(odo, keys.StatusBad), "0F", "", false},
		{"exception for algorithms", basic + "[policy.algorithms]\nhashes = [\"sha512\"]\n" + excepted + `["algorithm"]`, "", good(odo), "+P", "", true},
		{"exception for a self-signature", basic + "[policy.algorithms]\nrefuse_sha1_self_signatures = true\n" + excepted + `["self-signature"]`, "", good(odo, finding("sha1 self-signature on the key")), "+P", "", true},
		{"misnamed", basic, "", good(odo, misnamed), "-F", "named differently", false},
		{"misnamed, no word on the kind", strings.ReplaceAll(basic, `"tag"`, `"record"`), "", good(odo, misnamed), "-F", "named differently", false},
		{"misnamed, excepted", basic + excepted + `["tag-name"]`, "", good(odo, misnamed), "+P", "exception", true},
		{"misnamed stranger, excepted", basic + excepted + `["tag-name"]`, "", good(alien, misnamed), "-F", "not listed", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustParse(t, tt.policy)
			kind := tt.kind
			if kind == "" {
				kind = keys.KindTag
			}
			before := slices.Clone(tt.verdicts)
			r := p.Evaluate(Target{Kind: kind, Name: "v1", ID: tagID}, tt.verdicts, testNow)
			got := ""
			for i, d := range r.Decisions {
				v := tt.verdicts[i]
				if v.Trusted != before[i].Trusted || v.Excepted {
					t.Error("Evaluate changed a verdict")
				}
				v.Trusted, v.Excepted = d.Trusted, d.Excepted
				got += map[bool]string{true: "+", false: "-"}[d.Trusted != nil && *d.Trusted]
				if d.Trusted == nil {
					got = got[:len(got)-1] + "0"
				}
				got += map[bool]string{true: "P", false: "F"}[v.OK(false)]
			}
			if got != tt.want || r.Enough != tt.enough {
				t.Errorf("got %s enough %v, want %s %v: %+v", got, r.Enough, tt.want, tt.enough, r)
			}
			if !strings.Contains(r.Decisions[0].Reason, tt.reason) {
				t.Errorf("reason %q, want %q", r.Decisions[0].Reason, tt.reason)
			}
		})
	}
}

// TestExceptionFits holds an exception for one object against others.
func TestExceptionFits(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	p := mustParse(t, basic+excepted+`["unsigned"]`+`
[[policy.exception]]
kind = "artifact"
target = "widget.tar.gz"
id = "sha256:`+strings.ToUpper(sum)+`"
allow = ["unsigned"]
reason = "x"
[[policy.exception]]
kind = "commit"
id = "`+tagID+`"
allow = ["unsigned"]
reason = "x"
`)
	for _, tt := range []struct {
		target Target
		want   bool
	}{
		{Target{Kind: keys.KindTag, Name: "v1", ID: tagID}, true},
		{Target{Kind: keys.KindTag, Name: "v1", ID: strings.ToUpper(tagID)}, true},
		{Target{Kind: keys.KindTag, Name: "v1", ID: ""}, false},
		{Target{Kind: keys.KindTag, Name: "v1", ID: strings.Repeat("0", 40)}, false},
		{Target{Kind: keys.KindTag, Name: "v2", ID: tagID}, false}, // the same object under another name
		{Target{Kind: keys.KindArtifact, Name: "v1", ID: tagID}, false},
		{Target{Kind: keys.KindArtifact, Name: "widget.tar.gz", ID: sum}, true},
		{Target{Kind: keys.KindArtifact, Name: "/tmp/dist/widget.tar.gz", ID: sum}, true},
		{Target{Kind: keys.KindChecksum, Name: "dist/widget.tar.gz", ID: "sha256:" + sum}, true},
		{Target{Kind: keys.KindArtifact, Name: "evilwidget.tar.gz", ID: sum}, false},
		{Target{Kind: keys.KindRecord, Name: "widget.tar.gz", ID: sum}, false},
		{Target{Kind: keys.KindCommit, Name: "HEAD~3", ID: tagID}, true},
	} {
		if got := p.exception(tt.target) != nil; got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.target, got, tt.want)
		}
	}
}

func TestApply(t *testing.T) {
	p := mustParse(t, basic+needTwo+excepted+`["threshold"]`)
	vs := []keys.Verdict{signedBy(rhea, keys.StatusGood), signedBy(rhea, keys.StatusGood), signedBy(odo, keys.StatusGood)}
	vs[1].Target, vs[2].Target = "v2", "v2"
	asked := ""
	for range 2 { // once more changes nothing
		results := p.Apply(vs, testNow, func(v keys.Verdict) string { asked += v.Target; return tagID })
		if len(results) != 2 || !results[0].Enough || !results[1].Enough {
			t.Fatalf("%+v", results)
		}
		for _, v := range vs {
			if !v.OK(false) || v.Trusted == nil {
				t.Errorf("%+v", v)
			}
		}
	}
	if asked != "v1v1" {
		t.Errorf("asked for the id of %q, want that of the excepted target alone", asked)
	}
	var none *Policy
	if none.Apply(vs[:1], testNow, nil) != nil || none.Digest() != "" {
		t.Error("a nil policy speaks")
	}
}
