package line

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// mask keeps the test from having the canary in memory itself.
const mask = 0x5a

// TestReadSecretLeavesNoCopy looks through all memory of this process for what was typed: while the
// Secret lives it is there, and once it is destroyed it is nowhere.
func TestReadSecretLeavesNoCopy(t *testing.T) {
	masked := make([]byte, 48)
	for i := range masked {
		masked[i] = ("canary!"[i%7] + byte(i%11)) ^ mask
	}
	w := newConsole(t)
	line := make([]byte, 0, len(masked)+1)
	for _, b := range masked {
		line = append(line, b^mask)
	}
	line = append(line, '\n')
	if _, err := w.person.Write(line); err != nil {
		t.Fatal(err)
	}
	clear(line)
	s, err := w.readSecret(t.Context(), "Passphrase:")
	if err != nil {
		t.Fatal(err)
	}
	// A piece of it is told from chance too, and copies of a growing buffer are pieces.
	if n := copies(t, masked[:14]); n != 1 {
		t.Errorf("%d copies while it is in use, want the Secret's own", n)
	}
	s.Destroy()
	if n := copies(t, masked[:14]); n != 0 {
		t.Errorf("%d copies are left", n)
	}
	runtime.KeepAlive(s)
}

// copies counts where the masked bytes are in writable memory, unmasked.
func copies(t *testing.T, masked []byte) (n int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	buf := make([]byte, 1<<20)
	own := int64(uintptr(unsafe.Pointer(&buf[0])))
	lines := bufio.NewScanner(strings.NewReader(string(maps)))
	for lines.Scan() {
		var from, to int64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil || !strings.HasPrefix(rights, "rw") {
			continue
		}
		for at := from; at < to; {
			if at >= own && at < own+int64(len(buf)) {
				at = own + int64(len(buf))
				continue
			}
			end := min(at+int64(len(buf)), to)
			if at < own && own < end {
				end = own // a read over its own buffer would see what it has just copied
			}
			got, _ := mem.ReadAt(buf[:end-at], at)
			n += count(buf[:got], masked)
			clear(buf) // it is memory too
			if at = end; end != own && end != to {
				at -= int64(len(masked) - 1)
			}
		}
	}
	return n
}

func count(data, masked []byte) (n int) {
	for i := 0; i+len(masked) <= len(data); i++ {
		j := 0
		for j < len(masked) && data[i+j]^mask == masked[j] {
			j++
		}
		if j == len(masked) {
			n++
		}
	}
	return n
}
