package source

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// entryType is what an entry of an archive is.
type entryType int

const (
	typeFile entryType = iota
	typeLink
	typeDir
	typeHardLink
	typeSpecial
)

// entry is one entry of an archive, as it is met.
type entry struct {
	name string // raw
	typ  entryType
	mode fs.FileMode
	// modeKnown says that the archive tells whether the file is executable: zip archives made
	// by some tools do not.
	modeKnown bool
	link      string // where a symbolic or hard link leads
	size      int64  // as the archive claims
	content   io.Reader
}

// about is what an archive says of itself.
type about struct {
	format string
	commit string // the commit that git archive noted, "" for none
	// trailing says that something other than zeros follows the end, or that it is damaged.
	trailing bool
	// ambiguous says in a sentence why other programs may find other files in it, "" if they don't.
	ambiguous string
}

var (
	errTooMuch = errors.New("more content than the limit")
	errTooMany = errors.New("more entries than the limit")
)

// maxLink bounds the target of a symbolic link, in bytes (PATH_MAX).
const maxLink = 4096

// archive is a file that an archive can be read from, more than once.
type archive struct {
	path   string
	file   *os.File
	size   int64
	format string
	limits Limits
}

// open recognises the archive by its first octets, not by its name.
func open(path string, limits Limits) (*archive, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &FormatError{Path: path}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, err
	}
	format, ok := recognise(head[:n], path)
	if !ok {
		f.Close()
		return nil, &FormatError{Path: path, Format: format}
	}
	return &archive{path: path, file: f, size: info.Size(), format: format, limits: limits}, nil
}

func recognise(head []byte, path string) (format string, ok bool) {
	for _, m := range []struct {
		magic, format string
		supported     bool
	}{
		{"\x1f\x8b", "tar.gz", true}, {"BZh", "tar.bz2", true}, {"\x28\xb5\x2f\xfd", "tar.zst", true},
		{"PK\x03\x04", "zip", true}, {"PK\x05\x06", "zip", true},
		{"\xfd7zXZ\x00", "tar.xz", true}, {"LZIP", "lzip", false}, {"7z\xbc\xaf\x27\x1c", "7z", false}, {"\x1f\x9d", "compress", false},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.format, m.supported
		}
	}
	if len(head) >= 262 && string(head[257:262]) == "ustar" || strings.HasSuffix(path, ".tar") {
		return "tar", true
	}
	return "", false
}

// walk calls each for every entry. Errors of each end it and are returned; all others mean that
// the archive is damaged, or wrap errTooMuch or errTooMany.
func (a *archive) walk(ctx context.Context, each func(*entry) error) (about, error) {
	b := &budget{ctx: ctx, entries: a.limits.Entries, bytes: a.limits.Bytes, names: a.limits.Names}
	if a.format == "zip" {
		return a.walkZip(b, each)
	}
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return about{}, err
	}
	r, done, err := a.decompress()
	if err != nil {
		return about{format: a.format}, err
	}
	defer done()
	return a.walkTar(b, r, each)
}

func (a *archive) decompress() (io.Reader, func(), error) {
	in := bufio.NewReaderSize(a.file, 128<<10)
	none := func() {}
	switch a.format {
	case "tar.gz":
		r, err := gzip.NewReader(in)
		return r, none, err
	case "tar.bz2":
		return bzip2.NewReader(in), none, nil
	case "tar.zst":
		r, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, none, err
		}
		return r, r.Close, nil
	case "tar.xz":
		r, err := xzReader(a.file)
		return r, none, err
	}
	return in, none, nil
}

// budget counts what an archive unpacks to.
type budget struct {
	ctx     context.Context
	entries int
	bytes   int64
	names   int
}

func (b *budget) entry(names int) error {
	b.entries--
	if b.names -= names; b.entries < 0 || b.names < 0 {
		return errTooMany
	}
	return b.ctx.Err()
}

// reader charges everything read to the budget.
func (b *budget) reader(r io.Reader) io.Reader { return &budgetReader{b, r} }

type budgetReader struct {
	b *budget
	r io.Reader
}

func (r *budgetReader) Read(p []byte) (int, error) {
	if err := r.b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	if r.b.bytes -= int64(n); r.b.bytes < 0 {
		return 0, errTooMuch
	}
	return n, err
}

// commitNote is what git archive leaves in a pax header or a zip comment.
var commitNote = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

func (a *archive) walkTar(b *budget, r io.Reader, each func(*entry) error) (about, error) {
	info := about{format: a.format}
	// The content has a budget of its own: that of a sparse file is made here, from nothing.
	raw := *b
	r = raw.reader(r)
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return info, err
		}
		if err := b.entry(len(h.Name) + len(h.Linkname)); err != nil {
			return info, err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			info.global(h.PAXRecords, a.limits.Bytes-raw.bytes)
			continue
		}
		if !agreed(h) {
			info.ambiguous = tarFaultNames
		}
		if err := each(tarEntry(h, b.reader(t))); err != nil {
			return info, err
		}
	}
	info.trailing = !onlyZeros(r)
	return info, b.ctx.Err()
}

