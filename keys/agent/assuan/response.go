package assuan

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// maxLine is the size of the read buffer and so the longest line accepted: the protocol allows
// 1,000 bytes, and some servers count the line ending apart.
const maxLine = 1024

// kind is the kind of a line from the server.
type kind int

const (
	kindComment kind = iota
	kindOK
	kindErr
	kindData
	kindStatus
	kindInquire
)

// response is one line from the server.
type response struct {
	kind    kind
	keyword string // of a status line or an inquiry
	args    string // the rest of the line
	code    uint32 // of an ERR line
	data    []byte // of a D line, unescaped
}

// readResponse reads one line and returns it with its length in bytes.
func readResponse(r *bufio.Reader) (response, int, error) {
	line, err := r.ReadSlice('\n')
	n := len(line)
	if errors.Is(err, bufio.ErrBufferFull) {
		return response{}, n, fmt.Errorf("%w: line longer than %d bytes", ErrProtocol, maxLine)
	}
	if err != nil {
		return response{}, n, err
	}
	resp, err := parseResponse(bytes.TrimSuffix(line, []byte("\n")))
	return resp, n, err
}

// parseResponse reads a line without its line feed. The result shares no memory with it.
func parseResponse(line []byte) (response, error) {
	if len(line) == 0 || line[0] == '#' {
		return response{kind: kindComment}, nil
	}
	word, rest, _ := bytes.Cut(line, []byte(" "))
	switch string(word) {
	case "OK":
		return response{kind: kindOK, args: string(rest)}, nil
	case "ERR":
		number, text, _ := bytes.Cut(rest, []byte(" "))
		code, err := strconv.ParseUint(string(number), 10, 32)
		if err != nil {
			return response{}, fmt.Errorf("%w: error code is not a number", ErrProtocol)
		}
		return response{kind: kindErr, code: uint32(code), args: string(text)}, nil
	case "D":
		data, err := unescape(rest)
		if err != nil {
			return response{}, err
		}
		return response{kind: kindData, data: data}, nil
	case "S", "INQUIRE":
		keyword, args, _ := bytes.Cut(rest, []byte(" "))
		k := kindStatus
		if word[0] == 'I' {
			k = kindInquire
		}
		return response{kind: k, keyword: string(keyword), args: string(args)}, nil
	}
	return response{}, fmt.Errorf("%w: unknown kind of line", ErrProtocol)
}

const hexDigits = "0123456789ABCDEF"

// appendEscaped escapes what a line can't hold: the line feed, the carriage return and the
// per cent sign, and the other control characters to be kind to logs.
func appendEscaped(dst, b []byte) []byte {
	for _, c := range b {
		if c < ' ' || c == '%' {
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// EscapeText writes text as an argument of commands that take per cent and plus escapes, such
// as SETKEYDESC.
func EscapeText(text string) string {
	out := make([]byte, 0, len(text))
	for _, c := range []byte(text) {
		switch c {
		case ' ':
			out = append(out, '+')
		case '+':
			out = append(out, "%2B"...)
		default:
			out = appendEscaped(out, []byte{c})
		}
	}
	return string(out)
}

// unescape resolves the %XX escapes of a D line.
func unescape(b []byte) ([]byte, error) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '%' {
			out = append(out, b[i])
			continue
		}
		if i+2 >= len(b) {
			return nil, fmt.Errorf("%w: cut-off escape", ErrProtocol)
		}
		v, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8)
		if err != nil {
			return nil, fmt.Errorf("%w: bad escape", ErrProtocol)
		}
		out = append(out, byte(v))
		i += 2
	}
	return out, nil
}
