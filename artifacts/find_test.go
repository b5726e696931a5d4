package artifacts

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
)

func TestFind(t *testing.T) {
	dir := tree(t,
		"dist/app.tar.gz", "dist/app.tar.gz.asc", "dist/app.zip", "dist/app.zip.sig", "dist/SHA256SUMS",
		"dist/SHA256SUMS.asc", "dist/bulla-release.json", "dist/bulla-release.json.asc", "dist/.hidden",
		"dist/arm/app-arm.zip", "dist/arm/.cache/app-old.zip", "notes[1].txt", "ünïcode – name.bin",
	)
	for _, c := range []struct {
		globs []string
		want  []string
	}{
		{[]string{"dist/app.zip"}, []string{"dist/app.zip"}},
		{[]string{"./dist/app.zip"}, []string{"dist/app.zip"}},
		{[]string{filepath.Join(dir, "dist", "app.zip")}, []string{"dist/app.zip"}},
		{[]string{"dist/*.zip"}, []string{"dist/app.zip"}},
		{[]string{"dist/app*"}, []string{"dist/app.tar.gz", "dist/app.zip"}},
		{[]string{"dist/**"}, []string{"dist/app.tar.gz", "dist/app.zip", "dist/arm/app-arm.zip"}},
		{[]string{"dist/**/*.zip"}, []string{"dist/app.zip", "dist/arm/app-arm.zip"}},
		{[]string{filepath.Join(dir, "dist") + "/**/*.zip"}, []string{"dist/app.zip", "dist/arm/app-arm.zip"}},
		{[]string{"dist/app.{zip,tar.gz}"}, []string{"dist/app.tar.gz", "dist/app.zip"}},
		{[]string{"dist/*.zip", "dist/app.zip", "dist/app.z?p"}, []string{"dist/app.zip"}},
		{[]string{"dist/arm/*", "dist/*.gz"}, []string{"dist/app.tar.gz", "dist/arm/app-arm.zip"}},
		{[]string{"dist/SHA256SUMS"}, []string{"dist/SHA256SUMS"}},
		{[]string{"dist/app.zip.sig"}, []string{"dist/app.zip.sig"}},
		{[]string{"dist/.hidden"}, []string{"dist/.hidden"}},
		{[]string{"notes[1].txt"}, []string{"notes[1].txt"}},
		{[]string{"notes*"}, []string{"notes[1].txt"}},
		{[]string{"*.bin"}, []string{"ünïcode – name.bin"}},
	} {
		files, err := Find(t.Context(), dir, c.globs)
		if err != nil {
			t.Errorf("%q: %v", c.globs, err)
			continue
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Name)
			if f.Path != filepath.Join(dir, filepath.FromSlash(f.Name)) || f.Size != int64(len(f.Name)) || f.ModTime.IsZero() {
				t.Errorf("%q: wrong facts %+v", c.globs, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.globs, got, c.want)
		}
	}
}

// A root whose own name holds metacharacters is not a pattern, and one may search above it.
func TestFindFromOddRoot(t *testing.T) {
	dir := tree(t, "a[b]{c}/x.zip", "above.zip")
	root := filepath.Join(dir, "a[b]{c}")
	if f := find(t, root, "*.zip"); len(f) != 1 || f[0].Name != "x.zip" {
		t.Errorf("got %+v", f)
	}
	f := find(t, root, "../*.zip")
	if len(f) != 1 || f[0].Path != filepath.Join(dir, "above.zip") {
		t.Errorf("got %+v", f)
	}
	if f := find(t, root, "../above.zip"); f[0].Name != "../above.zip" {
		t.Errorf("the name is not as it was given: %q", f[0].Name)
	}
}

