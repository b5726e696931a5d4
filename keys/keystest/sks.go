package keystest

import (
	"bytes"
	"errors"
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

// ErrNoSKS says that the key server is not installed.
var ErrNoSKS = errors.New("peer not installed: sks")

// SKS starts an empty key server of its own, Debian's SKS, on loopback, and returns its address as
// hkp://127.0.0.1:PORT. It is stopped when the test ends.
func SKS(t testing.TB) string {
	t.Helper()
	base, stop, err := StartSKS()
	if errors.Is(err, ErrNoSKS) {
		Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return base
}

// StartSKS is SKS for those who stop it themselves. Its files are removed then.
func StartSKS() (base string, stop func(), err error) {
	program, err := exec.LookPath("sks")
	if err != nil {
		program = "/usr/sbin/sks"
		if _, err := os.Stat(program); err != nil {
			return "", nil, ErrNoSKS
		}
	}
	dir, err := os.MkdirTemp("", "sks")
	if err != nil {
		return "", nil, err
	}
	s := sks{program: program, dir: dir, data: filepath.Join(dir, "var/lib/sks")}
	base, err = s.start()
	if err != nil {
		s.stop()
		return "", nil, err
	}
	return base, s.stop, nil
}

// sks is one server with its files.
type sks struct {
	program, dir, data string
	process            *os.Process
	ended              chan struct{}
	out                bytes.Buffer // read only when ended
}

func (s *sks) start() (string, error) {
	for _, d := range []string{"etc/sks", "var/lib/sks/www", "var/lib/sks/dump", "var/log/sks", "var/spool/sks", "var/run/sks"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			return "", err
		}
	}
	// The port may be taken before the server has it: then another is tried.
	for range 5 {
		ports, err := freePorts()
		if err != nil {
			return "", err
		}
		// It speaks to no other server: that takes a second program, which is not started.
		conf := fmt.Sprintf("hostname: 127.0.0.1\nhkp_address: 127.0.0.1\nhkp_port: %d\nrecon_address: 127.0.0.1\nrecon_port: %d\npagesize: 16\nptree_pagesize: 16\n", ports[0], ports[1])
		if err := os.WriteFile(filepath.Join(s.dir, "etc/sks/sksconf"), []byte(conf), 0o600); err != nil {
			return "", err
		}
		if _, err := os.Stat(filepath.Join(s.data, "DB/key")); err != nil {
			build := exec.Command(s.program, "build", "-basedir", s.dir)
			build.Dir = s.data
			if out, err := build.CombinedOutput(); err != nil {
				return "", fmt.Errorf("sks build: %w\n%s", err, out)
			}
		}
		answers, err := s.run(fmt.Sprintf("127.0.0.1:%d", ports[0]))
		if err != nil {
			return "", err
		}
		if answers {
			return fmt.Sprintf("hkp://127.0.0.1:%d", ports[0]), nil
		}
		if !strings.Contains(s.out.String(), "in use") {
			return "", fmt.Errorf("sks did not begin to listen:\n%s", s.out.String())
		}
	}
	return "", errors.New("no port for sks")
}

// run starts the server and waits until it answers, or has ended.
func (s *sks) run(addr string) (answers bool, err error) {
	s.out.Reset()
	c := exec.Command(s.program, "db", "-basedir", s.dir, "-stdoutlog")
	c.Dir, c.Stdout, c.Stderr = s.data, &s.out, &s.out
	if err := c.Start(); err != nil {
		return false, err
	}
	s.process, s.ended = c.Process, make(chan struct{})
	go func(ended chan struct{}) { _ = c.Wait(); close(ended) }(s.ended)
	for range 600 {
		resp, err := http.Get("http://" + addr + "/pks/lookup?op=stats")
		if err == nil {
			_ = resp.Body.Close()
			return true, nil
		}
		select {
		case <-s.ended:
			return false, nil
		case <-time.After(100 * time.Millisecond):
		}
	}
	return false, errors.New("sks does not answer")
}

func (s *sks) stop() {
	if s.process != nil {
		_ = s.process.Signal(syscall.SIGTERM)
		select {
		case <-s.ended:
		case <-time.After(10 * time.Second):
			_ = s.process.Kill()
			<-s.ended
		}
	}
	_ = os.RemoveAll(s.dir)
}

func freePorts() (ports [2]int, err error) {
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return ports, err
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
