package source

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
)

// A zip archive tells its content twice: in the central directory at its end, which most programs
// read, and in a header before each file, which programs that read from a pipe go by. Here both
// must say the same, and nothing may lie between (APPNOTE.TXT, 4.3.6 and 4.3.7 to 4.3.16).

// The signatures and fixed lengths of the records of a zip archive.
const (
	zipLocalSig, zipLocalLen     = 0x04034b50, 30
	zipCentralSig, zipCentralLen = 0x02014b50, 46
	zipEnd64Sig, zipEnd64Len     = 0x06064b50, 56
	zipLocatorSig, zipLocatorLen = 0x07064b50, 20
	zipEndSig, zipEndLen         = 0x06054b50, 22
	zipDescriptorSig             = 0x08074b50
)

// Bits of the flags, and extra fields, that matter here.
const (
	zipEncrypted   = 1 << 0
	zipDescriptor  = 1 << 3
	zipExtra64     = 0x0001
	zipUnicodePath = 0x7075
)

// The faults of a zip archive's layout, as sentences.
const (
	zipFaultHidden    = "It holds data that its list of files does not name; programs which read it from its beginning would unpack that too."
	zipFaultTwice     = "Two entries of its list of files lie over each other; programs disagree which files it holds."
	zipFaultNames     = "A file has one name in the list at its end and another one before its content; programs disagree which one counts."
	zipFaultSizes     = "The list at its end and the headers before the content disagree about a file; programs disagree what it holds."
	zipFaultEncrypted = "A file in it says that it is encrypted; programs disagree what it holds."
	zipFaultEnd       = "Its list of files is not where its end says it is, or something follows the end; programs disagree which files it holds."
)

var errZipLayout = errors.New("the layout of the zip archive has a fault")

// zipLayout walks over a whole zip archive.
type zipLayout struct {
	r     io.ReaderAt
	size  int64
	fault string // the first one
}

func (l *zipLayout) fails(fault string) error {
	if l.fault == "" {
		l.fault = fault
	}
	return errZipLayout
}

// zipFault says what about the layout would make another program find other files in the archive
// than z does, or "". The records of the archive must lie side by side from its first octet to its
// last.
func zipFault(b *budget, r io.ReaderAt, size int64, z *zip.Reader) (string, error) {
	l := &zipLayout{r: r, size: size}
	pos, err := l.locals(b, z.File)
	if err == nil {
		err = l.directory(b, pos, z)
	}
	if errors.Is(err, errZipLayout) {
		err = nil
	}
	return l.fault, err
}

// locals walks over the files, in the order in which they lie, and returns where they end.
func (l *zipLayout) locals(b *budget, files []*zip.File) (pos int64, err error) {
	byData := make(map[int64]*zip.File, len(files))
	for _, f := range files {
		if err := b.ctx.Err(); err != nil {
			return 0, err
		}
		at, err := f.DataOffset()
		if err != nil {
			return 0, l.fails(zipFaultHidden)
		}
		if byData[at] != nil {
			return 0, l.fails(zipFaultTwice)
		}
		byData[at] = f
	}
	for range files {
		if err := b.ctx.Err(); err != nil {
			return 0, err
		}
		if pos, err = l.local(pos, byData); err != nil {
			return 0, err
		}
	}
	return pos, nil
}

// local walks over the file whose header is at pos.
func (l *zipLayout) local(pos int64, byData map[int64]*zip.File) (next int64, err error) {
	h, ok := l.record(pos, zipLocalSig, zipLocalLen)
	if !ok {
		return 0, l.fails(zipFaultHidden)
	}
	name, extra := int64(u16(h, 26)), int64(u16(h, 28))
	data := pos + zipLocalLen + name + extra
	f := byData[data]
	if f == nil || f.CompressedSize64 > uint64(l.size-data) {
		return 0, l.fails(zipFaultHidden)
	}
	more, ok := l.read(pos+zipLocalLen, int(name+extra))
	if !ok {
		return 0, l.fails(zipFaultHidden)
	}
	switch {
	case string(more[:name]) != f.Name || !sameUnicodePath(more[name:], f.Name) || !sameUnicodePath(f.Extra, f.Name):
		return 0, l.fails(zipFaultNames)
	case (u16(h, 6)|f.Flags)&zipEncrypted != 0:
		return 0, l.fails(zipFaultEncrypted)
	case u16(h, 8) != f.Method || (u16(h, 6)^f.Flags)&zipDescriptor != 0:
		return 0, l.fails(zipFaultSizes)
	}
	next = data + int64(f.CompressedSize64)
	if f.Flags&zipDescriptor != 0 {
		return l.descriptor(next, f)
	}
	packed, full := localSizes(h, more[name:])
	if u32(h, 14) != f.CRC32 || packed != f.CompressedSize64 || full != f.UncompressedSize64 {
		return 0, l.fails(zipFaultSizes)
	}
	return next, nil
}

// localSizes are the sizes in a local header, which stand in its extra field if they are large.
func localSizes(h, extra []byte) (packed, full uint64) {
	packed, full = uint64(u32(h, 18)), uint64(u32(h, 22))
	large := slices.Concat(extraFields(extra, zipExtra64)...)
	for _, size := range []*uint64{&full, &packed} { // in this order (4.5.3)
		if *size == math.MaxUint32 && len(large) >= 8 {
			*size, large = binary.LittleEndian.Uint64(large), large[8:]
		}
	}
	return packed, full
}

