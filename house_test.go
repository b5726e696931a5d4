package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The house: which floor may know which. A package may import its own room and what stands
// beside it here, and nothing else of bulla.
//
//	main → ui → workflow → {gitops, artifacts, docker} → keys
//
// The three in the middle do not know each other. The faces may name the types of any floor
// below them (a key, a verdict, a tag) but never the libraries those are made with.
var mayKnow = map[string][]string{
	"":          {"ui", "workflow", "gitops", "artifacts", "docker", "keys"},
	"ui":        {"workflow", "gitops", "artifacts", "docker", "keys"},
	"workflow":  {"gitops", "artifacts", "docker", "keys"},
	"gitops":    {"keys"},
	"artifacts": {"keys"},
	"docker":    {"keys"},
	"keys":      {},
}

// Libraries that belong to one floor.
var (
	charm   = []string{"github.com/charmbracelet/", "github.com/muesli/termenv"}
	domains = []string{
		"github.com/ProtonMail/go-crypto", "github.com/go-git/", "github.com/zalando/go-keyring",
		"github.com/google/go-containerregistry", "filippo.io/age", "github.com/godbus/",
		"github.com/hiddeco/sshsig", "github.com/pelletier/go-toml", "github.com/theupdateframework/",
	}
)

// housePackage is what go list says of a package.
type housePackage struct {
	ImportPath string
	Imports    []string
}

// room is the folder at the top level that a package lies in, "" for main.
func (p housePackage) room() string { return roomOf(p.ImportPath) }

func roomOf(path string) string {
	path, _ = strings.CutPrefix(path, "bulla")
	room, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return room
}

// house lists the packages as they are built for one system.
func house(t *testing.T, system string) []housePackage {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+system)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &errs)
	}
	var list []housePackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p housePackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// violations are the imports of p that the house forbids.
func violations(p housePackage) (out []string) {
	room := p.room()
	below, known := mayKnow[room]
	if !known {
		return []string{"it stands in no room of the house"}
	}
	is := func(list []string, path string) bool {
		return slices.ContainsFunc(list, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
	}
	for _, path := range p.Imports {
		ours := path == "bulla" || strings.HasPrefix(path, "bulla/")
		switch {
		case ours && roomOf(path) != room && !slices.Contains(below, roomOf(path)):
			out = append(out, path+": that floor is not below")
		case room != "ui" && is(charm, path):
			out = append(out, path+": only ui draws")
		case (room == "ui" || room == "") && is(domains, path):
			out = append(out, path+": a face knows no library of the domain")
		}
	}
	return out
}

func TestHouse(t *testing.T) {
	rooms := map[string]bool{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, p := range house(t, system) {
			rooms[p.room()] = true
			for _, v := range violations(p) {
				t.Errorf("%s imports %s", p.ImportPath, v)
			}
		}
	}
	if want := slices.Sorted(maps.Keys(mayKnow)); !slices.Equal(slices.Sorted(maps.Keys(rooms)), want) {
		t.Errorf("the rooms are %v, want %v", slices.Sorted(maps.Keys(rooms)), want)
	}
}

// TestArchitectureIsTold holds that doc/architecture.md has a line for every package, and for none that
// is not there.
func TestArchitectureIsTold(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("doc", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| \\S").FindAllSubmatch(doc, -1) {
		if told[string(m[1])] {
			t.Errorf("%s is told twice", m[1])
		}
		told[string(m[1])] = true
	}
	for _, p := range house(t, runtime.GOOS) {
		name := strings.TrimPrefix(p.ImportPath, "bulla/")
		if name != "bulla" && !told[name] {
			t.Errorf("%s has no line in doc/architecture.md", name)
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("doc/architecture.md tells of %s, which is not there", name)
	}
}

// TestHouseNotices shows the rules broken: a rule that nothing breaks may not be one.
func TestHouseNotices(t *testing.T) {
	for _, c := range []struct {
		pkg, path string
		allowed   bool
	}{
		{"bulla/keys", "bulla/keys/atomicfile", true},
		{"bulla/keys/store", "bulla/workflow", false},
		{"bulla/gitops", "bulla/artifacts", false},
		{"bulla/docker/cosign", "bulla/gitops", false},
		{"bulla/docker/cosign", "bulla/keys", true},
		{"bulla/workflow", "bulla/ui/explain", false},
		{"bulla/workflow", "github.com/charmbracelet/lipgloss", false},
		{"bulla/ui/page/release", "github.com/charmbracelet/lipgloss", true},
		{"bulla/ui/page/release", "github.com/ProtonMail/go-crypto/openpgp/v2", false},
		{"bulla/ui/cli", "bulla/keys/vault", true},
		{"bulla", "github.com/charmbracelet/bubbletea", false},
		{"bulla", "bulla/ui", true},
		{"bulla/ui", "bulla", false},
		{"bulla/cellar", "fmt", false},
	} {
		got := violations(housePackage{ImportPath: c.pkg, Imports: []string{c.path}})
		if (len(got) == 0) != c.allowed {
			t.Errorf("%s imports %s: %v", c.pkg, c.path, got)
		}
	}
}

// sources calls f for every Go file of bulla, for whatever system, that is no test and was not
// generated.
func sources(t *testing.T, f func(path string, set *token.FileSet, file *ast.File)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir(), filepath.Ext(path) != ".go", strings.HasSuffix(path, "_test.go"):
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if !ast.IsGenerated(file) {
			n++
			f(path, set, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 100 {
		t.Fatalf("only %d files were read", n)
	}
}

// maxFunction is the longest a function may be, in lines.
const maxFunction = 100

func TestFunctionsFitAScreen(t *testing.T) {
	sources(t, func(_ string, set *token.FileSet, file *ast.File) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > maxFunction {
				t.Errorf("%s: %s has %d lines", set.Position(f.Pos()), f.Name.Name, n)
			}
		}
	})
}

// TestDocumented holds that every exported name has a comment of its own or, in a group of
// values, one for the group; and that every package says what it is.
func TestDocumented(t *testing.T) {
	packages := map[string]bool{}
	sources(t, func(path string, set *token.FileSet, file *ast.File) {
		dir := filepath.Dir(path)
		packages[dir] = packages[dir] || file.Doc != nil
		for _, d := range file.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s has no comment", set.Position(d.Pos()), name)
			}
		}
	})
	for dir, documented := range packages {
		if !documented {
			t.Errorf("%s: the package has no comment", dir)
		}
	}
}

// undocumented names what a declaration exports without a comment.
func undocumented(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !obvious(d) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

// exportedReceiver reports a function, or a method of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// obvious reports the methods of the error interface and of errors.Is and As, which say what
// they are by their names.
func obvious(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "Is", "As"}, d.Name.Name)
}
