package agent

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/limits"
)

// ExportSecret lets gpg write the secret key with that primary fingerprint, armored and under the
// passphrase that it has. The agent asks for the passphrase through us, so ask is asked, unless
// the agent remembers it or there is none. A secret that is on a card comes as a stub.
//
// It hands the passphrase to gpg through a pipe. Errors are those of keys.Unlock, and a
// *ProgramError: also where the agent's configuration forbids such questions
// (no-allow-loopback-pinentry).
func (g *GnuPG) ExportSecret(ctx context.Context, fpr keys.Fingerprint, label string, ask keys.AskPassphrase) (data []byte, err error) {
	export := func(pass keys.Secret) error {
		data, err = g.exportWith(ctx, fpr, pass)
		return err
	}
	if err := export(keys.Secret{}); !errors.Is(err, keys.ErrWrongPassphrase) {
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
	var failed *ProgramError
	if errors.As(err, &failed) && strings.Contains(strings.ToLower(failed.Output), "bad passphrase") {
		return nil, keys.ErrWrongPassphrase
	}
	if err == nil && len(out) == 0 {
		return nil, &keys.NotFoundError{Selector: string(fpr)}
	}
	return out, err
}

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
	common := []string{"--batch", "--no-tty", "--no-permission-warning", "--no-auto-check-trustdb"}
	cmd := exec.CommandContext(ctx, g.gpg, append(append(g.option[:len(g.option):len(g.option)], common...), args...)...)
	cmd.Env = append(g.environ, "LC_ALL=C")
	cmd.WaitDelay = time.Second // the agent started by it may keep the pipes open
	cmd.Stdin = bytes.NewReader(stdin)
	out, stderr := limits.Buffer{Limit: maxOutput}, limits.Buffer{Limit: 64 << 10, Drop: true}
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		text := stderr.Bytes()
		reason := lastLine(text)
		if low := bytes.ToLower(text); bytes.Contains(low, []byte("bad passphrase")) || bytes.Contains(low, []byte("no passphrase given")) {
			reason = "bad passphrase"
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
