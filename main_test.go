package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"bulla/docker"
	"bulla/docker/loopback"
	"bulla/keys/keystest"
)

// The command contract, as scripts in testdata/script tell it: each runs the real program, in a
// process of its own, in a home of its own.
//
// Besides the commands of testscript they use
//
//	code N PROGRAM ARG…      run it; its exit status must be N
//	json FILE KEY=VALUE…     a line of FILE (or stdout, stderr) is an object with these fields;
//	                         KEY may be a path (result.tag), a VALUE of ~TEXT must be contained
//	fields FILE KEY…         every line is an object, and has these fields
//	lines FILE N             FILE has N lines
//	registry [break|mend]    an image registry on loopback at $REGISTRY; broken, it refuses to
//	                         store signatures
//	image REPOSITORY:TAG     push a sample image to it
//	expand FILE…             replace $NAME in files by the script's variables
//	sks                      a real key server on loopback at $SKS
//	standin vks|github|…     a stand-in for keys.openpgp.org or a forge; its place is $STANDIN
//	mail ADDRESS             open the link that the stand-in mailed there
//	repository DIR           a git repository with one commit, and two files in dist
//
// and the condition [peer:PROGRAM], whose absence is a failure where CI requires the peers.

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bulla": main})
}

func TestContract(t *testing.T) {
	programs = t.TempDir()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUp,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": cmdCode, "json": cmdJSON, "fields": cmdFields, "lines": cmdLines, "keep": cmdKeep,
			"registry": cmdRegistry, "image": cmdImage, "expand": cmdExpand, "repository": cmdRepository, "sks": cmdSKS, "standin": cmdStandin, "mail": cmdMail,
		},
	})
}

const gitConfig = `[user]
	name = Ada Release
	email = ada@example.org
[init]
	defaultBranch = main
[commit]
	gpgSign = false
`

// setUp gives a script its own home and no keychain.
func setUp(env *testscript.Env) error {
	// The path of gpg-agent's socket must be short.
	gnupg, err := os.MkdirTemp("", "bg")
	if err != nil {
		return err
	}
	env.Defer(func() {
		_ = exec.Command("gpgconf", "--homedir", gnupg, "--kill", "all").Run() // where there is one
		_ = os.RemoveAll(gnupg)
	})
	home := filepath.Join(env.WorkDir, "home")
	config := filepath.Join(home, ".gitconfig")
	if err := errors.Join(os.Mkdir(home, 0o700), os.WriteFile(config, []byte(gitConfig), 0o600)); err != nil {
		return err
	}
	env.Setenv("HOME", home)
	env.Setenv("BULLA_HOME", filepath.Join(home, "bulla"))
	env.Setenv("GNUPGHOME", gnupg)
	env.Setenv("GIT_CONFIG_GLOBAL", config)
	env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	env.Setenv("LC_ALL", "C.UTF-8")
	env.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	env.Setenv("PEERS", os.Getenv("BULLA_PEERS"))
	// No script asks a server that it does not name.
	env.Setenv("BULLA_KEYSERVERS", "none")
	env.Values["registry"] = &scriptRegistry{}
	return nil
}

// condition answers [peer:PROGRAM].
func condition(c string) (bool, error) {
	name, ok := strings.CutPrefix(c, "peer:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q", c)
	}
	for _, path := range []string{filepath.Join(os.Getenv("BULLA_PEERS"), name), name, filepath.Join("/usr/sbin", name)} {
		if _, err := exec.LookPath(path); err == nil {
			return true, nil
		}
	}
	if os.Getenv(keystest.RequirePeers) != "" {
		return false, fmt.Errorf("peer not installed: %s (%s is set)", name, keystest.RequirePeers)
	}
	return false, nil
}

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program [arg...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// objects reads a file of JSON lines. What does not begin with a brace is text between them.
func objects(ts *testscript.TestScript, file string, strict bool) (list []map[string]any) {
	for l := range strings.Lines(ts.ReadFile(file)) {
		if !strings.HasPrefix(l, "{") && !strict {
			continue
		}
		var o map[string]any
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			ts.Fatalf("%s: not an object in a line: %q", file, l)
		}
		list = append(list, o)
	}
	return list
}

// field finds a value by its path.
func field(o map[string]any, path string) (any, bool) {
	key, rest, deeper := strings.Cut(path, ".")
	v, ok := o[key]
	if !deeper || !ok {
		return v, ok
	}
	inner, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	return field(inner, rest)
}

func matches(o map[string]any, conditions []string) bool {
	return !slices.ContainsFunc(conditions, func(c string) bool {
		key, want, _ := strings.Cut(c, "=")
		v, ok := field(o, key)
		text := fmt.Sprint(v)
		if part, contained := strings.CutPrefix(want, "~"); contained {
			return !ok || !strings.Contains(text, part)
		}
		return !ok || text != want
	})
}