// descriptor walks over what follows the content of a file whose sizes were not known before: with
// or without a signature, with sizes of 4 or 8 octets (4.3.9).
func (l *zipLayout) descriptor(pos int64, f *zip.File) (next int64, err error) {
	sum := binary.LittleEndian.AppendUint32(nil, f.CRC32)
	short := binary.LittleEndian.AppendUint32(bytes.Clone(sum), uint32(f.CompressedSize64))
	short = binary.LittleEndian.AppendUint32(short, uint32(f.UncompressedSize64))
	long := binary.LittleEndian.AppendUint64(bytes.Clone(sum), f.CompressedSize64)
	long = binary.LittleEndian.AppendUint64(long, f.UncompressedSize64)
	sig := binary.LittleEndian.AppendUint32(nil, zipDescriptorSig)
	for _, want := range [][]byte{append(bytes.Clone(sig), long...), append(sig, short...), long, short} {
		if got, ok := l.read(pos, len(want)); ok && bytes.Equal(got, want) {
			if after, ok := l.read(pos+int64(len(want)), 2); ok && string(after) == "PK" {
				return pos + int64(len(want)), nil
			}
		}
	}
	return 0, l.fails(zipFaultHidden)
}

// directory walks over the central directory, which begins at start, and the end of the archive.
func (l *zipLayout) directory(b *budget, start int64, z *zip.Reader) error {
	pos := start
	in := bufio.NewReader(io.NewSectionReader(l.r, start, l.size-start))
	h := make([]byte, zipCentralLen)
	for _, f := range z.File {
		if err := b.ctx.Err(); err != nil {
			return err
		}
		if _, err := io.ReadFull(in, h); err != nil || u32(h, 0) != zipCentralSig {
			return l.fails(zipFaultHidden)
		}
		name := make([]byte, u16(h, 28))
		if _, err := io.ReadFull(in, name); err != nil || string(name) != f.Name {
			return l.fails(zipFaultEnd)
		}
		rest := int(u16(h, 30)) + int(u16(h, 32))
		if _, err := in.Discard(rest); err != nil {
			return l.fails(zipFaultEnd)
		}
		pos += zipCentralLen + int64(len(name)+rest)
	}
	return l.end(start, pos, uint64(len(z.File)))
}

// end looks at what follows the central directory, which lies from start to pos: it must say so
// itself, and be the last thing in the archive.
func (l *zipLayout) end(start, pos int64, entries uint64) error {
	at, length := uint64(start), uint64(pos-start)
	large := false
	if h, ok := l.record(pos, zipEnd64Sig, zipEnd64Len); ok {
		loc, ok := l.record(pos+zipEnd64Len, zipLocatorSig, zipLocatorLen)
		if !ok || u64(loc, 8) != uint64(pos) || u64(h, 4) != zipEnd64Len-12 || u64(h, 32) != entries || u64(h, 40) != length || u64(h, 48) != at {
			return l.fails(zipFaultEnd)
		}
		large, pos = true, pos+zipEnd64Len+zipLocatorLen
	}
	h, ok := l.record(pos, zipEndSig, zipEndLen)
	if !ok {
		return l.fails(zipFaultHidden)
	}
	// A number that is all ones stands in the larger record.
	is := func(got, want, most uint64) bool { return got == want || large && got == most }
	comment := int(u16(h, 20))
	text, ok := l.read(pos+zipEndLen, comment)
	if !ok || pos+zipEndLen+int64(comment) != l.size || bytes.Contains(text, []byte("PK\x05\x06")) || u16(h, 4) != 0 && !large ||
		!is(uint64(u16(h, 10)), entries, math.MaxUint16) || !is(uint64(u32(h, 12)), length, math.MaxUint32) || !is(uint64(u32(h, 16)), at, math.MaxUint32) {
		return l.fails(zipFaultEnd)
	}
	return nil
}

// read returns n octets at pos; false if they are not there.
func (l *zipLayout) read(pos int64, n int) ([]byte, bool) {
	if pos < 0 || pos > l.size-int64(n) {
		return nil, false
	}
	b := make([]byte, n)
	_, err := io.ReadFull(io.NewSectionReader(l.r, pos, int64(n)), b)
	return b, err == nil
}

// record reads a record that begins with a signature.
func (l *zipLayout) record(pos int64, sig uint32, n int) ([]byte, bool) {
	b, ok := l.read(pos, n)
	return b, ok && u32(b, 0) == sig
}

// extraFields are the extra fields of one kind.
func extraFields(extra []byte, id uint16) (fields [][]byte) {
	for len(extra) >= 4 {
		end := 4 + int(u16(extra, 2))
		if end > len(extra) {
			break
		}
		if u16(extra, 0) == id {
			fields = append(fields, extra[4:end])
		}
		extra = extra[end:]
	}
	return fields
}

// sameUnicodePath reports whether the field that some programs prefer to the name (4.6.9) is not
// there, or says the same: after a version and a checksum of the name.
func sameUnicodePath(extra []byte, name string) bool {
	for _, field := range extraFields(extra, zipUnicodePath) {
		if len(field) < 5 || string(field[5:]) != name {
			return false
		}
	}
	return true
}

func u16(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
func u32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
func u64(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

// errPacked says that compressed data goes on after its own end: what follows there is a file of its
// own for programs that read the archive from its beginning.
var errPacked = errors.New("something follows the end of a file's compressed data")

// inflating returns a decompressor for one file after the other, which must have been compressed to
// the last octet of its place.
func inflating() zip.Decompressor {
	in := bufio.NewReader(nil)
	i := &inflater{in: in, ReadCloser: flate.NewReader(in)}
	return func(r io.Reader) io.ReadCloser {
		in.Reset(r)
		_ = i.ReadCloser.(flate.Resetter).Reset(in, nil) // it never fails
		return i
	}
}

type inflater struct {
	io.ReadCloser
	in *bufio.Reader
}

func (i *inflater) Read(p []byte) (int, error) {
	n, err := i.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		if _, more := i.in.Peek(1); more == nil {
			return n, errPacked
		}
	}
	return n, err
}
