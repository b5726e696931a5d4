package source

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/ulikunitz/xz"
)

// maxXZWindow bounds how much memory a block of an xz file may ask for. xz -9 makes windows of
// 64 MiB.
const maxXZWindow = 128 << 20

var errXZ = errors.New("it is no xz file that can be read")

// xzReader decompresses xz. The library takes as much memory as the file says that it needs, up to
// 4 GiB, so that the file is asked first.
func xzReader(f *os.File) (io.Reader, error) {
	if err := checkXZ(bufio.NewReaderSize(f, 128<<10)); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return xz.NewReader(bufio.NewReaderSize(f, 128<<10))
}

// checkXZ goes through an xz file from block to block without decompressing (The .xz File Format,
// version 1.2.1). It is errTooMuch that a block wants a larger window than maxXZWindow. Whether
// what it passes over is sound is for the library to say.
func checkXZ(r *bufio.Reader) error {
	x := xzScanner{r: r}
	for first := true; ; first = false {
		head, err := x.r.Peek(4)
		switch {
		case first:
		case errors.Is(err, io.EOF) && len(head) == 0:
			return nil
		case err == nil && binary.BigEndian.Uint32(head) == 0: // padding between streams
			x.skip(4)
			continue
		}
		if x.stream(); x.err != nil {
			if errors.Is(x.err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			return x.err
		}
	}
}

// xzScanner keeps the first error; what is read after it means nothing.
type xzScanner struct {
	r   *bufio.Reader
	at  int64 // octets read
	err error
}

func (x *xzScanner) fail(err error) {
	if x.err == nil {
		x.err = err
	}
}

func (x *xzScanner) bytes(n int) []byte {
	b := make([]byte, n)
	if x.err == nil {
		var got int
		got, x.err = io.ReadFull(x.r, b)
		x.at += int64(got)
	}
	return b
}

func (x *xzScanner) byte() byte { return x.bytes(1)[0] }

func (x *xzScanner) skip(n int) {
	if x.err == nil {
		var got int
		got, x.err = x.r.Discard(n)
		x.at += int64(got)
	}
}

// number reads a multibyte integer (section 1.2).
func (x *xzScanner) number() (n uint64) {
	for i := range 9 {
		b := x.byte()
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return n
		}
	}
	x.fail(errXZ)
	return 0
}

// stream goes through one stream: header, blocks, index and footer.
func (x *xzScanner) stream() {
	head := x.bytes(12)
	if string(head[:6]) != "\xfd7zXZ\x00" {
		x.fail(errXZ)
	}
	// The size of a block's check by its id (section 2.1.1.2).
	check := [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[head[7]&0xf]
	for x.err == nil {
		size := x.byte()
		if size == 0 {
			x.index()
			x.skip(12)
			return
		}
		x.block(x.bytes((int(size)+1)*4 - 1))
		x.skip(check)
	}
}

// index passes over the list of blocks.
func (x *xzScanner) index() {
	start := x.at - 1
	for n := x.number(); n > 0 && x.err == nil; n-- {
		x.number()
		x.number()
	}
	x.skip(int(-(x.at-start)&3) + 4)
}

// block goes through a block whose header, without its first octet, is head (section 3.1).
func (x *xzScanner) block(head []byte) {
	h := xzScanner{r: bufio.NewReader(bytes.NewReader(head))}
	flags := h.byte()
	for _, bit := range []byte{0x40, 0x80} {
		if flags&bit != 0 {
			h.number()
		}
	}
	for range int(flags&3) + 1 {
		id, size := h.number(), h.number()
		if size > uint64(len(head)) {
			h.fail(errXZ)
			break
		}
		properties := h.bytes(int(size))
		if id == 0x21 && size == 1 && windowOf(properties[0]) > maxXZWindow {
			x.fail(errTooMuch)
		}
	}
	if h.err != nil {
		x.fail(errXZ)
	}
	start := x.at
	x.chunks()
	x.skip(int(-(x.at - start) & 3))
}

// windowOf is the size of the window of LZMA2 in bytes (section 5.3.1).
func windowOf(property byte) uint64 {
	if property >= 40 {
		return 1 << 32
	}
	return (2 | uint64(property&1)) << (property/2 + 11)
}

// chunks passes over the chunks of LZMA2, each of which says how long it is.
func (x *xzScanner) chunks() {
	for x.err == nil {
		switch control := x.byte(); {
		case control == 0:
			return
		case control >= 0x80:
			sizes := x.bytes(4)
			n := int(binary.BigEndian.Uint16(sizes[2:])) + 1
			if control >= 0xc0 {
				n++ // properties
			}
			x.skip(n)
		case control <= 2:
			x.skip(int(binary.BigEndian.Uint16(x.bytes(2))) + 1)
		default:
			x.fail(errXZ)
		}
	}
}
