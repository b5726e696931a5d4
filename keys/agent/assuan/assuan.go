// Package assuan is the client side of the Assuan protocol, by which GnuPG's programs talk to
// each other (https://www.gnupg.org/documentation/manuals/assuan/). It knows the lines, the
// limits and the sockets, and nothing of keys.
package assuan

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"bulla/keys"
)

// MaxCommand is the longest command line in bytes, without the line feed.
const MaxCommand = 1000

// maxData bounds the data of one response, maxResponse all of its lines together. A signature
// has less than 1 KiB; a listing of 10,000 keys has less than 1 MiB.
const (
	maxData     = 1 << 20
	maxResponse = 4 << 20
)

// ErrProtocol is wrapped by every error about a server that does not keep to the protocol, or
// not to the limits set here. The connection is closed then.
var ErrProtocol = errors.New("not a valid Assuan response")

// ServerError is the ERR line of a server.
type ServerError struct {
	// Code is the whole number sent: the error source in the high byte, the errno below.
	Code uint32
	// Text describes the error in the server's words. It comes from outside: clean it before
	// showing it.
	Text string
}

func (e *ServerError) Error() string { return e.Text }

// Errno is the code of libgpg-error without its source, such as 11 for a bad passphrase.
func (e *ServerError) Errno() int { return int(e.Code & 0xffff) }

// Handler answers what a server says before its OK or ERR. Either func may be nil.
type Handler struct {
	// Status gets each S line.
	Status func(keyword, args string)
	// Inquire answers an INQUIRE. An error cancels the command, and Do returns that error. The
	// Secret is sent and left as it is: it belongs to the handler.
	Inquire func(keyword, args string) (keys.Secret, error)
}

// Conn is a connection to an Assuan server. It must not be used by two goroutines at once.
type Conn struct {
	c      net.Conn
	r      *bufio.Reader
	broken bool
}

// Dial connects to the server behind the socket at path, which may be a redirection or, on
// Windows, a file that names a port. It waits for the server's greeting.
func Dial(ctx context.Context, path string) (*Conn, error) {
	e, err := resolve(path, emulatedSockets)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, e.network, e.address)
	if err != nil {
		return nil, err
	}
	conn, err := newConn(ctx, c, e.nonce)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return conn, nil
}

// newConn sends the nonce, if there is one, and reads the greeting.
func newConn(ctx context.Context, c net.Conn, nonce []byte) (*Conn, error) {
	conn := &Conn{c: c, r: bufio.NewReaderSize(c, maxLine)}
	_, err := conn.guard(ctx, func() ([]byte, error) {
		if len(nonce) > 0 {
			if _, err := c.Write(nonce); err != nil {
				return nil, err
			}
		}
		return conn.finish(Handler{})
	})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// Close closes the connection.
func (c *Conn) Close() error {
	c.broken = true
	return c.c.Close()
}

// Broken reports whether the connection was closed or lost its place in the protocol, because
// a command was cut off. It can't be used again.
func (c *Conn) Broken() bool { return c.broken }

// Do sends a command and returns the data of the response. It returns a *ServerError where the
// server refuses, the handler's error where the handler did, and an error wrapping the one of
// ctx when that ended first.
func (c *Conn) Do(ctx context.Context, command string, h Handler) ([]byte, error) {
	if len(command) > MaxCommand || strings.ContainsAny(command, "\r\n\x00") {
		return nil, errors.New("assuan: not a valid command line")
	}
	if c.broken {
		return nil, net.ErrClosed
	}
	return c.guard(ctx, func() ([]byte, error) {
		if _, err := c.c.Write([]byte(command + "\n")); err != nil {
			return nil, err
		}
		return c.finish(h)
	})
}

// guard runs an exchange that ends when ctx does. The server has no way to stop in the middle
// of a command, so a cut-off exchange costs the connection.
func (c *Conn) guard(ctx context.Context, exchange func() ([]byte, error)) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.c.SetDeadline(time.Unix(1, 0)) })
	data, err := exchange()
	if !stop() {
		c.broken = true
	}
	var refused *ServerError
	var declined *declinedError
	switch {
	case err == nil || errors.As(err, &refused):
	case errors.As(err, &declined):
		err = declined.cause
	default:
		c.broken = true
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer: %w", ctx.Err())
		}
	}
	if c.broken {
		_ = c.c.Close()
	}
	return data, err
}

// declinedError carries the error of a handler past the exchange that ended in good order.
type declinedError struct{ cause error }

func (e *declinedError) Error() string { return e.cause.Error() }

// finish reads lines up to the OK or ERR that ends a response.
func (c *Conn) finish(h Handler) ([]byte, error) {
	var data []byte
	var declined error
	for total := 0; ; {
		r, n, err := readResponse(c.r)
		if err != nil {
			return nil, err
		}
		if total += n; total > maxResponse || len(data)+len(r.data) > maxData {
			return nil, fmt.Errorf("%w: too long", ErrProtocol)
		}
		switch r.kind {
		case kindOK, kindErr:
			if declined != nil {
				return nil, &declinedError{declined}
			}
			if r.kind == kindErr {
				return nil, &ServerError{Code: r.code, Text: r.args}
			}
			return data, nil
		case kindData:
			data = append(data, r.data...)
		case kindStatus:
			if h.Status != nil {
				h.Status(r.keyword, r.args)
			}
		case kindInquire:
			if err := c.inquire(h, r, &declined); err != nil {
				return nil, err
			}
		}
	}
}

// inquire answers an INQUIRE or cancels it. What the handler said against it is left in
// declined; the error returned is one of the connection.
func (c *Conn) inquire(h Handler, r response, declined *error) error {
	var s keys.Secret
	err := fmt.Errorf("the server asks for %q, which is not known here", r.keyword)
	if h.Inquire != nil {
		s, err = h.Inquire(r.keyword, r.args)
	}
	if err != nil {
		*declined = err
		_, err = c.c.Write([]byte("CAN\n"))
		return err
	}
	lines := dataLines(s)
	defer clear(lines)
	_, err = c.c.Write(lines)
	return err
}

// dataLines writes a secret as D lines and the END after them. The caller wipes it.
func dataLines(s keys.Secret) []byte {
	// An escaped byte takes three, a line carries at least 300 of them. The capacity is enough,
	// so that no copy is left behind by growing.
	out := make([]byte, 0, 3*s.Len()+4*(s.Len()/300+1)+len("END\n"))
	_ = s.Use(func(b []byte) error {
		for len(b) > 0 {
			n := min(len(b), 300)
			out = append(out, "D "...)
			out = appendEscaped(out, b[:n])
			out = append(out, '\n')
			b = b[n:]
		}
		return nil
	})
	return append(out, "END\n"...)
}
