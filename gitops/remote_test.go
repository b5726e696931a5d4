package gitops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys/limits"
)

// withRemote makes a repository and its bare remote "origin".
func withRemote(t *testing.T, args ...string) (*world, *Repo) {
	t.Helper()
	w := newWorld(t)
	w.plain("r", args...)
	w.git(".", append(append([]string{"init", "-q", "--bare"}, args...), "remote.git")...)
	w.git("r", "remote", "add", "origin", w.path("remote.git"))
	return w, w.open("r", true)
}

func TestPush(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			w, r := withRemote(t, "--object-format="+format)
			ctx := context.Background()
			if id, found, err := r.RemoteTag(ctx, "origin", "v1"); err != nil || found {
				t.Errorf("before: %s %v %v", id, found, err)
			}
			// The user's configuration must not make more of it than one tag.
			w.git("r", "config", "push.followTags", "true")
			w.git("r", "tag", "-am", "other", "other")
			tag := tagWith(t, r, spec("v1", "one"), fakeSignature)
			var out bytes.Buffer
			if err := r.PushTag(ctx, "origin", "v1", &out); err != nil {
				t.Fatalf("push: %v\n%s", err, out.String())
			}
			if !strings.Contains(out.String(), "refs/tags/v1") {
				t.Errorf("git's words were lost: %q", out.String())
			}
			if got := w.git("remote.git", "for-each-ref", "--format=%(objectname) %(refname)"); got != tag.ObjectID+" refs/tags/v1" {
				t.Errorf("the remote has %q", got)
			}
			if id, found, err := r.RemoteTag(ctx, "origin", "v1"); err != nil || !found || id != tag.ObjectID {
				t.Errorf("after: %s %v %v", id, found, err)
			}
			if err := r.PushTag(ctx, "origin", "v1", nil); err != nil {
				t.Errorf("pushing what is there: %v", err)
			}
			if err := r.PushTag(ctx, "origin", "v2", nil); !errors.Is(err, ErrNotFound) {
				t.Errorf("pushing what is not: %v", err)
			}
		})
	}
}

// TestOnRemote: what the last push or fetch told, without asking again.
func TestOnRemote(t *testing.T) {
	w, r := withRemote(t)
	ask := func(want, wantKnown bool) {
		t.Helper()
		on, known, err := r.OnRemote(t.Context(), "origin", w.git("r", "rev-parse", "HEAD"))
		if on != want || known != wantKnown || err != nil {
			t.Errorf("on %v, known %v, %v; want %v, %v", on, known, err, want, wantKnown)
		}
	}
	ask(false, false)
	w.git("r", "push", "-q", "origin", "HEAD:refs/heads/main")
	ask(true, true)
	w.git("r", "commit", "-q", "--allow-empty", "-m", "not pushed")
	ask(false, true)
	if _, _, err := r.OnRemote(t.Context(), "origin", "--help"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an option as a commit: %v", err)
	}
}

