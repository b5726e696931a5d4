//go:build unix

package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulla/keys"
)

// ownPrompt makes the home one whose agent asks by its own prompt alone: a program that notes what
// it was told, and answers with the passphrases in turn; "" is a person who cancels.
func ownPrompt(t *testing.T, h *home, answers ...string) (noted func() string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	script := "#!/bin/sh\necho 'OK here'\nwhile read -r line; do\n" +
		"printf '%s\\n' \"$line\" >>'" + log + "'\n" +
		"case $line in GETPIN*) n=$(cat '" + dir + "/n' 2>/dev/null || echo 0); n=$((n+1)); echo $n >'" + dir + "/n'\n" +
		"  if [ -s '" + dir + "'/$n ]; then printf 'D %s\\nOK\\n' \"$(cat '" + dir + "'/$n)\"; else echo 'ERR 83886179 cancelled'; fi;;\n" +
		"BYE*) echo OK; exit;; *) echo OK;; esac\ndone\n"
	program := filepath.Join(dir, "pinentry")
	for name, text := range map[string]string{program: script, log: ""} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i, a := range answers {
		a = strings.ReplaceAll(a, "%", "%25")
		if err := os.WriteFile(filepath.Join(dir, string(rune('1'+i))), []byte(a), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.killAgent()
	h.configure("no-allow-loopback-pinentry\npinentry-program " + program + "\n")
	return func() string {
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

// lent counts how often the terminal was lent.
func lent(n *int) Attendant {
	return Attendant{Lend: func(ctx context.Context, use func(context.Context, Terminal) error) error {
		*n++
		return use(ctx, Terminal{TTY: "/dev/pts/77", Type: "xterm-canary", Ctype: "de_DE.UTF-8"})
	}}
}

// Where the agent allows no other questions than its own, it gets the terminal for as long as it
// asks, and is told which.
func TestOwnPrompt(t *testing.T) {
	h := newHome(t)
	fpr := h.generate("own@example.org", "ed25519", "sign", passphrase)
	noted := ownPrompt(t, h, "wrong", passphrase)
	s, n := h.signer("own@example.org"), 0
	s.(Attended).Attend(lent(&n))
	a := answer()
	unlock(t, s, a)
	for range 2 {
		h.judge(sign(t, s), fpr)
	}
	if n != 1 || len(a.requests) != 0 {
		t.Errorf("lent %d times, asked %d times", n, len(a.requests))
	}
	for _, want := range []string{"OPTION ttyname=/dev/pts/77", "OPTION ttytype=xterm-canary", "OPTION lc-ctype=de_DE.UTF-8", "bulla wants to sign"} {
		if !strings.Contains(noted(), want) {
			t.Errorf("the prompt was not told %q:\n%s", want, noted())
		}
	}
}

// Nothing is lent while the agent remembers, and again when it has forgotten.
func TestOwnPromptAgain(t *testing.T) {
	h := newHome(t)
	fpr := h.generate("own@example.org", "ed25519", "sign", passphrase)
	ownPrompt(t, h, passphrase, passphrase)
	s, n := h.signer("own@example.org"), 0
	s.(Attended).Attend(lent(&n))
	unlock(t, s, answer())
	h.killAgent()
	h.judge(sign(t, s), fpr)
	if n != 2 {
		t.Errorf("lent %d times", n)
	}
}

func TestOwnPromptFails(t *testing.T) {
	h := newHome(t)
	h.generate("own@example.org", "ed25519", "sign", passphrase)
	for name, tt := range map[string]struct {
		answers []string
		nobody  bool
		check   func(error) bool
	}{
		"cancelled": {[]string{""}, false, func(err error) bool { return errors.Is(err, ErrCancelled) }},
		"wrong":     {[]string{"one", "two", "three"}, false, func(err error) bool { return errors.Is(err, keys.ErrWrongPassphrase) }},
		"nobody": {nil, true, func(err error) bool {
			var e *LoopbackError
			return errors.As(err, &e) && strings.HasSuffix(e.Config, "gpg-agent.conf")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			noted := ownPrompt(t, h, tt.answers...)
			s, n := h.signer("own@example.org"), 0
			if !tt.nobody {
				s.(Attended).Attend(lent(&n))
			}
			a := answer(passphrase)
			if err := s.Unlock(t.Context(), a.ask); !tt.check(err) {
				t.Errorf("Unlock = %v", err)
			}
			if tt.nobody && strings.Contains(noted(), "GETPIN") {
				t.Error("a prompt appeared where nobody lent a terminal")
			}
			if len(a.requests) != 0 {
				t.Errorf("asked %d times", len(a.requests))
			}
		})
	}
}

// Who gives up has the terminal back at once: the prompt is ended with the wait for it.
func TestOwnPromptIsEnded(t *testing.T) {
	for name, begin := range map[string]func(ctx context.Context, h *home, a Attendant) error{
		"unlock": func(ctx context.Context, h *home, a Attendant) error {
			s := h.signer("own@example.org")
			s.(Attended).Attend(a)
			return s.Unlock(ctx, answer().ask)
		},
		"export": func(ctx context.Context, h *home, a Attendant) error {
			_, err := h.find().ExportSecret(ctx, h.fingerprints("own@example.org")[0], "own", answer().ask, a)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { promptIsEnded(t, begin) })
	}
}

func promptIsEnded(t *testing.T, begin func(context.Context, *home, Attendant) error) {
	h := newHome(t)
	h.generate("own@example.org", "ed25519", "sign", passphrase)
	dir := t.TempDir()
	program := filepath.Join(dir, "pinentry")
	script := "#!/bin/sh\necho 'OK here'\nwhile read -r line; do\n" +
		"case $line in GETPIN*) echo $$ >'" + dir + "/pid'; exec sleep 600;;\n" +
		"'GETINFO pid') printf 'D %s\\nOK\\n' $$;; *) echo OK;; esac\ndone\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	h.killAgent()
	h.configure("no-allow-loopback-pinentry\npinentry-program " + program + "\n")
	n := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	launched := make(chan string, 1)
	go func() {
		pid := ""
		for pid == "" && ctx.Err() == nil {
			b, _ := os.ReadFile(filepath.Join(dir, "pid"))
			pid = strings.TrimSpace(string(b))
			time.Sleep(10 * time.Millisecond)
		}
		launched <- pid
		cancel()
	}()
	if err := begin(ctx, h, lent(&n)); !errors.Is(err, context.Canceled) {
		cancel()
		t.Errorf("it ended with %v", err)
	}
	p, err := strconv.Atoi(<-launched)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); syscall.Kill(p, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			_ = syscall.Kill(p, syscall.SIGKILL)
			t.Fatal("the prompt stays on the terminal")
		}
	}
}

// A secret key leaves the agent that allows no other questions than its own, by the prompt on the
// terminal that is lent; gpg reads what came.
func TestExportByOwnPrompt(t *testing.T) {
	h := newHome(t)
	fpr := h.generate("own@example.org", "ed25519", "sign", passphrase)
	noted := ownPrompt(t, h, "wrong", passphrase)
	n := 0
	a := answer()
	data, err := h.find().ExportSecret(t.Context(), fpr, "own", a.ask, lent(&n))
	if err != nil || !strings.Contains(string(data), "PRIVATE KEY BLOCK") {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if n != 1 || len(a.requests) != 0 {
		t.Errorf("lent %d times, asked %d times", n, len(a.requests))
	}
	for _, want := range []string{"OPTION ttyname=/dev/pts/77", "OPTION ttytype=xterm-canary", "OPTION lc-ctype=de_DE.UTF-8", "to export the OpenPGP secret key"} {
		if !strings.Contains(noted(), want) {
			t.Errorf("the prompt was not told %q:\n%s", want, noted())
		}
	}
	other := newHome(t)
	if err := other.find().ImportKey(t.Context(), data); err != nil {
		t.Error(err)
	}
	// What the agent remembers now needs nobody.
	if data, err := h.find().ExportSecret(t.Context(), fpr, "own", a.ask, Attendant{}); err == nil && len(data) == 0 {
		t.Error("nothing, and no error")
	}
}

func TestExportByOwnPromptFails(t *testing.T) {
	h := newHome(t)
	fpr := h.generate("own@example.org", "ed25519", "sign", passphrase)
	for name, tt := range map[string]struct {
		answers []string
		nobody  bool
		check   func(error) bool
	}{
		"cancelled": {[]string{""}, false, func(err error) bool { return errors.Is(err, ErrCancelled) }},
		"wrong":     {[]string{"one", "two", "three"}, false, func(err error) bool { return errors.Is(err, keys.ErrWrongPassphrase) }},
		"nobody": {nil, true, func(err error) bool {
			var e *LoopbackError
			return errors.As(err, &e) && strings.HasSuffix(e.Config, "gpg-agent.conf")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ownPrompt(t, h, tt.answers...)
			n := 0
			att := lent(&n)
			if tt.nobody {
				att = Attendant{}
			}
			a := answer()
			if data, err := h.find().ExportSecret(t.Context(), fpr, "own", a.ask, att); !tt.check(err) || len(data) > 0 || len(a.requests) > 0 {
				t.Errorf("%d bytes, asked %d times: %v", len(data), len(a.requests), err)
			}
		})
	}
}
