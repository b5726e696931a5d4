package artifacts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/keystest"
)

// odd are names that a shell script would trip over.
func odd() []string {
	names := []string{"plain.zip", "two  blanks", "-dash", "ünïcode", "empty"}
	if runtime.GOOS != "windows" {
		names = append(names, "new\nline", "back\\slash", "cr\r", "*star", "esc\x1b[31m")
	}
	return names
}

// A file that is replaced after the first look, and before its turn, is not the one that was chosen.
func TestSignSeesAReplacedFile(t *testing.T) {
	dir := tree(t, "1.zip", "2.zip")
	files := find(t, dir, "*")
	o := newSigner(t, "ed25519", nil).options()
	o.Workers = 1
	o.Writing = func(path string, _ []byte) error {
		if filepath.Base(path) == "1.zip.asc" {
			write(t, filepath.Join(dir, "2.zip"), "another file of another size")
		}
		return nil
	}
	var changed *ChangedError
	if done, err := Sign(t.Context(), files, o); !errors.As(err, &changed) || filepath.Base(changed.Path) != "2.zip" || len(done) != 1 {
		t.Errorf("%d signed, %v", len(done), err)
	}
	if exists(filepath.Join(dir, "2.zip.asc")) {
		t.Error("it was signed")
	}
}

func TestSign(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  *packet.Config
	}{
		{"ed25519", nil},
		{"rsa3072", &packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 3072}},
		{"nistp256", &packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256}},
		{"nistp384", &packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP384}},
		{"nistp521", &packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP521}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tree(t, odd()...)
			write(t, filepath.Join(dir, "empty"), "")
			write(t, filepath.Join(dir, "big.bin"), strings.Repeat("0123456789abcdef", (2*bufferSize+5*16)/16))
			s := newSigner(t, c.name, c.cfg)
			o := s.options()
			o.SHA512 = true
			files := find(t, dir, "*")
			signed := mustSign(t, files, o)
			if len(signed) != len(files) || s.signed != len(files) {
				t.Fatalf("%d files, %d signed, %d signatures", len(files), len(signed), s.signed)
			}
			noTemps(t, dir)
			for i, f := range signed {
				content := []byte(read(t, f.Path))
				h256, h512 := sha256.Sum256(content), sha512.Sum512(content)
				if f.File != files[i] || f.Kept || f.SignaturePath != f.Path+".asc" ||
					f.SHA256 != hex.EncodeToString(h256[:]) || f.SHA512 != hex.EncodeToString(h512[:]) {
					t.Errorf("wrong result %+v", f)
				}
				v, err := Verify(t.Context(), f.Path, "", s.judge(t))
				if err != nil || len(v.Verdicts) != 1 || !v.Verdicts[0].OK(false) || v.SHA256 != f.SHA256 {
					t.Errorf("%q: our judge says %+v, %v", f.Name, v, err)
				}
				if d, err := Digest(t.Context(), f.Path, true); err != nil || d != f.SHA512 {
					t.Errorf("%q: digest %s, %v", f.Name, d, err)
				}
			}
			t.Run("gpg", func(t *testing.T) {
				home := s.gpgHome(t)
				for _, f := range signed {
					if st := keystest.GPGStatus(t, home, f.SignaturePath, f.Path); !keystest.HasStatus(st, "GOODSIG") {
						t.Errorf("%q: %q", f.Name, st)
					}
				}
			})
			t.Run("sq", func(t *testing.T) {
				sq, cert := keystest.Peer(t, "sq"), s.armored(t)
				for _, f := range signed {
					_, errOut, err := keystest.Run(t, nil, nil, sq, "verify", "--signer-cert", cert, "--detached", f.SignaturePath, f.Path)
					if err != nil {
						t.Errorf("%q: %v\n%s", f.Name, err, errOut)
					}
				}
			})
		})
	}
}