// TestPushRefused: the remote says no; we say why, and the local tag stays.
func TestPushRefused(t *testing.T) {
	skipOnWindows(t)
	w, r := withRemote(t)
	ctx := context.Background()
	tag := tagWith(t, r, spec("v1", "one"), fakeSignature)
	stays := func() {
		t.Helper()
		if got, err := r.Tag(ctx, "v1"); err != nil || got.ObjectID != tag.ObjectID {
			t.Errorf("the local tag is %s, %v", got.ObjectID, err)
		}
	}
	hook := w.path("remote.git/hooks/pre-receive")
	w.write("remote.git/hooks/pre-receive", "#!/bin/sh\necho 'hunter3secret' >&2; echo 'Releases are frozen, see https://bot:hunter2secret@ci.example/x?token=abc' >&2\nexit 1\n")
	if err := os.Chmod(hook, 0o755); err != nil {
		t.Fatal(err)
	}
	w.git("r", "remote", "add", "web", "https://ann:hunter3secret@host.example/x")
	var out bytes.Buffer
	err := r.PushTag(ctx, "origin", "v1", &out)
	var push *PushError
	if !errors.As(err, &push) || push.Tag != "v1" || push.Remote != "origin" || push.Rejected != "pre-receive hook declined" || !strings.Contains(push.Output, "Releases are frozen") || !strings.Contains(push.Output, hidden) {
		t.Fatalf("hook: %#v", err)
	}
	for _, text := range []string{out.String(), push.Output, err.Error()} {
		if strings.Contains(text, "hunter2secret") || strings.Contains(text, "hunter3secret") || strings.Contains(text, "token=abc") {
			t.Errorf("a credential came through: %q", text)
		}
	}
	stays()
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}

	w.git("r", "push", "-q", "origin", "HEAD:refs/tags/v1") // somebody else's v1
	if err = r.PushTag(ctx, "origin", "v1", nil); !errors.As(err, &push) || push.Rejected != "already exists" {
		t.Errorf("taken: %v", err)
	}
	stays()

	w.write("r/.git/hooks/pre-push", "#!/bin/sh\necho 'not today' >&2\nexit 1\n")
	if err := os.Chmod(w.path("r/.git/hooks/pre-push"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err = r.PushTag(ctx, "origin", "v1", nil); !errors.As(err, &push) || !strings.Contains(push.Output, "not today") {
		t.Errorf("the user's own hook: %v", err)
	}
	stays()
}

func TestRemoteErrors(t *testing.T) {
	w, r := withRemote(t)
	ctx := context.Background()
	tagWith(t, r, spec("v1", "one"), fakeSignature)
	w.git("r", "remote", "add", "gone", w.path("gone.git"))
	var push *PushError
	var remote *RemoteError
	for _, name := range []string{"gone", "never-heard-of", "--upload-pack=touch pwned", "", "-o"} {
		if err := r.PushTag(ctx, name, "v1", nil); !errors.As(err, &push) {
			t.Errorf("push to %q: %v", name, err)
		}
		if _, _, err := r.RemoteTag(ctx, name, "v1"); !errors.As(err, &remote) {
			t.Errorf("ask %q: %v", name, err)
		}
	}
	without := w.open("r", false)
	if err := without.PushTag(ctx, "origin", "v1", nil); !errors.Is(err, ErrNoGit) {
		t.Errorf("push without git: %v", err)
	}
	if _, _, err := without.RemoteTag(ctx, "origin", "v1"); !errors.Is(err, ErrNoGit) {
		t.Errorf("ask without git: %v", err)
	}
}

// TestRemotePassword: a server asks for a password. Nothing prompts, and the password in the
// configured address appears nowhere.
func TestRemotePassword(t *testing.T) {
	asked := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		rw.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		rw.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	w, r := withRemote(t)
	address := strings.Replace(server.URL, "http://", "http://ann:s3cr%2Ftpass@", 1) + "/x.git"
	w.git("r", "remote", "add", "web", address)
	tagWith(t, r, spec("v1", "one"), fakeSignature)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	for what, err := range map[string]error{
		"push by name": r.PushTag(ctx, "web", "v1", &out), "push by address": r.PushTag(ctx, address, "v1", &out),
	} {
		var push *PushError
		if !errors.As(err, &push) {
			t.Fatalf("%s: %v", what, err)
		}
		for _, text := range []string{err.Error(), push.Output, push.Remote, fmt.Sprintf("%+v", push), fmt.Sprintf("%+v", push.Cause), out.String()} {
			if strings.Contains(text, "s3cr") || strings.Contains(text, "tpass") {
				t.Errorf("%s: the password is in %q", what, text)
			}
		}
	}
	if len(asked) == 0 {
		t.Error("the server was never reached")
	}
	list, err := r.Remotes(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "origin" || strings.Contains(fmt.Sprint(list), "s3cr") || !strings.HasPrefix(list[1].URL, server.URL) {
		t.Errorf("remotes: %+v, %v", list, err)
	}
}

// TestRemoteDeadline: a server that never answers ends with the context.
func TestRemoteDeadline(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	w, r := withRemote(t)
	w.git("r", "remote", "add", "silent", "http://"+listener.Addr().String()+"/x.git")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, _, err := r.RemoteTag(ctx, "silent", "v1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestRemotes(t *testing.T) {
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.plain("r")
		w.git("r", "remote", "add", "Up.stream", "https://TOKEN@github.com/x/y.git")
		w.git("r", "remote", "set-url", "--push", "Up.stream", "git@github.com:x/y.git")
		w.git("r", "remote", "add", "b", "ssh://git:pw@host/x")
		w.git("r", "config", "remote.pushDefault", "b")
		list, err := w.open("r", withGit).Remotes(context.Background())
		want := []Remote{{"Up.stream", "https://github.com/x/y.git", []string{"git@github.com:x/y.git"}}, {"b", "ssh://git@host/x", []string{"ssh://git@host/x"}}}
		if err != nil || fmt.Sprint(list) != fmt.Sprint(want) {
			t.Errorf("got %+v, %v", list, err)
		}
	})
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"https://user:pass@host/x":             "https://host/x",
		"https://token@host/x":                 "https://host/x",
		"HTTPS://u:p@ss@host/x":                "HTTPS://host/x",
		"ssh://git@host/x":                     "ssh://git@host/x",
		"git+ssh://git:pw@host/x":              "git+ssh://git@host/x",
		"git@host:x/y.git":                     "git@host:x/y.git",
		"fatal: for 'https://u:p@h/x': denied": "fatal: for 'https://h/x': denied",
		"see https://h/x?private_token=abc ok": "see https://h/x?*** ok",
		"Authorization: Basic abcd\nnext":      "Authorization: ***\nnext",
		"mail ann@example.org":                 "mail ann@example.org",
		"https://h/@scope/pkg":                 "https://h/@scope/pkg",
	} {
		if got := redact(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}

// TestRedactorSplit: a credential that arrives in pieces is still found.
func TestRedactorSplit(t *testing.T) {
	text := "remote: https://u:verysecret@host/x\rand plain verysecret\nlast https://a:b@c/d"
	for size := 1; size < len(text); size++ {
		var out bytes.Buffer
		w := &redactor{out: &out, secrets: []string{"verysecret"}, kept: limits.Buffer{Limit: maxStderr, Drop: true}}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if _, err := w.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		w.flush()
		if want := "remote: https://host/x\rand plain ***\nlast https://c/d"; out.String() != want || w.kept.String() != want {
			t.Fatalf("in pieces of %d: %q, kept %q", size, out.String(), w.kept.String())
		}
	}
	w := &redactor{kept: limits.Buffer{Limit: 100, Drop: true}}
	if _, err := w.Write(bytes.Repeat([]byte("x"), 10*maxLine)); err != nil || len(w.kept.Bytes()) != 100 {
		t.Errorf("endless line: kept %d bytes, %v", len(w.kept.Bytes()), err)
	}
}

// FuzzRedact: no password of an address comes through.
func FuzzRedact(f *testing.F) {
	f.Add("fatal: ", "user", "passphrase", "host/x")
	f.Fuzz(func(t *testing.T, before, user, pass, after string) {
		if len(pass) < 8 || strings.ContainsAny(user+pass, "/ \t\n\r\v\f'\"\u0085\u00a0") || strings.Contains(before+user+after, pass) {
			return
		}
		if got := redact(before + " https://" + user + ":" + pass + "@" + after); strings.Contains(got, pass) && !strings.Contains(hidden, pass) {
			t.Errorf("%q", got)
		}
	})
}

// TestHostileRepository: nothing that a repository configures is run by reading it.
func TestHostileRepository(t *testing.T) {
	skipOnWindows(t)
	w := newWorld(t)
	w.plain("r")
	w.git("r", "tag", "-am", "x", "v1")
	evil := w.path("evil.sh")
	w.write("evil.sh", "#!/bin/sh\ntouch \""+w.path("pwned")+"\"\n")
	if err := os.Chmod(evil, 0o755); err != nil {
		t.Fatal(err)
	}
	hooks := w.path("hooks")
	for _, h := range []string{"reference-transaction", "post-index-change", "pre-commit", "fsmonitor-watchman", "post-checkout"} {
		w.write("hooks/"+h, "#!/bin/sh\nexec "+evil+"\n")
		if err := os.Chmod(filepath.Join(hooks, h), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, kv := range [][2]string{
		{"core.fsmonitor", evil}, {"core.hooksPath", hooks}, {"core.pager", evil}, {"core.editor", evil}, {"core.sshCommand", evil},
		{"gpg.program", evil}, {"log.showSignature", "true"}, {"diff.external", evil}, {"core.askPass", evil}, {"core.alternateRefsCommand", evil},
		{"alias.status", "!" + evil}, {"pager.status", "true"}, {"pager.for-each-ref", "true"}, {"status.submoduleSummary", "true"},
		{"extensions.worktreeConfig", "true"}, // everything through the git program
	} {
		w.git("r", "config", kv[0], kv[1])
	}
	w.write("r/a.txt", "touched\n")
	if err := os.RemoveAll(w.path("pwned")); err != nil {
		t.Fatal(err)
	}
	r := w.open("r", true)
	ctx := context.Background()
	if s, err := r.State(ctx); err != nil || len(s.Changed) != 1 {
		t.Errorf("state %+v, %v", s, err)
	}
	if _, err := r.Tags(ctx); err != nil {
		t.Error(err)
	}
	if _, err := r.Subjects(ctx, "", 5); err != nil {
		t.Error(err)
	}
	if _, err := r.ReadFile(ctx, "HEAD", "a.txt"); err != nil {
		t.Error(err)
	}
	if _, err := r.Identity(ctx); err != nil {
		t.Error(err)
	}
	tagWith(t, r, spec("v2", "two"), fakeSignature)
	if _, err := os.Stat(w.path("pwned")); err == nil {
		t.Error("the repository ran a program")
	}
}

// TestOwnership: git's refusal of a stranger's folder is told with its remedy.
func TestOwnership(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	r := w.open("r", true, "GIT_TEST_ASSUME_DIFFERENT_OWNER=1")
	_, err := r.State(context.Background())
	var owner *OwnershipError
	if !errors.As(err, &owner) || !strings.HasSuffix(owner.Dir, "r") || len(owner.Fix()) != 6 {
		t.Errorf("got %v", err)
	}
	if err := ownershipError("fatal: unsafe repository ('/x y' is owned by someone else)\n", "/d"); err == nil || err.(*OwnershipError).Dir != "/x y" {
		t.Errorf("git 2.35's words: %v", err)
	}
}

// TestForeignEnvironment: run from a hook, bulla's git must not follow the hook's variables.
func TestForeignEnvironment(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	w.plain("other")
	w.git("other", "commit", "-q", "--allow-empty", "-m", "Other")
	r := w.open("r", true, "GIT_DIR="+w.path("other/.git"), "GIT_INDEX_FILE="+w.path("other/.git/index"), "GIT_WORK_TREE="+w.path("other"), "GIT_GLOB_PATHSPECS=1")
	s, err := r.State(context.Background())
	if err != nil || s.Head.Subject != "Second" || len(s.Changed) != 0 {
		t.Errorf("state %+v, %v", s, err)
	}
	if id, _, err := r.Resolve(context.Background(), "main"); err != nil || id != w.git("r", "rev-parse", "main") {
		t.Errorf("main is %s, %v", id, err)
	}
}

// TestPartialCloneStaysLocal: a missing blob is an error, not a fetch behind one's back.
func TestPartialCloneStaysLocal(t *testing.T) {
	w := newWorld(t)
	dir := partialClone(w)
	r := w.open(dir, true)
	count := func() string { return w.git(dir, "count-objects", "-v") }
	before := count()
	if got, err := r.ReadFile(context.Background(), "HEAD~1", "a.txt"); err == nil {
		t.Errorf("a blob that is not here: %q", got)
	}
	if after := count(); after != before {
		t.Errorf("objects were fetched:\n%s\n%s", before, after)
	}
}

// TestCancel: a cancelled context ends git and is what the error says.
func TestCancel(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	r := w.open("r", true)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.State(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("state: %v", err)
	}
	if _, err := r.Tags(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("tags: %v", err)
	}
}

func TestOutputLimit(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	r := w.open("r", true)
	var large *TooLargeError
	if _, err := r.git.read(context.Background(), r.loc.dir(), 10, nil, "rev-list", "HEAD"); !errors.As(err, &large) {
		t.Errorf("got %v", err)
	}
}
