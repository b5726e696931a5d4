package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/safetext"
)

// errCut says that a line was longer than a passphrase may be, or than the terminal passes on: what
// came of it is no passphrase.
var errCut = errors.New("the line was cut")

// maxTyped is the longest passphrase, in bytes, that can be typed line by line.
const maxTyped = min(vault.MaxPassphrase, maxLine-1)

// readSecret reads one line without echo. The terminal gets its echo back on every way out, Ctrl+C
// included: that ends it through ctx.
func (t *Terminal) readSecret(ctx context.Context, question string) (keys.Secret, error) {
	in, out := t.tty.In, t.tty.Out
	restore, err := hideEcho(in)
	if err != nil {
		return keys.Secret{}, err
	}
	fmt.Fprint(out, t.fold(safetext.Line(question))+" ")
	type typed struct {
		secret keys.Secret
		err    error
	}
	done := make(chan typed, 1)
	go func() {
		s, err := readSecretLine(in)
		done <- typed{s, err}
	}()
	var a typed
	select {
	case a = <-done:
	case <-ctx.Done():
		a.err = ctx.Err()
		if in.SetReadDeadline(time.Now()) == nil {
			late := <-done
			late.secret.Destroy()
			_ = in.SetReadDeadline(time.Time{})
		} else { // this terminal cannot be told: what is typed yet is nobody's
			go func() { late := <-done; late.secret.Destroy() }()
		}
	}
	fmt.Fprintln(out)
	if err := restore(); err != nil {
		a.secret.Destroy()
		return keys.Secret{}, errors.Join(a.err, err)
	}
	return a.secret, a.err
}

// readSecretLine reads one line into a buffer that never grows and is wiped, so that no copy is
// left behind. The end of input before a line is context.Canceled, a line that is too long errCut.
func readSecretLine(tty *os.File) (keys.Secret, error) {
	buf := make([]byte, maxTyped+2) // with its end, and one more to tell that it is too long
	defer clear(buf)
	n, ends := 0, 0
	for {
		if n == len(buf) {
			n-- // the rest of the line is read and forgotten
		}
		m, err := readTerminal(tty, buf[n:])
		n += m
		if err == io.EOF {
			ends++
		}
		switch {
		case n > 0 && buf[n-1] == '\n':
			n--
			if n > 0 && buf[n-1] == '\r' {
				n--
			}
			if n > maxTyped {
				return keys.Secret{}, errCut
			}
			return keys.NewSecret(append(make([]byte, 0, n), buf[:n]...)), nil
		case err == io.EOF && (n == 0 || ends > 1):
			return keys.Secret{}, errLeft
		case err == io.EOF: // Ctrl+D after some text: the line goes on, as in every shell
		case err != nil:
			return keys.Secret{}, err
		}
	}
}