// A second run keeps what the first one made, touches nothing and does not sign.
func TestSignKeeps(t *testing.T) {
	dir := tree(t, "a", "b", "c")
	s := defaultSigner(t)
	files := find(t, dir, "*")
	first := mustSign(t, files[:2], s.options())
	before := read(t, first[0].SignaturePath)

	for _, replace := range []bool{false, true} {
		s.signed = 0
		o := s.options()
		o.Replace = replace
		o.Now = func() time.Time { return now.Add(time.Minute) }
		signed := mustSign(t, files, o)
		if len(signed) != 3 || !signed[0].Kept || !signed[1].Kept || signed[2].Kept == !replace {
			t.Errorf("replace %v: %+v", replace, signed)
		}
		if signed[0].SHA256 != first[0].SHA256 || read(t, first[0].SignaturePath) != before {
			t.Errorf("replace %v: what was kept is not what was there", replace)
		}
		if want := 1; !replace && s.signed != want || replace && s.signed != 0 {
			t.Errorf("replace %v: %d signatures made", replace, s.signed)
		}
	}
}

// gpg's own signature by the same key is as good as ours and is kept, binary or text mode.
func TestSignKeepsWhatGPGMade(t *testing.T) {
	for _, args := range [][]string{{"--armor"}, {"--armor", "--textmode"}, {}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			s, home := gpgSigner(t, "ed25519")
			dir := tree(t, "a.txt")
			path := filepath.Join(dir, "a.txt")
			write(t, path, "one\ntwo\r\nthree")
			_, errOut, err := keystest.GPG(t, home, nil, append(args, "--output", path+".asc", "--detach-sign", path)...)
			if err != nil {
				t.Fatalf("gpg: %v\n%s", err, errOut)
			}
			o := s.options()
			o.Now = time.Now
			if signed := mustSign(t, find(t, dir, "a.txt"), o); !signed[0].Kept {
				t.Errorf("not kept: %+v", signed)
			}
		})
	}
}

func TestSignLeavesOtherSignatures(t *testing.T) {
	s, other := defaultSigner(t), newSigner(t, "Other", nil)
	for _, c := range []struct {
		name    string
		state   SignState
		prepare func(t *testing.T, f File)
	}{
		{"stale", StateStale, func(t *testing.T, f File) {
			write(t, f.Path, "before")
			mustSign(t, []File{{Path: f.Path}}, s.options())
			write(t, f.Path, "after")
		}},
		{"from the future", StateStale, func(t *testing.T, f File) {
			o := s.options()
			o.Now = func() time.Time { return now.Add(48 * time.Hour) }
			mustSign(t, []File{{Path: f.Path}}, o)
		}},
		{"damaged", StateStale, func(t *testing.T, f File) {
			mustSign(t, []File{{Path: f.Path}}, s.options())
			write(t, f.SignaturePath(), flipSignature(t, read(t, f.SignaturePath())))
		}},
		{"foreign", StateForeign, func(t *testing.T, f File) { mustSign(t, []File{{Path: f.Path}}, other.options()) }},
		{"junk", StateUnreadable, func(t *testing.T, f File) { write(t, f.SignaturePath(), "not a signature\n") }},
		{"empty", StateUnreadable, func(t *testing.T, f File) { write(t, f.SignaturePath(), "") }},
		{"huge", StateUnreadable, func(t *testing.T, f File) { write(t, f.SignaturePath(), strings.Repeat("x", maxSignature+1)) }},
		{"folder", StateUnreadable, func(t *testing.T, f File) { write(t, f.SignaturePath()+"/x", "") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tree(t, "a", "m", "z")
			f := find(t, dir, "m")[0]
			c.prepare(t, f)
			there, _ := os.ReadFile(f.SignaturePath())
			files := find(t, dir, "?")

			signed, err := Sign(t.Context(), files, s.options())
			var exists *SignatureExistsError
			if !errors.As(err, &exists) || exists.State != c.state || exists.Path != f.SignaturePath() || !errors.Is(err, fs.ErrExist) {
				t.Errorf("got %v", err)
			}
			if c.state == StateForeign && exists.By != other.key.Fingerprint {
				t.Errorf("foreign signature by %s", exists.By)
			}
			if len(signed) != 0 {
				t.Errorf("signed %+v although something stood in the way", signed)
			}
			absent(t, files[0].SignaturePath())
			absent(t, files[2].SignaturePath())
			if is, _ := os.ReadFile(f.SignaturePath()); !bytes.Equal(is, there) {
				t.Error("the signature file was touched")
			}
			if c.name == "folder" {
				return
			}
			o := s.options()
			o.Replace = true
			mustSign(t, files, o)
			v, err := Verify(t.Context(), f.Path, "", s.judge(t))
			if err != nil || !v.Verdicts[0].OK(false) {
				t.Errorf("after replacing: %+v, %v", v, err)
			}
		})
	}
}

