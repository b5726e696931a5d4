package gitops

import (
	"errors"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"bulla/keys/keystest"
)

// tagNames are names near the rules of git-check-ref-format(1).
var tagNames = []string{
	"v1.0.0", "1.4.0", "release/1.0", "a", "@", "a@b", "a@", "@{", "a@{b", "@a{", "ünïcode-山", "\xff", "a\xe4b",
	"", " ", "a b", "a\tb", "a\nb", "a\x7fb", "a\x01", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a]b", `a\b`,
	".", "..", ".a", "a.", "a..b", "a/.b", "a./b", "a.lock", "a.lock/b", "a/b.lock", "a.LOCK", "lock", ".lock", "a.lock.b",
	"/", "/a", "a/", "a//b", "a/b/c", "-", "-a", "a-", "a/-b", "HEAD", "a/HEAD", "{", "}", "!", "a'b", `a"b`, "a$b", "`x`", "a;b", "a|b", "a&b", "a<b>",
}

// gitRefuses asks the real git.
func gitRefuses(t testing.TB, git, name string) bool {
	t.Helper()
	err := exec.Command(git, "check-ref-format", "refs/tags/"+name).Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return err != nil
}

func TestValidTagName(t *testing.T) {
	git := keystest.Peer(t, "git")
	for _, name := range tagNames {
		err := ValidTagName(name)
		// git check-ref-format leaves these two to git tag.
		want := gitRefuses(t, git, name) || strings.HasPrefix(name, "-") || name == "HEAD"
		if (err != nil) != want {
			t.Errorf("%q: bulla says %v, git refuses: %v", name, err, want)
		}
		var typed *TagNameError
		if err != nil && (!errors.As(err, &typed) || typed.Name != name || typed.Reason == "") {
			t.Errorf("%q: untyped error %v", name, err)
		}
	}
	if ValidTagName("a\x00b") == nil || ValidTagName(strings.Repeat("a", maxTagName+1)) == nil {
		t.Error("NUL or endless name accepted")
	}
}

// TestValidTagNameLikeGit compares some hundred made-up names with git's own judgement.
func TestValidTagNameLikeGit(t *testing.T) {
	git := keystest.Peer(t, "git")
	rng := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "b", "1", ".", "..", "/", "//", "@", "{", "@{", ".lock", "lock", "-", " ", "~", "^", ":", "?", "*", "[", "\\", "\x1f", "\x7f", "é", "\xff", "HEAD"}
	for range 400 {
		var b strings.Builder
		for range 1 + rng.IntN(5) {
			b.WriteString(parts[rng.IntN(len(parts))])
			if rng.IntN(2) == 0 {
				b.WriteByte("abcxyz09"[rng.IntN(8)])
			}
		}
		name := b.String()
		if name[0] == '-' || name == "HEAD" {
			continue
		}
		if got, want := ValidTagName(name) != nil, gitRefuses(t, git, name); got != want {
			t.Errorf("%q: bulla refuses: %v, git: %v", name, got, want)
		}
	}
}

// FuzzValidTagName: what is accepted can be neither an option, nor a path out of refs/tags, nor
// two lines.
func FuzzValidTagName(f *testing.F) {
	for _, n := range tagNames {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if ValidTagName(name) != nil {
			return
		}
		if name == "" || name[0] == '-' || name[0] == '/' || strings.Contains(name, "..") || strings.ContainsAny(name, "\x00\n\r \\:") {
			t.Errorf("accepted %q", name)
		}
		for part := range strings.SplitSeq(name, "/") {
			if part == "" || part[0] == '.' {
				t.Errorf("accepted %q", name)
			}
		}
	})
}
