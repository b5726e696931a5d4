package agent

import (
	"bytes"
	"errors"
	"strconv"
)

// Limits of the canonical S-expressions that gpg-agent sends. A signature by an RSA key of
// 16,384 bits has 2 KiB.
const (
	maxExpr      = 64 << 10
	maxExprDepth = 8
)

var errExpr = errors.New("the agent's answer is not a signature")

// expr is an S-expression: an atom, or a list if atom is nil.
type expr struct {
	atom []byte
	list []expr
}

// name is the atom that a list begins with.
func (e expr) name() string {
	if len(e.list) == 0 {
		return ""
	}
	return string(e.list[0].atom)
}

// parseExpr reads one canonical S-expression (RFC 9804, section 6.1) that fills b.
func parseExpr(b []byte) (expr, error) {
	if len(b) > maxExpr {
		return expr{}, errExpr
	}
	e, rest, err := readExpr(b, 0)
	if err == nil && len(rest) > 0 {
		err = errExpr
	}
	return e, err
}

func readExpr(b []byte, depth int) (e expr, rest []byte, err error) {
	if len(b) == 0 || depth > maxExprDepth {
		return expr{}, nil, errExpr
	}
	if b[0] != '(' {
		e.atom, rest, err = readAtom(b)
		return e, rest, err
	}
	for b = b[1:]; ; {
		if len(b) == 0 {
			return expr{}, nil, errExpr
		}
		if b[0] == ')' {
			return e, b[1:], nil
		}
		var sub expr
		if sub, b, err = readExpr(b, depth+1); err != nil {
			return expr{}, nil, err
		}
		e.list = append(e.list, sub)
	}
}

// readAtom reads LENGTH:BYTES. The length has no leading zero, so that there is one way to
// write an expression.
func readAtom(b []byte) (atom, rest []byte, err error) {
	number, _, ok := bytes.Cut(b[:min(len(b), 8)], []byte(":"))
	if !ok || len(number) == 0 || (number[0] == '0' && len(number) > 1) {
		return nil, nil, errExpr
	}
	n, err := strconv.ParseUint(string(number), 10, 16)
	rest = b[len(number)+1:]
	if err != nil || int(n) > len(rest) {
		return nil, nil, errExpr
	}
	return rest[:n:n], rest[n:], nil
}

// signatureExpr is (sig-val (ALGORITHM (NAME VALUE)…)).
type signatureExpr struct {
	algorithm string
	values    map[string][]byte // unsigned big-endian numbers
}

// parseSignatureExpr reads the answer to PKSIGN.
func parseSignatureExpr(b []byte) (signatureExpr, error) {
	e, err := parseExpr(b)
	if err != nil {
		return signatureExpr{}, err
	}
	if e.name() != "sig-val" || len(e.list) < 2 || e.list[1].name() == "" {
		return signatureExpr{}, errExpr
	}
	sig := signatureExpr{algorithm: e.list[1].name(), values: map[string][]byte{}}
	for _, p := range e.list[1].list[1:] {
		if len(p.list) != 2 || p.name() == "" || p.list[1].atom == nil {
			return signatureExpr{}, errExpr
		}
		if _, twice := sig.values[p.name()]; twice {
			return signatureExpr{}, errExpr
		}
		sig.values[p.name()] = p.list[1].atom
	}
	return sig, nil
}

// number returns the value called name, left-padded with zeros to size bytes.
func (s signatureExpr) number(name string, size int) ([]byte, error) {
	v, ok := s.values[name]
	v = bytes.TrimLeft(v, "\x00")
	if !ok || len(v) == 0 || len(v) > size {
		return nil, errExpr
	}
	return append(make([]byte, size-len(v)), v...), nil
}
