package keys

import (
	"bytes"
	"crypto"
	"hash"
)

// maxDocumentStates bounds how many hash states one document feeds. All hash functions in both
// text modes are 16; each v6 signature adds one of its own, because of its salt.
const maxDocumentStates = 32

// documentKey names a way to hash a document.
type documentKey struct {
	hash crypto.Hash
	text bool
	salt string
}

// documentHash hashes a document in one way.
type documentHash struct {
	documentKey
	state hash.Hash
	// crs counts carriage returns seen and not hashed yet: at the end of a line they are part
	// of its end, elsewhere they are text.
	crs int
}

func newDocumentHash(k documentKey) *documentHash {
	d := &documentHash{documentKey: k, state: k.hash.New()}
	d.state.Write([]byte(k.salt))
	return d
}

func (d *documentHash) write(p []byte) {
	if !d.text {
		d.state.Write(p)
		return
	}
	for len(p) > 0 {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			i = len(p)
		}
		if i > 0 {
			d.flush()
			d.state.Write(p[:i])
		}
		if i == len(p) {
			return
		}
		if p[i] == '\n' {
			d.crs = 0
			d.state.Write([]byte("\r\n"))
		} else {
			d.crs++
		}
		p = p[i+1:]
	}
}

func (d *documentHash) flush() {
	for ; d.crs > 0; d.crs-- {
		d.state.Write([]byte{'\r'})
	}
}

// clone is the state after everything written so far, as if the document ended there. Carriage
// returns at its very end are dropped, as GnuPG does.
func (d *documentHash) clone() (hash.Hash, error) { return cloneHash(d.state) }
