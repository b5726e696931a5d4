package keydesk

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/store"
)

// faulty makes keys with gpg that have the faults named, and returns each in armor.
func faulty(t *testing.T) map[string][]byte {
	t.Helper()
	home := keystest.GnuPGHome(t)
	if err := os.WriteFile(filepath.Join(home, "gpg-agent.conf"), []byte("s2k-count 65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		out, errOut, err := keystest.GPG(t, home, nil, append([]string{"--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
		if err != nil {
			t.Fatalf("gpg %v: %v\n%s", args, err, errOut)
		}
		return out
	}
	sha1 := []string{"--cert-digest-algo", "SHA1", "--allow-weak-digest-algos"}
	sha256 := []string{"--cert-digest-algo", "SHA256"}
	old := []string{"--faked-system-time", "20240101T000000!"}
	out := map[string][]byte{}
	add := func(name, algorithm, usage, expire string, global ...[]string) string {
		args := append(slices.Concat(global...), "--quick-gen-key", name+" <"+name+"@example.org>", algorithm, usage, expire)
		run(args...)
		fpr := ""
		for l := range strings.SplitSeq(run("--with-colons", "-k", name+"@example.org"), "\n") {
			if f := strings.Split(l, ":"); f[0] == "fpr" && fpr == "" {
				fpr = f[9]
			}
		}
		out[name] = []byte(run("--armor", "--export", fpr))
		return fpr
	}
	add("good", "ed25519", "cert", "2y")
	run("--quick-add-key", add("healthy", "ed25519", "cert", "2y"), "ed25519", "sign", "2y")
	out["healthy"] = []byte(run("--armor", "--export", "healthy@example.org"))
	delete(out, "good")
	add("sha1", "rsa3072", "sign,cert", "2y", sha1)
	add("rsa1024", "rsa1024", "sign,cert", "2y", sha256)
	add("rsa2048", "rsa2048", "sign,cert", "2y", sha256)
	add("dsa1024", "dsa1024", "sign,cert", "2y", sha256)
	add("expired", "ed25519", "sign,cert", "30d", old)
	add("expiring", "ed25519", "sign,cert", "30d")
	add("never", "ed25519", "sign,cert", "never")
	add("certify-only", "ed25519", "cert", "2y")
	add("no-address", "ed25519", "sign,cert", "2y")
	return out
}

// TestCheckKeysOfGnuPG: each fault is found, by the rule and the severity that belong to it, and
// sq refuses the keys of which we say so, and no others.
func TestCheckKeysOfGnuPG(t *testing.T) {
	sq := keystest.Peer(t, "sq")
	w, err := openedPlaces(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	want := map[string]string{
		"healthy": "", "sha1": "error weak-self-signature", "rsa1024": "error weak-key", "rsa2048": "info short-key", "dsa1024": "error weak-key",
		"expired": "error expired", "expiring": "warning expiring", "never": "info no-expiry", "certify-only": "error no-signing-key", "no-address": "info primary-signs",
	}
	for name, armored := range faulty(t) {
		file := filepath.Join(t.TempDir(), name+".asc")
		if err := os.WriteFile(file, append([]byte("a line before\n\n"), armored...), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := w.CheckKeys(context.Background(), []string{file}, CheckOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var rules []string
		refused := false
		for _, f := range found {
			rules = append(rules, string(f.Severity)+" "+string(f.Rule))
			refused = refused || slices.Contains(f.RefusedBy, "sequoia")
			if f.Line != 3 || f.Path != file || f.Message == "" || f.Action == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if want[name] == "" && len(found) > 0 || want[name] != "" && !slices.Contains(rules, want[name]) {
			t.Errorf("%s: %q, want %q", name, rules, want[name])
		}
		sequoiaRefuses(t, sq, name, file, refused)
	}
}

// sequoiaRefuses compares what we say of sq with what sq says.
func sequoiaRefuses(t *testing.T, sq, name, file string, want bool) {
	t.Helper()
	out, errOut, err := keystest.Run(t, nil, nil, sq, "inspect", file)
	if err != nil {
		t.Fatalf("sq inspect: %v\n%s", err, errOut)
	}
	got := strings.Contains(out, "Invalid") || strings.Contains(out, "not considered secure") || strings.Contains(out, "Expired") ||
		strings.Contains(out, "Policy rejected")
	if got != want {
		t.Errorf("%s: refused by sq: %v, we say %v\n%s", name, got, want, out)
	}
}

// TestCheckKeysOfStore: what only the store knows, and what mends it.
func TestCheckKeysOfStore(t *testing.T) {
	ctx := context.Background()
	w, err := openedPlaces(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	g, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ada", Algorithm: store.AlgorithmEd25519, Lifetime: 365 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	rules := func(o CheckOptions, targets ...string) (out []string) {
		found, err := w.CheckKeys(ctx, targets, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Fingerprint != g.Key.Fingerprint {
				t.Errorf("%+v", f)
			}
			out = append(out, string(f.Rule))
		}
		return out
	}
	if got, want := fmt.Sprint(rules(CheckOptions{})), "[no-address key-not-backed-up no-passphrase]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := rules(CheckOptions{}, string(g.Key.Fingerprint), string(g.Key.Fingerprint)); len(got) != 3 {
		t.Errorf("a key that is met twice, as in the store and in GnuPG: %q", got)
	}
	copies := []PublishedCopy{{Place: "keys.example.org"}, {Place: "elsewhere", Current: true}}
	got := rules(CheckOptions{Published: func(keys.Key) []PublishedCopy { return copies }}, string(g.Key.Fingerprint))
	if !slices.Contains(got, string(RuleStale)) || slices.Contains(got, string(RuleNotPublished)) {
		t.Errorf("%q", got)
	}
	got = rules(CheckOptions{Published: func(keys.Key) []PublishedCopy { return nil }}, string(g.Key.Fingerprint))
	if !slices.Contains(got, string(RuleNotPublished)) {
		t.Errorf("%q", got)
	}
	sel := keys.ParseSelector(string(g.Key.Fingerprint))
	if _, err := w.Store.AddUserID(ctx, sel, store.AddUserIDParams{Name: "Ada", Email: "ada@example.org"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ChangePassphrase(ctx, sel, keys.NewSecret([]byte(testPassphrase)), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.BackUp(ctx, sel, filepath.Join(t.TempDir(), "b.asc"), BackupArmored, false, answer); err != nil {
		t.Fatal(err)
	}
	if got := rules(CheckOptions{}); len(got) != 0 {
		t.Errorf("after mending: %q", got)
	}
	if _, err := w.CheckKeys(ctx, []string{"nobody@example.org"}, CheckOptions{}); err == nil {
		t.Error("an unknown key was checked")
	}
}

// TestCheckCorpusKeys: keys that signed real releases. What we say of sq is what sq says.
func TestCheckCorpusKeys(t *testing.T) {
	sq := keystest.Peer(t, "sq")
	files, err := filepath.Glob(filepath.Join(keystest.Corpus(t), "real", "*", "*.asc"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no keys in the corpus: %v", err)
	}
	w, err := openedPlaces(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	checked := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || bytes.Count(data, []byte("BEGIN PGP PUBLIC")) != 1 {
			continue
		}
		ring, err := keys.ReadKeyring(data, keys.SourceFile)
		if err != nil || ring.Len() != 1 {
			continue
		}
		if testing.Short() && checked == 10 {
			break
		}
		checked++
		found, err := w.CheckKeys(context.Background(), []string{file}, CheckOptions{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		refused := slices.ContainsFunc(found, func(f Finding) bool { return slices.Contains(f.RefusedBy, "sequoia") })
		out, _, err := keystest.Run(t, nil, nil, sq, "inspect", file)
		if err != nil {
			continue
		}
		head, _, _ := strings.Cut(out, "UserID:")
		head, _, _ = strings.Cut(head, "Subkey:") // what is said of the key as a whole
		if theirs := strings.Contains(head, "Invalid") || strings.Contains(head, "Expired"); theirs && !refused {
			t.Errorf("%s: sq refuses it, we do not say so: %+v\n%s", file, found, out)
		}
	}
	t.Logf("%d keys", checked)
}
