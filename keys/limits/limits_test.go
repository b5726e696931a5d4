package limits

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for limit, fits := range map[int64]bool{0: false, 9: false, 10: true, 11: true} {
		data, err := ReadFile(path, limit)
		var large *TooLargeError
		switch {
		case fits && (err != nil || string(data) != "0123456789"):
			t.Errorf("limit %d: %q, %v", limit, data, err)
		case !fits && (!errors.As(err, &large) || !errors.Is(err, ErrTooLarge) || large.What != path || large.Limit != limit || data != nil):
			t.Errorf("limit %d: %q, %v", limit, data, err)
		}
	}
	if _, err := ReadFile(path+"x", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestReadAll(t *testing.T) {
	if data, err := ReadAll(strings.NewReader("0123456789"), "it", 10); err != nil || len(data) != 10 {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := ReadAll(endless{}, "it", 10); !errors.Is(err, ErrTooLarge) || data != nil || !strings.HasPrefix(err.Error(), "it: ") {
		t.Errorf("%q, %v", data, err)
	}
	broken := errors.New("broken")
	if data, err := ReadAll(io.MultiReader(strings.NewReader("0"), iotest.ErrReader(broken)), "it", 10); !errors.Is(err, broken) || data != nil {
		t.Errorf("%q, %v", data, err)
	}
}

// endless has no end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestBuffer(t *testing.T) {
	for _, drop := range []bool{false, true} {
		b := Buffer{Limit: 5, Drop: drop}
		if n, err := io.WriteString(&b, "0123"); n != 4 || err != nil || b.Full() {
			t.Errorf("drop %v: wrote %d, %v", drop, n, err)
		}
		if n, err := io.WriteString(&b, "4"); n != 1 || err != nil || b.Full() {
			t.Errorf("drop %v: wrote %d, %v", drop, n, err)
		}
		for range 2 {
			n, err := io.WriteString(&b, "56")
			if wantN, wantErr := 0, ErrTooLarge; drop && (n != 2 || err != nil) || !drop && (n != wantN || !errors.Is(err, wantErr)) {
				t.Errorf("drop %v: over the limit wrote %d, %v", drop, n, err)
			}
		}
		if b.String() != "01234" || string(b.Bytes()) != "01234" || !b.Full() {
			t.Errorf("drop %v: kept %q, full %v", drop, b.String(), b.Full())
		}
	}
}
