package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A library gets its clock, its environment and its streams handed in: it would see the computer
// that it runs on in place of the world that it was given, as the practice world did. What others
// have made is read within bounds, by keys/limits.
//
// To name time.Now as the default of an option is no harm; to call it is.
var (
	globals = []string{
		"os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "os.UserHomeDir", "os.UserConfigDir", "os.UserCacheDir", "os.Getwd",
		"os.Args", "os.Stdin", "os.Stdout", "os.Stderr", "os.Exit", "fmt.Print", "fmt.Printf", "fmt.Println", "os.ReadFile",
	}
	clocks = []string{"time.Now", "time.Since", "time.Until"} // called
)

// mayRead are the exceptions.
var mayRead = map[string]map[string]string{
	"docker/update.go":           {"time.Now": "a stopwatch: how long a registry took", "time.Since": "the same"},
	"keys/vault/passphrasefd.go": {"os.Stdin": "the Go runtime owns file descriptor 0: a second File would close it"},
}

// forTests are packages that only tests use.
var forTests = []string{"keys/keystest", "keys/publish/internal/standin", "docker/dct/trusttest", "docker/internal/registrytest"}

// readsGlobals lists what a file of a library takes from the process, with the positions.
func readsGlobals(file *ast.File) (found map[token.Pos]string) {
	found = map[token.Pos]string{}
	name := func(e ast.Expr) string {
		if s, ok := e.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				return x.Name + "." + s.Sel.Name
			}
		}
		return ""
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s := name(n.Fun); slices.Contains(clocks, s) {
				found[n.Pos()] = s
			}
		case *ast.SelectorExpr:
			if s := name(n); slices.Contains(globals, s) {
				found[n.Pos()] = s
			}
		}
		return true
	})
	return found
}

func TestLibrariesReadNoGlobals(t *testing.T) {
	used := map[string]bool{}
	sources(t, func(path string, set *token.FileSet, file *ast.File) {
		path = filepath.ToSlash(path)
		room, _, _ := strings.Cut(path, "/")
		if _, known := mayKnow[room]; !known || room == "ui" || slices.ContainsFunc(forTests, func(dir string) bool { return strings.HasPrefix(path, dir+"/") }) {
			return
		}
		for pos, what := range readsGlobals(file) {
			if mayRead[path][what] == "" {
				t.Errorf("%s: %s: hand it in", set.Position(pos), what)
			}
			used[path+" "+what] = true
		}
	})
	for path, list := range mayRead {
		for what := range list {
			if !used[path+" "+what] {
				t.Errorf("%s does not use %s: it needs no exception", path, what)
			}
		}
	}
}

func parsed(t *testing.T, source string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestGlobalsAreNoticed shows the rule broken.
func TestGlobalsAreNoticed(t *testing.T) {
	for source, want := range map[string]string{
		`var _ = os.Getenv("HOME")`:                                  "os.Getenv",
		`func f() { println(time.Now().String()) }`:                  "time.Now",
		`var _ = func() any { return time.Since(x) }`:                "time.Since",
		`func f() { fmt.Println(1) }`:                                "fmt.Println",
		`var out io.Writer = os.Stdout`:                              "os.Stdout",
		`func f(o Options) { if o.Now == nil { o.Now = time.Now } }`: "",
		`func f(env func(string) string) { env("HOME") }`:            "",
	} {
		var got string
		for _, what := range readsGlobals(parsed(t, "package p\n"+source)) {
			got += what
		}
		if got != want {
			t.Errorf("%s: noticed %q, want %q", source, got, want)
		}
	}
}
