package policy

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

func release(tag string, vs ...keys.Verdict) Release {
	r := Release{Tag: tag, ID: strings.Repeat("a", 39) + tag[len(tag)-1:]}
	for _, v := range vs {
		v.Target = tag
		r.Verdicts = append(r.Verdicts, v)
	}
	return r
}

func named(name string) func(*keys.Verdict) {
	return func(v *keys.Verdict) { v.Signer.UserIDs = []string{name} }
}

func TestPropose(t *testing.T) {
	history := []Release{
		release("v1", signedBy("", keys.StatusUnsigned)),
		release("v2", signedBy(odo, keys.StatusWeak, at(date(2011, 3, 4)), finding("sha1 signature"), named("Odo \x1b[31m<odo@example.org>"))),
		release("v3", signedBy(odo, keys.StatusGood, at(date(2012, 3, 4)), named("Odo"))),
		release("v4", signedBy(rhea, keys.StatusGoodExpiredSince, at(date(2020, 3, 4)), named(`Rhea "the" \ Release`))),
		release("v5", signedBy(rhea, keys.StatusGood, at(date(2020, 3, 4)), misnamed)),
		release("v6", signedBy(alien, keys.StatusUnknownKey)),
		release("v7", signedBy(image, keys.StatusRevoked, at(date(2021, 1, 1)))),
	}
	imports := []Signer{
		{Name: "Ring", Keys: []keys.Fingerprint{alien}, Signs: []keys.Kind{keys.KindTag}},
		{Name: "Odo again", Keys: []keys.Fingerprint{odo}, Signs: []keys.Kind{keys.KindTag}},
	}
	got := string(Propose(history, imports, testNow).TOML())
	golden(t, "proposal.golden", got)

	p := mustParse(t, got) // what is proposed can be read
	if len(p.Signers) != 3 || p.Signers[0].Name != "Odo [31m<odo@example.org>" {
		t.Fatalf("%+v", p.Signers)
	}
	refused := map[string]bool{}
	for _, r := range p.Check(history, testNow) {
		refused[r.Tag] = r.Undecided
	}
	want := map[string]bool{"v1": false, "v5": false, "v6": true, "v7": false}
	if len(refused) != len(want) {
		t.Errorf("refused %v, want %v", refused, want)
	}
	for tag, undecided := range want {
		if u, ok := refused[tag]; !ok || u != undecided {
			t.Errorf("%s: refused %v undecided %v", tag, ok, u)
		}
	}
	if len(Propose(nil, nil, testNow).Signers) != 0 {
		t.Error("somebody is proposed for an empty history")
	}
}

