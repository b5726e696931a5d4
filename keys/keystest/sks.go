package keystest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// SKS starts an empty key server of its own, Debian's SKS, on loopback, and returns its address as
// hkp://127.0.0.1:PORT. It is stopped when the test ends.
func SKS(t testing.TB) string {
	t.Helper()
	program, err := exec.LookPath("sks")
	if err != nil {
		program = "/usr/sbin/sks"
		if _, err := os.Stat(program); err != nil {
			Missing(t, "peer not installed: sks")
		}
	}
	dir, err := os.MkdirTemp("", "sks")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data := filepath.Join(dir, "var/lib/sks")
	for _, d := range []string{"etc/sks", "var/lib/sks/www", "var/lib/sks/dump", "var/log/sks", "var/spool/sks", "var/run/sks"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The port may be taken before the server has it: then another is tried.
	for range 5 {
		port := freePort(t)
		conf := fmt.Sprintf("hostname: 127.0.0.1\nhkp_address: 127.0.0.1\nhkp_port: %d\nrecon_address: 127.0.0.1\nrecon_port: %d\npagesize: 16\nptree_pagesize: 16\n", port, freePort(t))
		if err := os.WriteFile(filepath.Join(dir, "etc/sks/sksconf"), []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(data, "DB/key")); err != nil {
			build := exec.Command(program, "build", "-basedir", dir)
			build.Dir = data
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("sks build: %v\n%s", err, out)
			}
		}
		if base, log := runSKS(t, program, dir, data, port); base != "" {
			return base
		} else if !strings.Contains(log, "in use") {
			t.Fatalf("sks did not begin to listen:\n%s", log)
		}
	}
	t.Fatal("no port for sks")
	return ""
}

// runSKS starts the server and waits until it answers. It returns what the server printed if it
// ended instead.
func runSKS(t testing.TB, program, dir, data string, port int) (base, log string) {
	t.Helper()
	var out bytes.Buffer
	c := exec.Command(program, "db", "-basedir", dir, "-stdoutlog")
	c.Dir, c.Stdout, c.Stderr = data, &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = c.Process.Kill()
			<-ended
		}
	})
	for range 600 {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/pks/lookup?op=stats", port))
		if err == nil {
			_ = resp.Body.Close()
			return fmt.Sprintf("hkp://127.0.0.1:%d", port), ""
		}
		select {
		case <-ended:
			return "", out.String()
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("sks does not answer")
	return "", ""
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
