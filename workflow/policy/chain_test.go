package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// outcome words what a walk came to: "ok" with the changes, "broken COMMIT: reason", or
// "root: reason".
func outcome(p *project, root string, withGit bool) string {
	p.t.Helper()
	c := Chain{Repo: p.repo(withGit), Judge: judge, Now: now()}
	policy, changes, err := c.Walk(context.Background(), root)
	var broken *ChainError
	var rootless *RootError
	switch {
	case errors.As(err, &broken):
		return "broken " + broken.Commit + ": " + broken.Reason
	case errors.As(err, &rootless):
		return "root: " + rootless.Reason
	case err != nil:
		p.t.Fatal(err)
	}
	head, err := c.Repo.ReadFile(context.Background(), "HEAD", FileName)
	if err != nil {
		p.t.Fatal(err)
	}
	if mustParse(p.t, string(head)).Digest() != policy.Digest() {
		p.t.Error("the policy is not that of HEAD")
	}
	s := "ok"
	for _, x := range changes {
		s += " " + x.By
		if x.Through != "" {
			s += "/" + x.Through
		}
	}
	return s
}

// TestChain builds on one repository, so that keys are made once: each case starts from the same
// root on a branch of its own.
func TestChain(t *testing.T) {
	const commits, tags = `"commit", "tag"`, `"tag"`
	p := newProject(t, "Rhea", "Odo", "Mallory")
	p.write("a.txt", "one")
	before := p.commit("")
	p.policy(commits, "Rhea")
	root := p.commit("") // the verifier chose it: nobody need have signed it
	broken := ""         // the commit that a case expects to break
	for i, tt := range []struct {
		name string
		make func()
		want string // %s is the broken commit
	}{
		{"nothing changed", func() { p.write("a.txt", "two"); p.commit("") }, "ok"},
		{"changed by the trusted one", func() { p.policy(commits, "Rhea", "Odo"); p.commit("Rhea") }, "ok Rhea"},
		{"one lets the next in", func() {
			p.policy(commits, "Rhea", "Odo")
			p.commit("Rhea")
			p.write("a.txt", "between")
			p.commit("")
			p.policy(commits, "Odo")
			p.commit("Odo")
		}, "ok Rhea Odo"},
		{"unsigned", func() { p.policy(commits, "Rhea", "Mallory"); broken = p.commit("") }, "broken %s: It is not signed"},
		{"lets oneself in", func() { p.policy(commits, "Rhea", "Mallory"); broken = p.commit("Mallory") }, "broken %s: The key"},
		{"no longer trusted", func() {
			p.policy(commits, "Odo")
			p.commit("Rhea")
			p.policy(commits, "Rhea")
			broken = p.commit("Rhea")
		}, "broken %s: The key"},
		{"the keyring alone", func() {
			p.write(DefaultKeyring, p.export("Rhea", "Mallory"))
			broken = p.commit("Mallory")
		}, "broken %s: "},
		{"the keyring, signed", func() { p.write(DefaultKeyring, p.export("Rhea", "Odo")); p.commit("Rhea") }, "ok Rhea"},
		{"another keyring", func() {
			p.policy(commits, "Rhea")
			p.write(FileName, strings.Replace(p.git("show", "HEAD:"+FileName), "[policy]", "[policy]\nkeyring = 'ring.asc'", 1))
			p.write("ring.asc", p.export("Rhea"))
			p.commit("Rhea")
			p.write("ring.asc", p.export("Mallory"))
			broken = p.commit("")
		}, "broken %s: It is not signed"},
		{"comments are free", func() {
			p.write(FileName, "# hello\n"+p.git("show", "HEAD:"+FileName)+"\n[release]\ntag = 'v{version}'\n")
			p.commit("")
		}, "ok"},
		{"a signed tag on it", func() {
			p.policy(commits, "Rhea", "Odo")
			p.commit("")
			p.tag("on", "Rhea")
		}, "ok Rhea/on"},
		{"a signed tag later", func() {
			p.policy(commits, "Rhea", "Odo")
			p.commit("")
			p.write("a.txt", "later")
			p.commit("")
			p.tag("later", "Rhea")
			p.commit("")
		}, "ok Rhea/later"},
		{"a stranger's tag", func() {
			p.policy(commits, "Rhea", "Mallory")
			broken = p.commit("")
			p.tag("strange", "Mallory")
		}, "broken %s: It is not signed"},
		{"a tag beside the line", func() {
			p.git("checkout", "-q", "-b", "side")
			p.write("b.txt", "side")
			p.commit("")
			p.tag("side-tag", "Rhea")
			p.git("checkout", "-q", "-")
			p.policy(commits, "Rhea", "Mallory")
			broken = p.commit("")
		}, "broken %s: "},
		{"a tag vouches for the state at it", func() {
			p.policy(commits, "Rhea", "Mallory")
			p.commit("")
			p.policy(commits, "Rhea")
			p.commit("Mallory") // Mallory undoes it: what Rhea tagged is the root's policy
			p.tag("undone", "Rhea")
			p.policy(commits, "Rhea", "Mallory", "Odo")
			broken = p.commit("Mallory") // and was never let in
		}, "broken %s: The key"},
		{"an old tag under a new name", func() {
			p.policy(commits, "Rhea", "Mallory")
			broken = p.commit("")
			p.tag("posing", "Rhea")
			p.git("update-ref", "refs/tags/other", "refs/tags/posing")
			p.git("tag", "-d", "posing")
		}, "broken %s: It is not signed"},
		{"tag signers where nobody is listed for commits", func() {
			p.policy(tags, "Odo")
			p.commit("Rhea")
			p.policy(tags, "Odo", "Rhea")
			p.commit("Odo")
		}, "ok Rhea Odo"},
		{"removed and made anew", func() {
			p.write(FileName, "[release]\ntag = 'v{version}'\n")
			broken = p.commit("Rhea")
			p.policy(commits, "Rhea")
			p.commit("Rhea")
		}, "broken %s: It removed the policy"},
		{"file removed", func() {
			p.git("rm", "-q", FileName)
			broken = p.commit("Rhea")
			p.policy(commits, "Rhea", "Mallory")
			p.commit("Rhea")
		}, "broken %s: It removed the policy"},
		{"made unreadable", func() {
			p.write(FileName, "[policy]\nwhat = 1\n")
			broken = p.commit("Rhea")
			p.policy(commits, "Rhea", "Mallory")
			p.commit("Rhea")
		}, "broken %s: The policy there cannot be read: line 2"},
		{"brought in by a merge", func() {
			p.git("checkout", "-q", "-b", "feature")
			p.policy(commits, "Rhea", "Mallory")
			p.commit("Rhea") // Rhea's signature on a branch is none on the merge
			p.git("checkout", "-q", "-")
			p.write("c.txt", "main")
			p.commit("")
			p.git("merge", "-q", "--no-ff", "--no-gpg-sign", "-m", "Merge", "feature")
			broken = p.git("rev-parse", "HEAD")
		}, "broken %s: It is not signed"},
		{"dodged by a merge from an old commit", func() {
			main := strings.TrimSpace(p.git("branch", "--show-current"))
			p.policy(commits, "Odo")
			p.commit("Rhea") // Rhea has left
			p.git("checkout", "-q", "-b", main+"-dodge", root)
			p.policy(commits, "Rhea", "Mallory")
			p.commit("Rhea") // by the root's policy she may
			p.git("merge", "-q", "--no-ff", "-s", "ours", "-S"+string(p.fpr["Rhea"]), "-m", "Merge", main)
			broken = p.git("rev-parse", "HEAD")
		}, "broken %s: It brings a line on which"},
		{"dodged by a merge within a merge", func() {
			main := strings.TrimSpace(p.git("branch", "--show-current"))
			p.policy(commits, "Odo")
			p.commit("Rhea")
			p.git("checkout", "-q", "-b", main+"-x", root)
			p.policy(commits, "Rhea", "Mallory")
			p.commit("Rhea")
			p.git("checkout", "-q", "-b", main+"-y")
			p.git("merge", "-q", "--no-ff", "--no-gpg-sign", "-s", "ours", "-m", "Merge", main)
			p.git("checkout", "-q", main+"-x")
			p.git("merge", "-q", "--no-ff", "-S"+string(p.fpr["Rhea"]), "-m", "Merge", main+"-y")
			broken = p.git("rev-parse", "HEAD")
		}, "broken %s: It brings a line on which"},
		{"dodged on top of the branch as it was", func() {
			main := strings.TrimSpace(p.git("branch", "--show-current"))
			p.policy(commits, "Odo")
			p.commit("Rhea")
			p.git("checkout", "-q", "-b", main+"-top")
			p.policy(commits, "Rhea")
			p.commit("Mallory") // as if nothing had been: accepted by nobody
			p.git("checkout", "-q", "-b", main+"-under", root)
			p.policy(commits, "Rhea", "Mallory")
			p.commit("Rhea")
			p.git("merge", "-q", "--no-ff", "-s", "ours", "-S"+string(p.fpr["Rhea"]), "-m", "Merge", main+"-top")
			broken = p.git("rev-parse", "HEAD")
		}, "broken %s: It brings a line on which"},
		{"dodged, and vouched for by the new signer", func() {
			main := strings.TrimSpace(p.git("branch", "--show-current"))
			p.policy(commits, "Odo")
			p.commit("Rhea")
			p.git("checkout", "-q", "-b", main+"-agreed", root)
			p.policy(commits, "Rhea", "Odo")
			p.commit("Rhea")
			p.git("merge", "-q", "--no-ff", "-s", "ours", "-S"+string(p.fpr["Odo"]), "-m", "Merge", main)
		}, "ok Rhea"},
		{"an unsigned proposal is merged and not taken", func() {
			main := strings.TrimSpace(p.git("branch", "--show-current"))
			p.git("checkout", "-q", "-b", main+"-proposal")
			p.policy(commits, "Mallory")
			p.commit("Mallory")
			p.git("checkout", "-q", main)
			p.write("c.txt", "main")
			p.commit("")
			p.git("merge", "-q", "--no-ff", "--no-gpg-sign", "-s", "ours", "-m", "Merge", main+"-proposal")
		}, "ok"},
		{"a branch from before a change is merged", func() {
			main := strings.TrimSpace(p.git("branch", "--show-current"))
			p.git("branch", main+"-old")
			p.policy(commits, "Rhea", "Odo")
			p.commit("Rhea")
			p.git("checkout", "-q", main+"-old")
			p.write("d.txt", "feature")
			p.commit("")
			p.git("checkout", "-q", main)
			p.git("merge", "-q", "--no-ff", "--no-gpg-sign", "-m", "Merge", main+"-old")
		}, "ok Rhea"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.t, broken = t, "none"
			p.git("checkout", "-q", "--force", "-b", fmt.Sprintf("case-%d", i), root)
			p.git("clean", "-qfd")
			tt.make()
			defer func() {
				for l := range strings.Lines(p.git("tag")) {
					p.git("tag", "-d", strings.TrimSpace(l))
				}
			}()
			want := strings.ReplaceAll(tt.want, "%s", broken)
			for _, withGit := range []bool{true, false} {
				got := outcome(p, root, withGit)
				if tt.want[0] == 'o' && got != want || !strings.HasPrefix(got, want) {
					t.Errorf("with git %v: %s, want %s", withGit, got, want)
				}
			}
		})
	}
	p.t = t
	p.git("checkout", "-q", "--force", "-b", "roots", root)
	p.write("a.txt", "on")
	p.commit("")
	for rev, want := range map[string]string{
		before: "root: there is no [policy]", "no-such": "root: there is no such commit", "case-0": "root: HEAD does not descend",
		"roots": "ok", root[:10]: "ok",
	} {
		if got := outcome(p, rev, true); !strings.HasPrefix(got, want) {
			t.Errorf("from %s: %s, want %s", rev, got, want)
		}
	}
}