// All that stands in the way is told at once.
func TestSignTellsEveryObstacle(t *testing.T) {
	dir := tree(t, "a", "b", "c", "a.asc", "c.asc")
	_, err := Sign(t.Context(), find(t, dir, "a", "b", "c"), defaultSigner(t).options())
	if err == nil || !strings.Contains(err.Error(), "a.asc") || !strings.Contains(err.Error(), "c.asc") {
		t.Errorf("got %v", err)
	}
	absent(t, filepath.Join(dir, "b.asc"))
}

func TestSignSameFileTwice(t *testing.T) {
	f := find(t, tree(t, "a"), "a")[0]
	_, err := Sign(t.Context(), []File{f, f}, defaultSigner(t).options())
	var dup *DuplicateNameError
	if !errors.As(err, &dup) {
		t.Errorf("got %v", err)
	}
	absent(t, f.SignaturePath())
}

// A signer that errs does not get its signature onto the disk.
func TestSignVerifiesWhatWasMade(t *testing.T) {
	type signFunc = func(hash.Hash) ([]byte, error)
	other := newSigner(t, "Other", nil)
	for name, spoil := range map[string]func(hash.Hash, signFunc) ([]byte, error){
		"something else": func(_ hash.Hash, sign signFunc) ([]byte, error) {
			h := sha256.New()
			h.Write([]byte("something else"))
			return sign(h)
		},
		"damaged": func(h hash.Hash, sign signFunc) ([]byte, error) {
			sig, err := sign(h)
			return []byte(flipSignature(t, string(sig))), err
		},
		"another key":    func(h hash.Hash, _ signFunc) ([]byte, error) { return other.Sign(t.Context(), h, now) },
		"nothing":        func(hash.Hash, signFunc) ([]byte, error) { return nil, nil },
		"two signatures": func(h hash.Hash, sign signFunc) ([]byte, error) { sig, err := sign(h); return append(sig, sig...), err },
		"an error":       func(hash.Hash, signFunc) ([]byte, error) { return nil, errors.New("out of ink") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, "a")
			s := defaultSigner(t)
			s.spoil = spoil
			if signed, err := Sign(t.Context(), find(t, dir, "a"), s.options()); err == nil || len(signed) != 0 {
				t.Errorf("accepted: %+v", signed)
			}
			absent(t, filepath.Join(dir, "a.asc"))
			signed := []Signed{{File: File{Path: filepath.Join(dir, "a")}, SHA256: hexA}}
			if _, err := WriteChecksums(t.Context(), dir, signed, s.options()); err == nil {
				t.Error("accepted for a checksums file")
			}
			absent(t, filepath.Join(dir, SHA256Name))
			noTemps(t, dir)
		})
	}
}

// The file changes after the first buffer was read.
func TestSignNoticesChanges(t *testing.T) {
	for _, c := range []struct {
		name   string
		gone   bool
		change func(path string) error
	}{
		{"written to", false, func(p string) error {
			f, err := os.OpenFile(p, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte("x"), 0)
			return err
		}},
		{"grown", false, func(p string) error {
			f, err := os.OpenFile(p, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("x")
			return err
		}},
		{"cut off", false, func(p string) error { return os.Truncate(p, bufferSize) }},
		{"replaced", false, func(p string) error {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			info, err := os.Stat(p)
			if err != nil {
				return err
			}
			if err := os.WriteFile(p+".new", b, 0o644); err != nil {
				return err
			}
			if err := os.Chtimes(p+".new", info.ModTime(), info.ModTime()); err != nil {
				return err
			}
			return os.Rename(p+".new", p)
		}},
		{"removed", true, os.Remove},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tree(t, "small")
			path := filepath.Join(dir, "large")
			write(t, path, strings.Repeat("x", 3*bufferSize))
			past := time.Now().Add(-time.Hour)
			if err := os.Chtimes(path, past, past); err != nil {
				t.Fatal(err)
			}
			o := defaultSigner(t).options()
			o.Workers = 1
			o.Progress = func(p Progress) {
				if p.File == "large" && p.FileDone == 0 && c.change != nil {
					if err := c.change(path); err != nil {
						if runtime.GOOS == "windows" {
							t.Skip("Windows keeps an open file from it: ", err)
						}
						t.Error(err)
					}
					c.change = nil
				}
			}
			files := find(t, dir, "small", "large")
			slices.Reverse(files) // the small one first
			signed, err := Sign(t.Context(), files, o)
			var changed *ChangedError
			if !errors.As(err, &changed) || changed.Path != path || errors.Is(err, fs.ErrNotExist) != c.gone {
				t.Errorf("got %v", err)
			}
			if len(signed) != 1 || signed[0].Name != "small" {
				t.Errorf("what is done was not returned: %+v", signed)
			}
			absent(t, path+".asc")
			noTemps(t, dir)
		})
	}
}

