package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

// TestChainDates changes a policy long after one of its signers, Rhea, had to stop. Dates are hers
// to choose, both that of the commit and that in a signature of OpenPGP.
func TestChainDates(t *testing.T) {
	p := newProject(t, "Rhea", "Odo")
	sshKey, sshName, sshLine := newSSHKey(t)
	const oneDay = 24 * time.Hour
	start := time.Now().Truncate(time.Second)
	later := start.Add(180 * oneDay) // to here the project has come
	until := start.Add(30 * oneDay)
	signer := func(name, key, more string) string {
		return fmt.Sprintf("[[policy.signer]]\nname = %q\nkeys = [%q]\nsigns = [\"commit\"]\n%s", name, key, more)
	}
	stop := "until = " + until.UTC().Format("\"2006-01-02T15:04:05Z07:00\"") + "\n"
	p.write(FileName, "[policy]\n"+signer("Rhea", string(p.fpr["Rhea"]), stop)+signer("Odo", string(p.fpr["Odo"]), "")+
		signer("Sam", sshName, stop))
	p.write(DefaultKeyring, p.export("Rhea", "Odo")+"\n"+sshLine)
	at := func(when time.Time, what func()) {
		before := p.env
		stamp := when.Format(time.RFC3339)
		p.env = append(append([]string{}, before...), "GIT_COMMITTER_DATE="+stamp, "GIT_AUTHOR_DATE="+stamp)
		defer func() { p.env = before }()
		what()
	}
	change := func(who string) {
		p.write(FileName, p.git("show", "HEAD:"+FileName)+"\n[policy.need]\ncommit = 1\n[policy.algorithms]\nrsa_bits = 4096\n")
		if who != "SSH" {
			p.commit(who)
			return
		}
		p.git("add", "-A")
		p.git("-c", "gpg.format=ssh", "-c", "user.signingkey="+sshKey, "commit", "-q", "-S", "-m", "Change")
	}
	plain := func(when time.Time) {
		at(when, func() { p.write("a.txt", when.String()); p.commit("") })
	}
	root := ""
	at(start, func() { root = p.commit("") })
	for i, tt := range []struct {
		name string
		make func()
		want string
	}{
		{"in time", func() { at(start.Add(oneDay), func() { change("SSH") }) }, "ok Sam"},
		{"too late", func() { at(later, func() { change("SSH") }) }, "broken: The policy lists Sam for this until"},
		{"the clock turned back, OpenPGP", func() { plain(later); at(start, func() { change("Rhea") }) }, "broken: It is dated " + day(start) + ", but it builds on commits of " + day(later)},
		{"the clock turned back, SSH", func() { plain(later); at(start, func() { change("SSH") }) }, "broken: It is dated " + day(start) + ", but it builds on commits of " + day(later)},
		{"only the signature's", func() { plain(later); at(later, func() { change("Rhea") }) }, "broken: Its signature is dated " + day(start)},
		{"by somebody without a term", func() { plain(later); at(later, func() { change("Odo") }) }, "broken: Its signature is dated " + day(start)},
		{"clocks that differ", func() { plain(start.Add(20 * time.Hour)); at(start, func() { change("Odo") }) }, "ok Odo"},
		{"clocks that differ over the end of a term", func() {
			plain(until.Add(time.Hour))
			at(until.Add(-time.Hour), func() { change("SSH") })
		}, "broken: The policy lists Sam for this until " + day(until.Add(-time.Nanosecond)) + ", but what was signed builds on work of "},
		{"before the latest, not the last", func() { plain(later); plain(start); at(start, func() { change("SSH") }) }, "broken: It is dated"},
		{"a date that has not come", func() { plain(start.AddDate(10, 0, 0)); at(start.Add(oneDay), func() { change("SSH") }) }, "ok Sam"},
		{"vouched for by a tag, turned back", func() { plain(later); at(later, func() { change("") }); at(start, func() { p.tag("back", "Rhea") }) }, "broken: It is not signed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.t = t
			p.git("checkout", "-q", "--force", "-b", fmt.Sprintf("case-%d", i), root)
			tt.make()
			if got := datedOutcome(p, root, later.Add(oneDay)); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// datedOutcome is outcome, as of a moment.
func datedOutcome(p *project, root string, now time.Time) string {
	p.t.Helper()
	c := Chain{Repo: p.repo(true), Now: now, Judge: func(kind keys.Kind, name string, payload, signature []byte, made time.Time, extra []byte) []keys.Verdict {
		ring, _ := keys.ReadKeyring(extra, keys.SourceFile)
		sigs, err := keys.ParseSignatures(signature)
		if err != nil {
			return nil
		}
		check := (&keys.Judge{Keyring: ring, Now: now}).Begin(sigs)
		check.MadeAt(made)
		_, _ = check.Write(payload)
		return check.Verdicts(kind, name)
	}}
	_, changes, err := c.Walk(context.Background(), root)
	var broken *ChainError
	switch {
	case errors.As(err, &broken):
		return "broken: " + broken.Reason
	case err != nil:
		p.t.Fatal(err)
	}
	s := "ok"
	for _, x := range changes {
		s += " " + x.By
	}
	return s
}

// newSSHKey makes a key: its file, its fingerprint, and a line of allowed_signers.
func newSSHKey(t *testing.T) (file, fingerprint, line string) {
	t.Helper()
	keygen := keystest.Peer(t, "ssh-keygen")
	file = filepath.Join(t.TempDir(), "id")
	if _, stderr, err := keystest.Run(t, nil, nil, keygen, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, stderr)
	}
	pub, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	out, stderr, err := keystest.Run(t, nil, nil, keygen, "-l", "-f", file+".pub")
	if err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, stderr)
	}
	return file, strings.Fields(out)[1], "sam@example.org " + string(pub)
}