func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: json file key=value...")
	}
	list := objects(ts, args[0], false)
	if slices.ContainsFunc(list, func(o map[string]any) bool { return matches(o, args[1:]) }) == neg {
		ts.Fatalf("of %d objects, %v is found: %v", len(list), args[1:], neg)
	}
}

func cmdFields(ts *testscript.TestScript, neg bool, args []string) {
	list := objects(ts, args[0], true)
	if neg || len(list) == 0 {
		ts.Fatalf("no objects in %s", args[0])
	}
	for _, o := range list {
		for _, key := range args[1:] {
			if _, ok := field(o, key); !ok {
				ts.Fatalf("an object has no %s: %v", key, o)
			}
		}
	}
}

// cmdKeep keeps a value of the last object in a variable.
func cmdKeep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: keep FILE FIELD NAME")
	}
	list := objects(ts, args[0], false)
	if len(list) == 0 {
		ts.Fatalf("no objects in %s", args[0])
	}
	v, ok := field(list[len(list)-1], args[1])
	if !ok {
		ts.Fatalf("no %s in %v", args[1], list[len(list)-1])
	}
	ts.Setenv(args[2], fmt.Sprint(v))
}

func cmdLines(ts *testscript.TestScript, _ bool, args []string) {
	if n := strings.Count(ts.ReadFile(args[0]), "\n"); strconv.Itoa(n) != args[1] {
		ts.Fatalf("%s has %d lines, want %s", args[0], n, args[1])
	}
}

// scriptRegistry is the registry of one script, with a switch that lets it fail.
type scriptRegistry struct {
	*loopback.Registry
	broken atomic.Bool
}

func registryOf(ts *testscript.TestScript) *scriptRegistry {
	return ts.Value("registry").(*scriptRegistry)
}

func cmdRegistry(ts *testscript.TestScript, _ bool, args []string) {
	r := registryOf(ts)
	if len(args) == 1 {
		r.broken.Store(args[0] == "break")
		return
	}
	var err error
	r.Registry, err = loopback.Start(context.Background())
	ts.Check(err)
	ts.Defer(r.Close)
	host := frontDoor(ts, r)
	ts.Setenv("REGISTRY", host)
}

// frontDoor is a way to the registry that can be closed for manifests.
func frontDoor(ts *testscript.TestScript, r *scriptRegistry) (host string) {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: r.Host()})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.broken.Load() && req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/") {
			http.Error(w, `{"errors":[{"code":"DENIED","message":"closed for today"}]}`, http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, req)
	}))
	ts.Defer(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// cmdImage pushes the sample image of a tag; with "moved" another one, so that the tag moves; with "as" and
// another tag of the repository what that names.
func cmdImage(ts *testscript.TestScript, _ bool, args []string) {
	repo, tag, _ := strings.Cut(args[0], ":")
	push := func(ctx context.Context, repo, tag string) (string, error) {
		return registryOf(ts).PushSample(ctx, repo, tag)
	}
	if len(args) == 2 && args[1] == "moved" {
		push = func(ctx context.Context, repo, tag string) (string, error) {
			return registryOf(ts).PushRandom(ctx, repo, tag, 50, true)
		}
	}
	if len(args) == 3 && args[1] == "as" {
		push = func(ctx context.Context, repo, tag string) (string, error) {
			ref, err := docker.ParseReference(registryOf(ts).Host() + "/" + repo + ":" + tag)
			if err != nil {
				return "", err
			}
			there := docker.NewClient(docker.Options{}).Repo(ref)
			m, err := there.Manifest(ctx, args[2])
			if err != nil {
				return "", err
			}
			return m.Digest, there.PutManifest(ctx, tag, m.MediaType, m.Raw)
		}
	}
	digest, err := push(context.Background(), repo, tag)
	ts.Check(err)
	ts.Setenv("DIGEST", digest)
}

func cmdExpand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := ts.ReadFile(name)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(text, ts.Getenv)), 0o644))
	}
}

func cmdRepository(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Join(dir, "dist"), 0o755))
	for name, content := range map[string]string{
		"README.md": "# widget\n", ".gitignore": "/dist/\n",
		"dist/widget_1.0.0_linux.tar.gz": "not really an archive\n", "dist/widget_1.0.0_darwin.tar.gz": "nor is this\n",
	} {
		ts.Check(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	for _, c := range [][]string{
		{"init", "-q", dir}, {"-C", dir, "add", "README.md", ".gitignore"}, {"-C", dir, "commit", "-q", "-m", "Begin the widget"},
	} {
		ts.Check(ts.Exec("git", c...))
	}
}