// A file that was signed, changed and put back as it was has another time: its signature proves it
// the same. A changed one is refused, whatever may be replaced.
func TestSignTakesARestoredFile(t *testing.T) {
	dir := tree(t, "a")
	files := find(t, dir, "a")
	o := defaultSigner(t).options()
	if _, err := Sign(t.Context(), files, o); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(files[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	later := files[0].ModTime.Add(time.Minute)
	for _, replace := range []bool{false, true} {
		o.Replace = replace
		write(t, files[0].Path, strings.Repeat("x", len(content)))
		if err := os.Chtimes(files[0].Path, later, later); err != nil {
			t.Fatal(err)
		}
		var changed *ChangedError
		if _, err := Sign(t.Context(), files, o); !errors.As(err, &changed) {
			t.Errorf("changed, replace %v: %v", replace, err)
		}
		write(t, files[0].Path, string(content))
		if err := os.Chtimes(files[0].Path, later, later); err != nil {
			t.Fatal(err)
		}
		if signed, err := Sign(t.Context(), files, o); err != nil || !signed[0].Kept {
			t.Errorf("restored, replace %v: %+v, %v", replace, signed, err)
		}
	}
}

func TestSignNoticesChangeSinceFound(t *testing.T) {
	dir := tree(t, "a", "b")
	files := find(t, dir, "a", "b")
	write(t, files[1].Path, "longer than before")
	_, err := Sign(t.Context(), files, defaultSigner(t).options())
	var changed *ChangedError
	if !errors.As(err, &changed) || changed.Path != files[1].Path {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(files[1].Path); err != nil {
		t.Fatal(err)
	}
	_, err = Sign(t.Context(), files, defaultSigner(t).options())
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Path != files[1].Path || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	absent(t, files[0].SignaturePath())
}

func TestSignCancelled(t *testing.T) {
	dir := tree(t, "a", "b")
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", 3*bufferSize))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := defaultSigner(t).options()
	o.Workers = 1
	o.Progress = func(p Progress) {
		if p.File == "large" {
			cancel()
		}
	}
	signed, err := Sign(ctx, find(t, dir, "*"), o)
	if !errors.Is(err, context.Canceled) || len(signed) != 2 {
		t.Errorf("got %+v, %v", signed, err)
	}
	absent(t, filepath.Join(dir, "large.asc"))
	noTemps(t, dir)
}

// countingReader gives one byte at each call and never ends.
type countingReader struct {
	calls  int
	cancel context.CancelFunc
}

func (r *countingReader) Read(p []byte) (int, error) {
	if r.calls++; r.calls == 3 {
		r.cancel()
	}
	return 1, nil
}

func TestCopyStopsWithinOneBuffer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := &countingReader{cancel: cancel}
	n, err := copyAll(ctx, io.Discard, r, 1<<40, quietly)
	if !errors.Is(err, context.Canceled) || r.calls != 3 || n != 3 {
		t.Errorf("%d bytes in %d reads, %v", n, r.calls, err)
	}
	// What grows as fast as it is read ends as well.
	if n, err := copyAll(t.Context(), io.Discard, &countingReader{cancel: func() {}}, 10, quietly); n != 11 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestSignProgress(t *testing.T) {
	dir := tree(t, "a", "b", "c", "kept")
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", 5*bufferSize))
	s := defaultSigner(t)
	mustSign(t, find(t, dir, "kept"), s.options())
	files := find(t, dir, "*")
	var total int64
	for _, f := range files {
		total += f.Size
	}
	var inside atomic.Bool
	var last Progress
	finished := map[string]int{}
	o := s.options()
	o.Progress = func(p Progress) {
		if !inside.CompareAndSwap(false, true) {
			t.Error("two reports at once")
		}
		defer inside.Store(false)
		if p.Done < last.Done || p.Files < last.Files || p.Done > p.Total || p.FileDone > p.FileTotal || p.Total != total || p.FilesTotal != len(files) {
			t.Errorf("%+v after %+v", p, last)
		}
		if p.Finished {
			finished[p.File]++
			if p.FileDone != p.FileTotal {
				t.Errorf("finished before its end: %+v", p)
			}
		}
		last = p
	}
	mustSign(t, files, o)
	if !last.Finished || last.Done != total || last.Files != len(files) || len(finished) != len(files) {
		t.Errorf("ended with %+v, finished %v", last, finished)
	}
	for name, n := range finished {
		if n != 1 {
			t.Errorf("%q finished %d times", name, n)
		}
	}
}

func TestProgressIsThrottled(t *testing.T) {
	at := now
	reports := 0
	m := newMeter(func(Progress) { reports++ }, []File{{Size: 1000}})
	m.now = func() time.Time { return at }
	f := m.file(File{Size: 1000})
	for i := range int64(1000) { // one report a millisecond
		f.report(i, 1000)
		at = at.Add(time.Millisecond)
	}
	if reports != 20 {
		t.Errorf("%d reports in a second", reports)
	}
	f.finish()
	if reports != 21 {
		t.Error("the end was dropped")
	}
}

func TestInspect(t *testing.T) {
	dir := tree(t, "none", "mine", "stale", "foreign", "junk", "junk.asc")
	s, other := defaultSigner(t), newSigner(t, "Other", nil)
	at := func(name string) File { return find(t, dir, name)[0] }
	mustSign(t, []File{at("mine"), at("stale")}, s.options())
	mustSign(t, []File{at("foreign")}, other.options())
	write(t, filepath.Join(dir, "stale"), "other content")

	for _, c := range []struct {
		name        string
		cheap, full SignState
	}{
		{"none", StateNone, StateNone},
		{"mine", StateClaimed, StateValid},
		{"stale", StateClaimed, StateStale},
		{"foreign", StateForeign, StateForeign},
		{"junk", StateUnreadable, StateUnreadable},
	} {
		f := at(c.name)
		got, err := Inspect(t.Context(), f, s.key, nil, now)
		if err != nil || got.State != c.cheap || got.File != f || got.Path != f.SignaturePath() {
			t.Errorf("%s, cheap: %+v, %v", c.name, got, err)
		}
		full, err := Inspect(t.Context(), f, s.key, s.keyring(t), now)
		if err != nil || full.State != c.full || full.By != got.By {
			t.Errorf("%s, full: %+v, %v", c.name, full, err)
		}
		by := map[string]string{"mine": string(s.key.Fingerprint), "stale": string(s.key.Fingerprint), "foreign": string(other.key.Fingerprint)}[c.name]
		if string(got.By) != by || got.SignedAt.IsZero() != (by == "") {
			t.Errorf("%s: by %q at %v", c.name, got.By, got.SignedAt)
		}
	}
	if _, err := Inspect(t.Context(), File{Path: filepath.Join(dir, "gone")}, s.key, nil, now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	var special *NotRegularError
	if _, err := Inspect(t.Context(), File{Path: dir}, s.key, nil, now); !errors.As(err, &special) {
		t.Errorf("a folder: %v", err)
	}
}

// Memory stays flat for any size. The file is sparse: it takes time, not room.
func TestSignLargeFile(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 4 GiB")
	}
	path := filepath.Join(t.TempDir(), "large")
	write(t, path, "")
	if err := os.Truncate(path, 4<<30+1); err != nil {
		t.Skip("no sparse files here: ", err)
	}
	var most uint64
	o := defaultSigner(t).options()
	o.Progress = func(p Progress) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}
	signed := mustSign(t, find(t, filepath.Dir(path), "large"), o)
	// 4 GiB and one byte, all zero, by openssl dgst -sha256.
	if signed[0].SHA256 != "fbb82f7b353676bb562eb82157fcf0ea42c36492ca13ee56dbf82c08b6802c5c" {
		t.Errorf("wrong digest %s", signed[0].SHA256)
	}
	if most > 32<<20 {
		t.Errorf("the heap grew to %d MiB", most>>20)
	}
}
