package main

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"bulla/keys/keystest"
)

// programs is a folder for programs that scripts start.
var programs string

// standinProgram builds the stand-ins once.
var standinProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programs, "standin")
	out, err := exec.Command("go", "build", "-o", path, "./keys/publish/internal/standin/serve").CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return path, nil
})

// cmdStandin starts a stand-in. It ends with its standard input, when the script does.
func cmdStandin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: standin KIND [ADDRESS...]")
	}
	program, err := standinProgram()
	if err != nil {
		ts.Fatalf("%v\n%s", err, program)
	}
	c := exec.Command(program, args...)
	in, err := c.StdinPipe()
	ts.Check(err)
	out, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	ts.Defer(func() {
		_ = in.Close()
		_ = c.Wait()
	})
	where, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	ts.Setenv("STANDIN", strings.TrimSpace(where))
}

func cmdMail(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mail ADDRESS")
	}
	get := func(url string) string {
		resp, err := http.Get(url)
		ts.Check(err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		ts.Check(err)
		if resp.StatusCode != http.StatusOK {
			ts.Fatalf("%s: %s", url, resp.Status)
		}
		return string(body)
	}
	link := get(strings.TrimPrefix(ts.Getenv("STANDIN"), "vks:") + "/mail/" + args[0])
	if link == "" {
		ts.Fatalf("no mail was sent to %s", args[0])
	}
	get(link)
}

func cmdSKS(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: sks")
	}
	base, stop, err := keystest.StartSKS()
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv("SKS", base)
}
