package assuan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// emulatedSockets: GnuPG for Windows has no Unix sockets and stands in for them with files that
// name a TCP port on the loopback interface. Elsewhere such a file is no socket.
const emulatedSockets = runtime.GOOS == "windows"

const (
	redirection = "%Assuan%"
	nonceSize   = 16
	// maxSocketFile bounds a file that stands in for a socket: a path or a port and a nonce.
	maxSocketFile = 4096
)

// ErrSocketKind says that a file in the socket's place is of a kind that is not supported: one
// of Cygwin's sockets, or a redirection with variables in it.
var ErrSocketKind = errors.New("this kind of socket file is not supported")

// endpoint is where a server listens.
type endpoint struct {
	network, address string
	nonce            []byte // to be sent first; nil for none
}

// resolve finds out what stands at path: a socket, a redirection to one (once, as in
// libassuan), or an emulated socket.
func resolve(path string, emulated bool) (endpoint, error) {
	b, err := readSocketFile(path)
	if err != nil {
		return endpoint{}, err
	}
	if target, ok, err := parseRedirection(b); err != nil {
		return endpoint{}, fmt.Errorf("%s: %w", path, err)
	} else if ok {
		path = target
		if b, err = readSocketFile(path); err != nil {
			return endpoint{}, err
		}
	}
	if b == nil {
		return endpoint{network: "unix", address: path}, nil
	}
	if !emulated {
		return endpoint{}, fmt.Errorf("%s: %w", path, ErrSocketKind)
	}
	port, nonce, err := parseEmulated(b)
	if err != nil {
		return endpoint{}, fmt.Errorf("%s: %w", path, err)
	}
	return endpoint{network: "tcp", address: "127.0.0.1:" + strconv.Itoa(port), nonce: nonce}, nil
}

// readSocketFile returns the content of a regular file and nil for a true socket.
func readSocketFile(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSocketFile))
	if b == nil {
		b = []byte{}
	}
	return b, err
}

// parseRedirection reads "%Assuan%\nsocket=PATH\n", by which a socket is elsewhere.
func parseRedirection(b []byte) (path string, ok bool, err error) {
	first, rest, _ := strings.Cut(string(b), "\n")
	if strings.TrimSuffix(first, "\r") != redirection {
		return "", false, nil
	}
	for line := range strings.SplitSeq(rest, "\n") {
		p, found := strings.CutPrefix(strings.TrimSuffix(line, "\r"), "socket=")
		if !found {
			continue
		}
		if p == "" || strings.Contains(p, "${") {
			return "", false, ErrSocketKind
		}
		return p, true, nil
	}
	return "", false, ErrSocketKind
}

// parseEmulated reads the port and the nonce that prove to the server that its client may read
// the file.
func parseEmulated(b []byte) (port int, nonce []byte, err error) {
	number, rest, ok := bytes.Cut(b, []byte("\n"))
	if !ok || len(rest) < nonceSize {
		return 0, nil, ErrSocketKind
	}
	p, err := strconv.ParseUint(strings.TrimSpace(string(number)), 10, 16)
	if err != nil || p == 0 {
		return 0, nil, ErrSocketKind
	}
	return int(p), bytes.Clone(rest[:nonceSize]), nil
}