func TestFindNothing(t *testing.T) {
	dir := tree(t, "dist/app.zip.asc", "dist/SHA256SUMS", "other/.hidden.zip")
	for _, glob := range []string{"nothing", "dist/*.tar", "dist/*", "other/*.zip", "nowhere/*.zip", "", "**/*.exe"} {
		_, err := Find(t.Context(), dir, []string{"dist/SHA256SUMS", glob})
		var none *NoMatchError
		if !errors.As(err, &none) || none.Glob != glob {
			t.Errorf("%q: %v", glob, err)
		}
	}
	_, err := Find(t.Context(), dir, []string{"dist/[a-"})
	if !errors.Is(err, doublestar.ErrBadPattern) {
		t.Errorf("bad pattern: %v", err)
	}
}

func TestFindRefusesFolders(t *testing.T) {
	dir := tree(t, "dist/sub/app.zip", "dist/app.tar")
	for _, glob := range []string{"dist", "dist/", "dist/sub", "dist/*", "*"} {
		_, err := Find(t.Context(), dir, []string{glob})
		var special *NotRegularError
		if !errors.As(err, &special) || !special.Mode.IsDir() {
			t.Errorf("%q: %v", glob, err)
		}
	}
	if f := find(t, dir, "**"); len(f) != 2 {
		t.Errorf("** found %+v", f)
	}
}

func TestFindRefusesEqualNames(t *testing.T) {
	dir := tree(t, "linux/app.zip", "darwin/app.zip", "app.tar")
	_, err := Find(t.Context(), dir, []string{"*/app.zip"})
	var dup *DuplicateNameError
	if !errors.As(err, &dup) || *dup != (DuplicateNameError{Base: "app.zip", A: "darwin/app.zip", B: "linux/app.zip"}) {
		t.Errorf("got %v", err)
	}
}

func TestFindThroughLinks(t *testing.T) {
	dir := tree(t, "real/app.zip", "dist/keep")
	link := func(to, from string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, filepath.FromSlash(from))); err != nil {
			if runtime.GOOS == "windows" {
				t.Skip("no right to make symbolic links: ", err)
			}
			t.Fatal(err)
		}
	}
	link(filepath.Join("..", "real", "app.zip"), "dist/latest.zip")
	f := find(t, dir, "dist/*.zip")
	if len(f) != 1 || f[0].Name != "dist/latest.zip" || f[0].Size != int64(len("real/app.zip")) {
		t.Errorf("link to a file: %+v", f)
	}
	link("..", "dist/loop")
	if f := find(t, dir, "dist/**/*.zip"); len(f) != 1 {
		t.Errorf("a loop of links was followed: %+v", f)
	}
	link("gone", "dist/broken.tar")
	for _, glob := range []string{"dist/*.tar", "dist/broken.tar"} {
		if _, err := Find(t.Context(), dir, []string{glob}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q, a dangling link: %v", glob, err)
		}
	}
}

func TestFindStops(t *testing.T) {
	dir := tree(t, "a/b/c/d.zip")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx, dir, []string{"**/*.zip"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCommonDir(t *testing.T) {
	at := func(parts ...string) File {
		return File{Path: string(filepath.Separator) + filepath.Join(parts...)}
	}
	root := string(filepath.Separator)
	for _, c := range []struct {
		files []File
		want  string
	}{
		{nil, ""},
		{[]File{at("r", "dist", "a")}, root + filepath.Join("r", "dist")},
		{[]File{at("r", "dist", "a"), at("r", "dist", "b")}, root + filepath.Join("r", "dist")},
		{[]File{at("r", "dist", "x", "a"), at("r", "dist", "y", "b")}, root + filepath.Join("r", "dist")},
		{[]File{at("r", "dist", "a"), at("r", "distant", "b")}, root + "r"},
		{[]File{at("r", "dist", "..a"), at("r", "dist", "b")}, root + filepath.Join("r", "dist")},
		{[]File{at("a"), at("r", "b")}, root},
	} {
		if got := CommonDir(c.files); got != c.want {
			t.Errorf("%v: got %q, want %q", c.files, got, c.want)
		}
	}
}
