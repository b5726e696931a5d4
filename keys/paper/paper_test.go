package paper

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

func sheet(n int) Sheet {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return Sheet{Fingerprint: keys.Fingerprint(strings.Repeat("AB", 20)), UserID: "Ada <ada@example.org>", Made: time.Unix(1.8e9, 0), Protected: true, Data: data}
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{1, 24, 25, 26, 850, 5000} {
		s := sheet(n)
		text := s.Text()
		for line := range bytes.Lines(text) {
			if len(line) > 78 {
				t.Errorf("a line of %d characters: %s", len(line), line)
			}
		}
		typed := strings.ToLower(string(text))
		typed = strings.ReplaceAll(typed, " ", "  ")
		shuffled := strings.Split(string(text), "\n")
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for name, given := range map[string]string{
			"as printed": string(text), "typed": typed, "any order": strings.Join(shuffled, "\n"),
			"codes": strings.Join(s.Codes(), "\n"), "CRLF": strings.ReplaceAll(string(text), "\n", "\r\n"),
		} {
			if !Is([]byte(given)) {
				t.Errorf("%d octets, %s: not recognised", n, name)
			}
			if got, err := Read([]byte(given)); err != nil || !bytes.Equal(got, s.Data) {
				t.Errorf("%d octets, %s: %v", n, name, err)
			}
		}
	}
}

// TestMistakes: every mistyped character is found, in its line; so are missing and swapped lines.
func TestMistakes(t *testing.T) {
	s := sheet(120)
	lines := s.lines()
	var wrong *LineError
	for i, l := range lines {
		at := strings.Index(l, ":") + 2
		for k := at; k < len(l); k++ {
			if l[k] == ' ' || l[k] == '*' || l[k] == '=' {
				continue
			}
			c := byte('Q')
			if l[k] == 'Q' {
				c = 'R'
			}
			bad := append([]string{}, lines...)
			bad[i] = l[:k] + string(c) + l[k+1:]
			if _, err := Read([]byte(strings.Join(bad, "\n"))); !errors.As(err, &wrong) || wrong.Line != i+1 {
				t.Fatalf("%q: %v", bad[i], err)
			}
		}
	}
	sum := "\nSUM: " + s.sum()
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"missing": {strings.Join(append(append([]string{}, lines[:2]...), lines[3:]...), "\n") + sum, 3},
		"cut":     {strings.Join(lines[:4], "\n") + sum, 0},
		"swapped": {strings.Replace(strings.Replace(strings.Join(lines, "\n"), "2:", "9:", 1), "1:", "2:", 1) + sum, 2},
	} {
		if _, err := Read([]byte(c.text)); !errors.As(err, &wrong) || wrong.Line != c.line {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read([]byte("Dear all,\n\n1: hello\n")); err == nil {
		t.Error("a letter was taken for a backup")
	}
	if Is([]byte("Dear all,\n\n1: hello\n")) {
		t.Error("a letter looks like a backup")
	}
}

// TestWithoutBulla runs the command that the sheet itself names.
func TestWithoutBulla(t *testing.T) {
	keystest.Peer(t, "base32")
	s := sheet(851)
	file := filepath.Join(t.TempDir(), "FILE")
	if err := os.WriteFile(file, s.Text(), 0o600); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)(sed -n .*?base32 -d) \| gpg`).FindSubmatch(s.Text())
	if m == nil {
		t.Fatal("the sheet names no command")
	}
	command := strings.ReplaceAll(string(m[1]), "FILE", file)
	out, errOut, err := keystest.Run(t, nil, nil, "sh", "-c", command)
	if err != nil || out != string(s.Data) {
		t.Errorf("%v: %d octets\n%s", err, len(out), errOut)
	}
}

// TestCodes lets zbar read the QR codes of the page.
func TestCodes(t *testing.T) {
	zbar := keystest.Peer(t, "zbarimg")
	s := sheet(900)
	var read []string
	for i, text := range s.Codes() {
		modules, err := QR(text)
		if err != nil {
			t.Fatal(err)
		}
		out, errOut, err := keystest.Run(t, nil, nil, zbar, "--quiet", "--raw", picture(t, modules))
		if err != nil || strings.TrimSpace(out) != text {
			t.Fatalf("code %d: %v: %q\n%s", i+1, err, out, errOut)
		}
		read = append(read, out)
	}
	if got, err := Read([]byte(strings.Join(read, ""))); err != nil || !bytes.Equal(got, s.Data) {
		t.Errorf("the codes: %v", err)
	}
	page, err := s.HTML()
	if err != nil || bytes.Count(page, []byte("<svg")) != len(read) || bytes.Contains(page, []byte("://www.example")) || bytes.Contains(page, []byte("src=")) {
		t.Errorf("the page: %v", err)
	}
}

// picture writes modules as a PNG, four pixels each.
func picture(t *testing.T, modules [][]bool) string {
	t.Helper()
	const size = 4
	img := image.NewGray(image.Rect(0, 0, size*len(modules), size*len(modules)))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if !modules[y/size][x/size] {
				img.SetGray(x, y, color.Gray{255})
			}
		}
	}
	path := filepath.Join(t.TempDir(), "qr.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	return path
}

func FuzzRead(f *testing.F) {
	f.Add(sheet(60).Text())
	f.Add([]byte("1: AAAA *AAAA/2:"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Read(data)
		if err == nil && len(got) == 0 {
			t.Error("neither data nor an error")
		}
	})
}