// golden compares with a file in testdata; with BULLA_UPDATE_GOLDEN set it writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("BULLA_UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestQuote writes everything that Go can hold in a string so that TOML gives it back.
func TestQuote(t *testing.T) {
	for _, s := range []string{"", `"\`, "a\tb\n", "\x00\x1f\x7f", "é\u0085\u202e", "\U0001f512\U000e0001", "plain"} {
		text := "[policy]\nkeyring = " + quote(s) + "\n"
		_, err := Parse([]byte(text))
		if err == nil || strings.Contains(err.Error(), "expected") {
			t.Fatalf("%q: %v", s, err) // it must be the keyring that is refused, or the signers missing
		}
		if e, ok := err.(*SyntaxError); !ok || (!strings.Contains(e.Message, "keyring must be") && !strings.Contains(e.Message, "lists no signer")) {
			t.Errorf("%q written as %s: %v", s, quote(s), err)
		}
	}
}

// TestHistoryOfTwo proposes a policy for a real history of two signers and holds the history
// against it, on disk: the exported keyring is all that is needed.
func TestHistoryOfTwo(t *testing.T) {
	p := newProject(t, "Rhea", "Odo")
	for i, who := range []string{"Rhea", "Odo", "Rhea"} {
		p.write("a.txt", who)
		p.commit("")
		p.tag("v1."+string(rune('0'+i)), who)
	}
	p.git("tag", "-m", "not signed", "v1.9")
	releases := p.releases()
	text := Propose(releases, nil, now()).TOML()
	pol := mustParse(t, string(text))
	if len(pol.Signers) != 2 || !slices.Equal(pol.Fingerprints(), []keys.Fingerprint{p.fpr["Rhea"], p.fpr["Odo"]}) &&
		!slices.Equal(pol.Fingerprints(), []keys.Fingerprint{p.fpr["Odo"], p.fpr["Rhea"]}) {
		t.Fatalf("%s", text)
	}
	all, err := keys.ReadKeyring([]byte(p.gpg("--armor", "--export")), keys.SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	file, missing := pol.KeyringFile(all)
	if len(missing) != 0 {
		t.Fatalf("missing %v", missing)
	}
	tags, err := p.repo(true).Tags(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, tag := range tags {
		if len(tag.Signature) == 0 {
			continue
		}
		vs := judge(keys.KindTag, tag.Name, tag.Payload, tag.Signature, tag.Tagger.When, file)
		pol.Apply(vs, now(), nil)
		if vs[0].OK(false) && vs[0].Trusted != nil {
			passed++
		}
	}
	refused := pol.Check(releases, now())
	if passed != 3 || len(refused) != 1 || refused[0].Tag != "v1.9" || refused[0].Undecided {
		t.Errorf("%d passed, refused %+v", passed, refused)
	}
	// gpg itself takes the KEYS file.
	keysFile, _ := pol.Keys(all)
	home := keystest.GnuPGHome(t)
	if _, stderr, err := keystest.GPG(t, home, keysFile, "--import"); err != nil || !strings.Contains(stderr, "imported: 2") {
		t.Errorf("gpg: %v\n%s", err, stderr)
	}
}

// TestAllowedSigners lets git judge by what is exported.
func TestAllowedSigners(t *testing.T) {
	p := newProject(t)
	keygen := keystest.Peer(t, "ssh-keygen")
	key := filepath.Join(p.dir, ".git", "id")
	if _, stderr, err := keystest.Run(t, nil, nil, keygen, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, stderr)
	}
	pub, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	p.commit("")
	p.git("-c", "gpg.format=ssh", "-c", "user.signingkey="+key, "tag", "-s", "-m", "one", "v1")

	ring, err := keys.ReadKeyring([]byte("ann@example.org,ann "+string(pub)), keys.SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	signers := SignersOf(ring)
	if len(signers) != 1 || signers[0].Name != "ann@example.org,ann" || len(signers[0].Signs) != 3 {
		t.Fatalf("%+v", signers)
	}
	verify := func(from, until time.Time) (string, error) {
		s := signers[0]
		s.From, s.Until = from, until
		pol := &Policy{Signers: []Signer{s, {Name: "Rhea", Keys: []keys.Fingerprint{rhea}, Signs: s.Signs}}}
		file, left := pol.AllowedSigners(ring)
		if !slices.Equal(left, []keys.Fingerprint{rhea}) {
			t.Errorf("left out %v", left)
		}
		path := filepath.Join(t.TempDir(), "allowed")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		// Our judge reads the windows as git does.
		again, err := keys.ReadKeyring(file, keys.SourceFile)
		if err != nil {
			t.Fatal(err)
		}
		if a := again.AllowedSigners()[0]; !a.After.Equal(from) || !a.Before.Equal(until) || a.Namespaces != "git,file" {
			t.Errorf("%s was read as %+v", file, a)
		}
		_, stderr, err := keystest.Run(t, nil, p.env, "git", "-C", p.dir, "-c", "gpg.ssh.allowedSignersFile="+path, "verify-tag", "v1")
		return stderr, err
	}
	day := 24 * time.Hour
	today := time.Now().UTC().Truncate(day)
	for _, tt := range []struct {
		from, until time.Time
		good        bool
	}{
		{time.Time{}, time.Time{}, true},
		{today.Add(-3 * day), today.Add(3 * day), true},
		{time.Time{}, today.Add(-2 * day), false},
		{today.Add(3 * day), time.Time{}, false},
	} {
		if out, err := verify(tt.from, tt.until); (err == nil) != tt.good || (tt.good && !strings.Contains(out, "Good \"git\" signature")) {
			t.Errorf("%v to %v: %v\n%s", tt.from, tt.until, err, out)
		}
	}
}

// Keys in SSH certificates come and go: what is proposed is the authority that vouches for them, once.
func TestProposeAuthority(t *testing.T) {
	history := []Release{
		release("v1", signedBy(alien, keys.StatusGood, certified(image), named("ada@example.org"))),
		release("v2", signedBy(rhea, keys.StatusGood, certified(image), named("ben@example.org"))),
	}
	got := Propose(history, []Signer{{Name: "ada@example.org", Keys: []keys.Fingerprint{image}, Signs: []keys.Kind{keys.KindTag}}}, testNow)
	if len(got.Signers) != 1 || !slices.Equal(got.Signers[0].Keys, []keys.Fingerprint{image}) || len(got.Refused) != 0 {
		t.Errorf("%+v", got)
	}
}
