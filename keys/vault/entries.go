package vault

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// entries is the content of a [File] vault. Its plaintext is a text that a person can read
// after `age -d`: a first line with the version, then one line per entry, sorted by name: the
// name, a space, the value in base64. A format of our own, and not JSON, because encoders keep
// copies of what they write in buffers that nobody wipes.
type entries map[Key][]byte

const entriesHeader = "bulla-vault v1\n"

var errNotEntries = errors.New("it is not a list of entries that this version of bulla reads")

func (e entries) names() []Key { return slices.Sorted(maps.Keys(e)) }

func (e entries) wipe() {
	for _, b := range e {
		clear(b)
	}
	clear(e)
}

// formatEntries writes into one buffer of the right size, which the caller clears.
func formatEntries(e entries) []byte {
	size := len(entriesHeader)
	for k, b := range e {
		size += len(k) + 1 + base64.StdEncoding.EncodedLen(len(b)) + 1
	}
	out := append(make([]byte, 0, size), entriesHeader...)
	for _, k := range e.names() {
		out = append(append(out, k...), ' ')
		out = base64.StdEncoding.AppendEncode(out, e[k])
		out = append(out, '\n')
	}
	return out
}

// parseEntries is strict: what it accepts, formatEntries writes again byte for byte. Its errors
// quote nothing of what it read.
func parseEntries(plain []byte) (_ entries, err error) {
	rest, ok := bytes.CutPrefix(plain, []byte(entriesHeader))
	if !ok {
		return nil, errNotEntries
	}
	e := entries{}
	defer func() {
		if err != nil {
			e.wipe()
		}
	}()
	var last Key
	for n := 2; len(rest) > 0; n++ {
		var line []byte
		if line, rest, ok = bytes.Cut(rest, []byte("\n")); !ok {
			return nil, fmt.Errorf("line %d is cut off", n)
		}
		name, text, ok := bytes.Cut(line, []byte(" "))
		k := Key(name)
		if !ok || k.Check() != nil || k <= last {
			return nil, fmt.Errorf("line %d does not begin with a name in its order", n)
		}
		// The decoder skips \r, which would make two spellings of one value.
		value, err := base64.StdEncoding.Strict().AppendDecode(make([]byte, 0, len(text)), text)
		if err != nil || bytes.ContainsRune(text, '\r') {
			clear(value[:cap(value)])
			return nil, fmt.Errorf("line %d is not valid base64", n)
		}
		e[k], last = value, k
	}
	return e, nil
}
