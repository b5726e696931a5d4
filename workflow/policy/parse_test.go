package policy

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"bulla/keys"
)

const full = `# how we release
[release]
tag = "v{version}"
no_such_key = "of a newer bulla"

[policy]
keyring = "security/release.asc"

[[policy.signer]]
name = "Rhea Release <rhea@example.org>"
keys = ["aaaa aaaa aaaa aaaa aaaa  aaaa aaaa aaaa aaaa aaa1", "SHA256:uU7eVYdWHcSt0UFXJqQNeVgUALRjAGeqCYRTnqsDDiI"]
signs = ["tag", "artifact", "record", "tag"]
from = 2020-01-01
until = "2025-06-30"

[[policy.signer]]
name = "Odo"
keys = ["BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB1"]
signs = ["commit", "tag"]
from = 2021-02-03T04:05:06+01:00

[policy.need]
tag = 2

[policy.algorithms]
hashes = ["sha256", "sha512"]
keys = ["ed25519", "rsa"]
rsa_bits = 3072
refuse_sha1_self_signatures = true

[[policy.exception]]
kind = "tag"
target = "v0.9"
id = "5F0C000000000000000000000000000000000001"
allow = ["weak", "signer"]
reason = "Signed with SHA-1 in 2011."
`

func TestParse(t *testing.T) {
	p := mustParse(t, full)
	want := &Policy{
		Keyring: "security/release.asc",
		Signers: []Signer{
			{"Rhea Release <rhea@example.org>", []keys.Fingerprint{rhea, "B94EDE5587561DC4ADD1415726A40D79581400B4630067AA0984539EAB030E22"},
				[]keys.Kind{"tag", "artifact", "record"}, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)},
			{"Odo", []keys.Fingerprint{odo}, []keys.Kind{"commit", "tag"}, time.Date(2021, 2, 3, 3, 5, 6, 0, time.UTC), time.Time{}},
		},
		Need:       map[keys.Kind]int{"tag": 2},
		Algorithms: Algorithms{[]string{"sha256", "sha512"}, []string{"ed25519", "rsa"}, 3072, false, true},
		Exceptions: []Exception{{"tag", "v0.9", tagID, []Allowance{"weak", "signer"}, "Signed with SHA-1 in 2011."}},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	commented := mustParse(t, strings.Replace(full, `name = "Odo"`, "name = 'Odo' # hello", 1))
	if commented.Digest() != p.Digest() {
		t.Error("a comment changed the digest")
	}
	if mustParse(t, strings.Replace(full, "tag = 2", "tag = 1", 1)).Digest() == p.Digest() {
		t.Error("the digest does not see how many are needed")
	}
	for _, none := range []string{"", "# nothing\n", "[release]\ntag = 'v{version}'\nunknown = 1\n"} {
		if p, err := Parse([]byte(none)); p != nil || err != nil {
			t.Errorf("%q: %v, %v", none, p, err)
		}
	}
}

// TestTableRoundTrip: SaveConfig decodes and encodes the table, which must not change its meaning.
func TestTableRoundTrip(t *testing.T) {
	var doc struct {
		Policy *Table `toml:"policy"`
	}
	if err := toml.Unmarshal([]byte(full), &doc); err != nil {
		t.Fatal(err)
	}
	out, err := toml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if got := mustParse(t, string(out)); got.Digest() != mustParse(t, full).Digest() {
		t.Errorf("the meaning changed:\n%s", out)
	}
}