// The sentences about tar archives that programs read differently.
const (
	tarFaultGlobal = "A header that holds for many entries says more than the commit, or stands among them; programs disagree what it changes."
	tarFaultNames  = "An entry has two names or sizes; programs disagree which one counts."
)

// global takes in a header that holds for all entries after it, where consumed octets of the archive
// were read. Some programs let it name, move and resize them, others pass it over, as Go's do: only
// the note of git archive, which none of them heeds, leaves no doubt what the archive holds. It must
// be the first thing there: Go's reader forgets a header for one entry that stands before it.
func (i *about) global(records map[string]string, consumed int64) {
	if consumed > 2*tarBlock {
		i.ambiguous = tarFaultGlobal
	}
	for key, value := range records {
		if key == "comment" && commitNote.MatchString(value) {
			i.commit = value
		} else {
			i.ambiguous = tarFaultGlobal
		}
	}
}

// tarBlock is what everything in a tar archive is padded to, in bytes.
const tarBlock = 512

// agreed reports whether an entry says the same in all the ways in which a name can be given: that of
// POSIX, that of GNU tar, and that of GNU tar for sparse files, which says the size again too.
// Programs disagree which one counts.
func agreed(h *tar.Header) bool {
	records := h.PAXRecords
	name, named := records["path"]
	link, linked := records["linkpath"]
	for key := range records {
		if !strings.HasPrefix(key, "GNU.sparse.") {
			continue
		}
		switch version := records["GNU.sparse.major"] + "." + records["GNU.sparse.minor"]; version {
		case "0.0", "0.1", "1.0":
		case ".":
			if records["GNU.sparse.map"] == "" {
				return false // Go's reader passes the records over
			}
		default:
			return false
		}
		if sparse, ok := records["GNU.sparse.name"]; ok {
			name, named = sparse, true // the one in path is made up
		}
	}
	return (!named || name == h.Name) && (!linked || link == h.Linkname)
}

// onlyZeros reports whether nothing but padding is left. Whatever else stands there, some tool
// would take it for a second archive.
func onlyZeros(r io.Reader) bool {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if len(bytes.Trim(buf[:n], "\x00")) > 0 {
			return false
		}
		if err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

func tarEntry(h *tar.Header, content io.Reader) *entry {
	e := &entry{name: h.Name, mode: h.FileInfo().Mode(), modeKnown: true, link: h.Linkname, size: h.Size, content: content}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, '\x00':
		e.typ = typeFile
	case tar.TypeSymlink:
		e.typ = typeLink
	case tar.TypeDir:
		e.typ = typeDir
	case tar.TypeLink:
		e.typ = typeHardLink
	default:
		e.typ = typeSpecial
	}
	return e
}

func (a *archive) walkZip(b *budget, each func(*entry) error) (about, error) {
	info := about{format: a.format}
	z, err := zip.NewReader(a.file, a.size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return info, err
	}
	if commitNote.MatchString(z.Comment) {
		info.commit = z.Comment
	}
	if info.ambiguous, err = zipFault(b, a.file, a.size, z); err != nil {
		return info, err
	}
	z.RegisterDecompressor(zip.Deflate, inflating())
	for _, f := range z.File {
		if err := b.entry(len(f.Name)); err != nil {
			return info, err
		}
		if err := zipEntry(b, f, each); err != nil {
			return info, err
		}
	}
	return info, nil
}

// The systems whose zip programs store permissions (APPNOTE.TXT, 4.4.2.2).
const (
	zipUnix  = 3
	zipMacOS = 19
)

func zipEntry(b *budget, f *zip.File, each func(*entry) error) error {
	system := f.CreatorVersion >> 8
	e := &entry{name: f.Name, mode: f.Mode(), modeKnown: system == zipUnix || system == zipMacOS, size: int64(f.UncompressedSize64)}
	if e.size < 0 {
		return errTooMuch
	}
	switch {
	case strings.HasSuffix(f.Name, "/"):
		e.typ = typeDir
		return each(e)
	case e.mode&fs.ModeSymlink != 0:
		e.typ = typeLink
	case e.mode.IsRegular() || e.mode&fs.ModeType == 0:
		e.typ = typeFile
	default:
		e.typ = typeSpecial
		return each(e)
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	e.content = b.reader(r)
	if e.typ == typeLink {
		target, err := io.ReadAll(io.LimitReader(e.content, maxLink+1))
		if err != nil {
			return err
		}
		e.link = string(target)
	}
	return each(e)
}
