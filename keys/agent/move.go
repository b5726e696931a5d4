package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/limits"
)

// ExportSecret lets gpg write the secret key with that primary fingerprint, armored and under the
// passphrase that it has. The agent asks for the passphrase through us, so ask is asked, unless
// the agent remembers it or there is none. A secret that is on a card comes as a stub.
//
// It hands the passphrase to gpg through a pipe. Where the agent's configuration forbids such questions
// (no-allow-loopback-pinentry) the agent asks by its own prompt, on the terminal that the attendant
// lends. Errors are those of keys.Unlock, ErrCancelled, a *LoopbackError where nobody lends one, and a
// *ProgramError.
func (g *GnuPG) ExportSecret(ctx context.Context, fpr keys.Fingerprint, label string, ask keys.AskPassphrase, a Attendant) (data []byte, err error) {
	export := func(pass keys.Secret) error {
		data, err = g.exportWith(ctx, fpr, pass)
		return err
	}
	err = export(keys.Secret{})
	var own *LoopbackError
	switch {
	case errors.As(err, &own):
		return g.exportByPrompt(ctx, fpr, a, own)
	case !errors.Is(err, keys.ErrWrongPassphrase):
		return data, err
	}
	req := keys.PassphraseRequest{Purpose: keys.PurposeAgent, ID: string(fpr), Label: label}
	err = keys.Unlock(ctx, ask, req, export)
	return data, err
}

func (g *GnuPG) exportWith(ctx context.Context, fpr keys.Fingerprint, pass keys.Secret) ([]byte, error) {
	var stdin []byte
	_ = pass.Use(func(b []byte) error { // none is an empty line, which opens what has no passphrase
		stdin = append(make([]byte, 0, len(b)+1), b...)
		return nil
	})
	stdin = append(stdin, '\n')
	defer clear(stdin)
	out, err := g.feed(ctx, stdin, "--pinentry-mode", "loopback", "--passphrase-fd", "0", "--armor", "--export-secret-keys", string(fpr))
	return exported(fpr, out, err)
}

// exported tells what came of an export of a secret key.
func exported(fpr keys.Fingerprint, out []byte, err error) ([]byte, error) {
	var failed *ProgramError
	switch {
	case errors.As(err, &failed) && strings.Contains(failed.Output, badPassphrase):
		return nil, keys.ErrWrongPassphrase
	case err == nil && len(out) == 0:
		return nil, &keys.NotFoundError{Selector: string(fpr)}
	}
	return out, err
}

// exportByPrompt is ExportSecret where the agent lets nobody else ask.
func (g *GnuPG) exportByPrompt(ctx context.Context, fpr keys.Fingerprint, a Attendant, own *LoopbackError) (data []byte, err error) {
	export := []string{"--armor", "--export-secret-keys", string(fpr)}
	// What the agent remembers, or what is under no passphrase, needs no prompt.
	data, err = g.feed(ctx, nil, append([]string{"--pinentry-mode", "error"}, export...)...)
	if err == nil && len(data) > 0 || ctx.Err() != nil {
		return data, err
	}
	if a.Lend == nil {
		return nil, own
	}
	lendErr := a.Lend(ctx, func(ctx context.Context, t Terminal) error {
		args := []string{"--pinentry-mode", "ask"}
		for _, o := range [][2]string{{"--ttyname", t.TTY}, {"--ttytype", t.Type}, {"--lc-ctype", t.Ctype}, {"--display", t.Display}} {
			if o[1] != "" {
				args = append(args, o[0], o[1])
			}
		}
		var p launches
		data, err = g.feeding(ctx, nil, &p, append(append(args, "--status-fd", "2"), export...)...)
		if ctx.Err() != nil {
			p.end()
		}
		data, err = exported(fpr, data, err)
		return err
	})
	if lendErr != nil {
		return nil, lendErr
	}
	return data, nil
}

// launches reads among what gpg says which prompt the agent began last (PINENTRY_LAUNCHED in GnuPG's
// doc/DETAILS).
type launches struct {
	prompt
	line []byte
}

// Write takes the next of what gpg says.
func (l *launches) Write(p []byte) (int, error) {
	for _, c := range p {
		if c != '\n' {
			if len(l.line) < 200 {
				l.line = append(l.line, c)
			}
			continue
		}
		if rest, ok := strings.CutPrefix(string(l.line), "[GNUPG:] PINENTRY_LAUNCHED "); ok {
			number, _, _ := strings.Cut(strings.ReplaceAll(rest, ":", " "), " ")
			if pid, err := strconv.Atoi(number); err == nil {
				l.launched(pid)
			}
		}
		l.line = l.line[:0]
	}
	return len(p), nil
}

// badPassphrase is what a ProgramError says of a wrong passphrase.
const badPassphrase = "bad passphrase"

// ImportKey lets gpg import a key, public or secret. A secret key stays under the passphrase that
// it has; gpg does not ask for it.
func (g *GnuPG) ImportKey(ctx context.Context, data []byte) error {
	_, err := g.feed(ctx, data, "--import")
	return err
}

// feed runs gpg with something to read. The environment carries nothing secret.
func (g *GnuPG) feed(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, programTimeout)
		defer cancel()
	}
	return g.feeding(ctx, stdin, nil, args...)
}

// feeding is feed for as long as the context allows. also, if not nil, gets what gpg says as soon as it does.
func (g *GnuPG) feeding(ctx context.Context, stdin []byte, also io.Writer, args ...string) ([]byte, error) {
	common := []string{"--batch", "--no-tty", "--no-permission-warning", "--no-auto-check-trustdb"}
	cmd := exec.CommandContext(ctx, g.gpg, append(append(g.option[:len(g.option):len(g.option)], common...), args...)...)
	cmd.Env = append(g.environ, "LC_ALL=C")
	cmd.WaitDelay = time.Second // the agent started by it may keep the pipes open
	cmd.Stdin = bytes.NewReader(stdin)
	out, stderr := limits.Buffer{Limit: maxOutput}, limits.Buffer{Limit: 64 << 10, Drop: true}
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if also != nil {
		cmd.Stderr = io.MultiWriter(&stderr, also)
	}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		text := stderr.Bytes()
		reason := lastLine(text)
		switch low := bytes.ToLower(text); {
		case bytes.Contains(low, []byte("pinentry mode 'loopback' failed")):
			return nil, &LoopbackError{Config: g.config()}
		case bytes.Contains(low, []byte("operation cancelled")):
			return nil, ErrCancelled
		case bytes.Contains(low, []byte(badPassphrase)), bytes.Contains(low, []byte("no passphrase given")):
			reason = badPassphrase
		}
		return nil, &ProgramError{Program: filepath.Base(g.gpg), Output: reason, Err: err}
	}
	return out.Bytes(), nil
}

// IsKeybox reports whether data begin a keybox, the form in which GnuPG keeps public keys
// (pubring.kbx): a first blob of type 1 with the magic "KBXf" (GnuPG, kbx/keybox-blob.c).
func IsKeybox(data []byte) bool {
	return len(data) >= 12 && data[4] == 1 && string(data[8:12]) == "KBXf"
}

// ReadKeybox lets gpg read the public keys of a keybox file, binary. The file is not changed.
func (g *GnuPG) ReadKeybox(ctx context.Context, path string) ([]byte, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return g.query(ctx, "--no-default-keyring", "--keyring", path, "--export")
}