func TestParseErrors(t *testing.T) {
	swap := func(old, new string) string {
		if !strings.Contains(full, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(full, old, new, 1)
	}
	long := strings.Repeat("x", 2000)
	for _, tt := range []struct {
		name, text string
		line       int
		message    string
	}{
		{"unknown key", swap("rsa_bits", "rsa_bitts"), 28, `unknown key "policy.algorithms.rsa_bitts"`},
		{"unknown key of a signer", swap("until", "till"), 14, `unknown key "policy.signer.till"`},
		{"wrong type", swap("rsa_bits = 3072", "rsa_bits = 'many'"), 28, "wrong type"},
		{"no syntax", swap("[policy.need]", "[policy.need"), 22, ""},
		{"short fingerprint", swap("BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB1", "BBBBBBB1"), 18, "full fingerprint"},
		{"base64 of another length", swap("SHA256:uU7e", "SHA256:"), 11, "full fingerprint"},
		{"no keys", swap(`keys = ["BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB1"]`, "keys = []"), 18, "between 1 and"},
		{"no name", swap(`name = "Odo"`, `name = " "`), 17, "name is missing"},
		{"name in two lines", swap(`name = "Odo"`, `name = "O\ndo"`), 17, "one line"},
		{"long name", swap(`name = "Odo"`, `name = "`+long+`"`), 17, "longer than"},
		{"signs nothing", swap(`signs = ["commit", "tag"]`, ""), 16, "signs must say"},
		{"signs what we do not know", swap(`signs = ["commit", "tag"]`, `signs = ["commits"]`), 19, "signs takes"},
		{"no date", swap("2020-01-01", `"new year"`), 13, "not a date"},
		{"a number for a date", swap("2020-01-01", "2020"), 13, "not a date"},
		{"a table for a date", swap("2020-01-01", "{ year = 2020 }"), 13, "not a date"},
		{"a time without a zone", swap("2020-01-01", "2020-01-01T00:00:00"), 13, "not a date"},
		{"ends before it begins", swap(`"2025-06-30"`, `"2019-06-30"`), 14, "before the beginning"},
		{"more than there are", swap("tag = 2", "tag = 3"), 23, "3 signers are needed for this kind, but 2 are listed"},
		{"fewer than none", swap("tag = 2", "tag = -1"), 23, "-1 signers"},
		{"needed for what nobody signs", swap("tag = 2", "image = 1"), 23, "but 0 are listed"},
		{"unknown hash", swap(`"sha256", `, `"sha257", `), 26, "hashes takes"},
		{"absurd bits", swap("3072", "99999"), 28, "between"},
		{"unknown allowance", swap(`["weak", "signer"]`, `["everything"]`), 35, "allow takes"},
		{"bad can't be allowed", swap(`["weak", "signer"]`, `["bad"]`), 35, "allow takes"},
		{"short id", swap("5F0C000000000000000000000000000000000001", "5F0C"), 34, "whole object id"},
		{"sha-1 of a file", swap(`kind = "tag"`, `kind = "artifact"`), 34, "whole object id"},
		{"no reason", swap("reason = ", "# reason = "), 31, "reason of the exception is missing"},
		{"keyring elsewhere", swap("security/release.asc", "../release.asc"), 7, "within the repository"},
		{"absolute keyring", swap("security/release.asc", "/etc/release.asc"), 7, "within the repository"},
		{"keyring on a drive", swap("security/release.asc", "C:keys"), 7, "within the repository"},
		{"no signers", "x = 1\n\n[policy]\nkeyring = 'k'\n", 3, "lists no signer"},
		{"policy is no table", "policy = 1\n", 1, "wrong type"},
		{"inline", "policy = { signer = [{ name = 'x', keys = ['y'], signs = ['tag'] }] }\n", 1, "full fingerprint"},
		{"too large", strings.Repeat("#", maxSize+1), 0, "larger than 1 MiB"},
		{"too many signers", "[policy]\n" + strings.Repeat("[[policy.signer]]\n", maxSigners+1), 2, "more than 1000"},
		{"not UTF-8", "[policy]\nkeyring = \"\xff\"\n", 2, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse([]byte(tt.text))
			var e *SyntaxError
			if p != nil || !errors.As(err, &e) {
				t.Fatalf("got %v, %v", p, err)
			}
			if e.Line != tt.line || !strings.Contains(e.Message, tt.message) {
				t.Errorf("line %d: %s; want line %d, %q", e.Line, e.Message, tt.line, tt.message)
			}
			if strings.Contains(e.Error(), "new year") || strings.Contains(e.Error(), long) {
				t.Error("the error quotes a value")
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{full, basic + images + needTwo + excepted + `["weak"]`, "policy = 1", "[policy]\n[[policy.signer]]\nfrom = {a=[[1]]}", "[[policy]]", "[policy]\nsigner = [{},{name=''}]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		var e *SyntaxError
		switch {
		case err != nil && (p != nil || !errors.As(err, &e) || e.Message == ""):
			t.Fatalf("%v, %#v", p, err)
		case p == nil:
			return
		}
		if len(p.Signers) == 0 || p.Keyring == "" {
			t.Fatalf("%+v", p)
		}
		for _, s := range p.Signers {
			if s.Name == "" || len(s.Keys) == 0 || len(s.Signs) == 0 || (!s.Until.IsZero() && !s.From.Before(s.Until)) {
				t.Fatalf("%+v", s)
			}
		}
		// Whoever is not listed is never trusted where the policy speaks without an exception.
		for _, k := range governed {
			r := p.Evaluate(Target{Kind: k, Name: "v1"}, []keys.Verdict{signedBy("F0", keys.StatusGood)}, testNow)
			if r.Governed && (r.Decisions[0].Trusted == nil || *r.Decisions[0].Trusted) {
				t.Fatalf("%s: %+v", k, r)
			}
		}
	})
}
