package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulla/keys"
	"bulla/keys/agent/assuan"
)

// errNeedPassphrase says that the agent asked for a passphrase and none was at hand.
var errNeedPassphrase = errors.New("the agent asks for the passphrase")

// link is a connection to gpg-agent, set up so that no prompt appears.
type link struct {
	conn *assuan.Conn
	// loopback: the agent sends its questions back to us. Where its configuration forbids that,
	// it is told to fail rather than to open a prompt.
	loopback bool
	// restricted: this is the agent's extra socket, usually of another machine. It signs, but
	// lists nothing, and asks its own user where it has to.
	restricted bool
	// prompts: a terminal is lent, and the agent asks on it.
	prompts bool
}

// dial connects to an agent that is running.
func dial(ctx context.Context, socket string) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	conn, err := assuan.Dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	l := &link{conn: conn}
	switch _, err = conn.Do(ctx, "OPTION pinentry-mode=loopback", assuan.Handler{}); errnoOf(err) {
	case 0:
		l.loopback = true
	case errnoForbidden:
		l.restricted, err = true, nil
	case errnoNotSupported:
		_, err = conn.Do(ctx, "OPTION pinentry-mode=error", assuan.Handler{})
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return l, nil
}

func (l *link) close() { _ = l.conn.Close() }

// control sends a command whose answer waits for nobody.
func (l *link) control(ctx context.Context, h assuan.Handler, format string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	_, err := l.conn.Do(ctx, fmt.Sprintf(format, args...), h)
	return err
}

// option sets one for this connection.
func (l *link) option(ctx context.Context, name, value string) error {
	return l.control(ctx, assuan.Handler{}, "OPTION %s=%s", name, value)
}

// secretKey is what is known of a secret key without using it.
type secretKey struct {
	serial    string // application id of the card that holds it, hexadecimal; "" for a key on disk
	id        string // what the card calls it, such as OPENPGP.1; "" if not known
	protected bool   // using it takes a passphrase, PIN or touch
	cached    bool   // the agent remembers the passphrase for now
}

// secretKeys lists every secret key that the agent knows, by keygrip.
func (l *link) secretKeys(ctx context.Context) (map[string]secretKey, error) {
	found := map[string]secretKey{}
	err := l.control(ctx, keyInfo(found), "KEYINFO --list")
	return found, err
}

// secretKey looks one up by its keygrip.
func (l *link) secretKey(ctx context.Context, grip string) (secretKey, error) {
	found := map[string]secretKey{}
	if err := l.control(ctx, keyInfo(found), "KEYINFO %s", grip); err != nil {
		return secretKey{}, err
	}
	k, ok := found[grip]
	if !ok {
		return secretKey{}, &assuan.ServerError{Code: errnoNotFound, Text: "Not found"}
	}
	return k, nil
}

// keyInfo collects the lines "KEYINFO grip type serial id cached protection …".
func keyInfo(found map[string]secretKey) assuan.Handler {
	return assuan.Handler{Status: func(keyword, args string) {
		f := strings.Fields(args)
		if keyword != "KEYINFO" || len(f) < 6 || !validGrip(f[0]) {
			return
		}
		switch f[1] {
		case "D":
			found[f[0]] = secretKey{protected: f[5] != "C", cached: f[4] == "1"}
		case "T":
			found[f[0]] = secretKey{serial: f[2], id: f[3], protected: true}
		}
	}}
}

// gripsPerCommand is how many keygrips, with a space each, fit into a command.
const gripsPerCommand = 20

// which adds those of the keygrips to found that the agent has the secret keys of, which is all
// that a restricted socket tells. HAVEKEY takes many and answers whether it has any, so a large
// keyring costs few round trips over a slow line.
func (l *link) which(ctx context.Context, grips []string, found map[string]bool) error {
	for chunk := range slices.Chunk(grips, gripsPerCommand) {
		err := l.control(ctx, assuan.Handler{}, "HAVEKEY %s", strings.Join(chunk, " "))
		switch errnoOf(err) {
		case errnoNoSecretKey, errnoNotFound:
			continue
		}
		if err != nil {
			return err
		}
		if len(chunk) == 1 {
			found[chunk[0]] = true
			continue
		}
		half := len(chunk) / 2
		if err := l.which(ctx, chunk[:half], found); err != nil {
			return err
		}
		if err := l.which(ctx, chunk[half:], found); err != nil {
			return err
		}
	}
	return nil
}

// inquiry answers the agent when it asks for a passphrase or PIN: once, since a second question
// within a command means that the first answer was wrong.
type inquiry struct {
	secret keys.Secret // zero: there is none
	asked  bool
	// launched is told the process of the agent's own prompt; nil where none may appear.
	launched func(pid int)
}

func (q *inquiry) handler() assuan.Handler {
	return assuan.Handler{Inquire: func(keyword, args string) (keys.Secret, error) {
		if keyword == "PINENTRY_LAUNCHED" && q.launched != nil {
			pid, _, _ := strings.Cut(args, " ")
			if n, err := strconv.Atoi(pid); err == nil {
				q.launched(n)
			}
			return keys.Secret{}, nil
		}
		if keyword != "PASSPHRASE" {
			return keys.Secret{}, fmt.Errorf("the agent asks for %q, which is not known here", keyword)
		}
		if q.asked || q.secret.IsZero() {
			q.asked = true
			return keys.Secret{}, errNeedPassphrase
		}
		q.asked = true
		return q.secret, nil
	}}
}

// sign asks for a signature over a digest made by the hash function with that OpenPGP number.
// It waits for as long as ctx allows: a card may want to be touched.
func (l *link) sign(ctx context.Context, grip, description string, hashID byte, digest []byte, q *inquiry) (signatureExpr, error) {
	if err := l.control(ctx, assuan.Handler{}, "SIGKEY %s", grip); err != nil {
		return signatureExpr{}, err
	}
	if l.restricted || l.prompts {
		// Whoever is asked there should know what for.
		if err := l.control(ctx, assuan.Handler{}, "SETKEYDESC %s", assuan.EscapeText(description)); err != nil && !refusesCommand(err) {
			return signatureExpr{}, err
		}
	}
	if err := l.control(ctx, assuan.Handler{}, "SETHASH %d %s", hashID, strings.ToUpper(hex.EncodeToString(digest))); err != nil {
		return signatureExpr{}, err
	}
	out, err := l.conn.Do(ctx, "PKSIGN", q.handler())
	if err != nil {
		return signatureExpr{}, err
	}
	return parseSignatureExpr(out)
}
