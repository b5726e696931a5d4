package pgp

import (
	"bytes"
	"errors"
	"testing"
)

func TestNext(t *testing.T) {
	for name, c := range map[string]struct {
		data    []byte
		tag     Tag
		body    string
		partial bool
		err     error
	}{
		"new, one octet":  {[]byte{0xcd, 1, 'x'}, TagUserID, "x", false, nil},
		"new, five":       {[]byte{0xcd, 255, 0, 0, 0, 1, 'x'}, TagUserID, "x", false, nil},
		"old, one octet":  {[]byte{0xb4, 1, 'x'}, TagUserID, "x", false, nil},
		"old, four":       {[]byte{0xb6, 0, 0, 0, 1, 'x'}, TagUserID, "x", false, nil},
		"in parts":        {[]byte{0xcd, 0xe1, 'a', 'b', 1, 'c'}, TagUserID, "abc", true, nil},
		"in parts, empty": {[]byte{0xcd, 0xe0, 'a', 0}, TagUserID, "a", true, nil},
		"part cut off":    {[]byte{0xcd, 0xe1, 'a'}, TagUserID, "", true, ErrTruncated},
		"no last part":    {[]byte{0xcd, 0xe0, 'a'}, TagUserID, "", true, ErrTruncated},
		"indeterminate":   {[]byte{0xb7, 'x'}, TagUserID, "", false, ErrNoLength},
		"body cut off":    {[]byte{0xcd, 2, 'x'}, TagUserID, "", false, ErrTruncated},
		"length cut off":  {[]byte{0xcd, 255, 0}, TagUserID, "", false, ErrTruncated},
		"old, no length":  {[]byte{0xb6, 0}, TagUserID, "", false, ErrTruncated},
		"text":            {[]byte("text"), 0, "", false, ErrNotPacket},
		"nothing":         {nil, 0, "", false, ErrNotPacket},
	} {
		p, rest, err := Next(c.data)
		if p.Tag != c.tag || p.Partial != c.partial || !errors.Is(err, c.err) || err == nil && (string(p.Body) != c.body || len(rest) > 0 || !bytes.Equal(p.Raw, c.data)) {
			t.Errorf("%s: %+v, rest %q, %v", name, p, rest, err)
		}
	}
}

// What is framed reads the same again, and what is read adds up to what was there.
func FuzzNext(f *testing.F) {
	f.Add([]byte{0xcd, 1, 'x', 0xc2, 0xe1, 'a', 'b', 1, 'c'})
	f.Add(New(TagSignature, make([]byte, 9000)).Raw)
	f.Add([]byte{0x99, 1, 44})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, rest, err := Next(data)
		if err != nil {
			return
		}
		if !bytes.Equal(append(bytes.Clone(p.Raw), rest...), data) {
			t.Fatal("the packet and the rest are not what was there")
		}
		for _, again := range [][]byte{New(p.Tag, p.Body).Raw, Append(nil, p.Tag, p.Body)} {
			q, rest, err := Next(again)
			if err != nil || len(rest) > 0 || q.Tag != p.Tag || q.Partial || !bytes.Equal(q.Body, p.Body) {
				t.Fatalf("framed anew: %+v, rest %d, %v", q, len(rest), err)
			}
		}
	})
}
