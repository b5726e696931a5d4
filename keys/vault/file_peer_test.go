//go:build unix

package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bulla/keys/keystest"

	"github.com/creack/pty"
)

// ageOpens runs stock age with the vault's identity and types the master passphrase on its
// terminal, where age insists on being asked.
func ageOpens(t *testing.T, v *File, typed string) (plain string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, keystest.Peer(t, "age"), "-d", "-i", v.path(identityFile), v.path(entriesFile))
	var out bytes.Buffer
	c.Stdout = &out
	tty, err := pty.Start(c) // its stdin and stderr, and its controlling terminal
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tty.Close() }()
	screen := make([]byte, 0, 1024)
	for !strings.Contains(string(screen), "Enter passphrase") {
		n, err := tty.Read(screen[len(screen):cap(screen)])
		if err != nil || len(screen)+n == cap(screen) {
			t.Fatalf("age did not ask: %q %v", screen, err)
		}
		screen = screen[:len(screen)+n]
	}
	if _, err := io.WriteString(tty, typed+"\r"); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, tty) }() // so that it never blocks on its messages
	err = c.Wait()
	return out.String(), err
}

func TestFilePeer(t *testing.T) {
	ctx, v := context.Background(), newVault(t)
	for k, s := range map[Key]string{keyA: canary, keyB: "p\xffw"} {
		if err := v.Set(ctx, k, secret(s)); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprintf("bulla-vault v1\n%s %s\n%s %s\n",
		keyB, base64.StdEncoding.EncodeToString([]byte("p\xffw")), keyA, base64.StdEncoding.EncodeToString([]byte(canary)))
	if got, err := ageOpens(t, v, master); err != nil || got != want {
		t.Errorf("age reads %q: %v", got, err)
	}
	if got, err := ageOpens(t, v, "wrong"); err == nil || got != "" {
		t.Errorf("age opened it with a wrong passphrase: %q", got)
	}

	// The other way round: age rewrites the entries, bulla reads them.
	plain := strings.ReplaceAll(want, base64.StdEncoding.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte("by age")))
	out, errOut, err := keystest.Run(t, []byte(plain), nil, keystest.Peer(t, "age"), "-r", v.id.Recipient().String())
	if err != nil {
		t.Fatal(errOut, err)
	}
	if err := os.WriteFile(v.path(entriesFile), []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	mustGet(t, v, keyA, "by age")
}
