package vault

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestHarden looks at a child process: what it sets can't be taken back.
func TestHarden(t *testing.T) {
	const child = "BULLA_TEST_HARDEN"
	if os.Getenv(child) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestHarden$", "-test.v")
		c.Env = append(os.Environ(), child+"=1")
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "hardened") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := Harden(); err != nil {
		t.Fatal(err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 0 {
		t.Errorf("dumpable is %d: %v", dumpable, err)
	}
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &l); err != nil || l.Cur != 0 {
		t.Errorf("core limit is %d: %v", l.Cur, err)
	}
	t.Log("hardened")
}

// TestReadPassphraseFDPoller: a number that nobody handed over may be the runtime's own poller,
// which must neither be read nor closed.
func TestReadPassphraseFDPoller(t *testing.T) {
	fd, err := unix.EpollCreate1(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPassphraseFD(fd); err == nil {
		t.Error("read from a poller")
	}
	if err := unix.Close(fd); err != nil {
		t.Error("closed it:", err)
	}
}
