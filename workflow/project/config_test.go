package project

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestConfigIsReadStrictly(t *testing.T) {
	for _, c := range []struct {
		name, text string
		line       int
		want       string
	}{
		{"unknown key", "[release]\ntag = \"v{version}\"\ntagg = 1\n", 3, "tagg"},
		{"unknown table", "[relaese]\n", 1, "relaese"},
		{"wrong type", "[release]\n\nartifacts = \"dist/*\"\n", 3, "artifacts"},
		{"no toml", "[release\n", 1, ""},
		{"pattern without a version", "[release]\ntag = \"v1\"\n", 2, "{version}"},
		{"short key", "[release]\ntag = \"v{version}\"\nkey = \"C0DEEE87\"\n", 3, "fingerprint"},
		{"empty glob", "[release]\nartifacts = [\"\"]\n", 2, "empty"},
		{"unknown key of history", "[history]\nfolder = \"x\"\n", 2, "folder"},
		{"empty folder", "[history]\nfolders = [\"x\", \" \"]\n", 2, "folders"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseConfig([]byte(c.text))
			var e *ConfigError
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Line != c.line || !strings.Contains(e.Message, c.want) {
				t.Errorf("line %d %q, want line %d with %q", e.Line, e.Message, c.line, c.want)
			}
		})
	}
}

// A value that is wrong may be a passphrase that somebody put in the wrong place.
func TestConfigErrorsQuoteNoValue(t *testing.T) {
	for _, text := range []string{"[release]\npassphrase = \"CANARY\"\n", "[release]\nkey = \"CANARY\"\n", "[release]\nsha512 = \"CANARY\"\n", "[release]\nkey = CANARY\n"} {
		_, err := ParseConfig([]byte(text))
		if err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestConfigSurvivesWriting(t *testing.T) {
	c := Config{Path: filepath.Join(t.TempDir(), ConfigName), Release: ReleaseConfig{
		Tag: "release-{version}", Key: strings.Repeat("AB", 20) + "!", Artifacts: []string{"dist/*", "it's.txt"}, SHA512: true,
		Images: []string{"example.org/app:{version}"}, ImageKey: "keys/cosign.key", Remote: "upstream", Branch: "main",
	}, History: HistoryConfig{Folders: []string{"../archive/{version}", "/srv/{tag}"}}}
	if err := c.Write(); err != nil {
		t.Fatal(err)
	}
	back, err := ReadConfig(filepath.Dir(c.Path))
	if err != nil {
		t.Fatal(err)
	}
	if !back.Exists || !reflect.DeepEqual(back.Release, c.Release) {
		t.Errorf("got %+v", back)
	}
	if info, err := os.Stat(c.Path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestTagFor(t *testing.T) {
	for _, c := range []struct{ text, pattern, tag, version string }{
		{"1.4.0", "v{version}", "v1.4.0", "1.4.0"},
		{"v1.4.0", "v{version}", "v1.4.0", "1.4.0"},
		{"1.4.0-rc.1", "v{version}", "v1.4.0-rc.1", "1.4.0-rc.1"},
		{"v1.4.0", "release-{version}", "release-1.4.0", "1.4.0"},
		{"release-1.4.0", "release-{version}", "release-1.4.0", "1.4.0"},
		{"1.4", "{version}", "1.4", "1.4"},
		{"", "v{version}", "", ""},
		{"v", "v{version}", "", ""},
		{"1.4.0 ; rm", "v{version}", "", ""},
		{"latest", "v{version}", "", ""},
	} {
		tag, version, err := TagFor(c.text, c.pattern)
		if tag != c.tag || version != c.version || (err != nil) != (c.tag == "") {
			t.Errorf("%q in %q: %q %q %v", c.text, c.pattern, tag, version, err)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("[release]\ntag = \"v{version}\"\n"))
	f.Add([]byte("[release]\nartifacts = [\"a\", \"b\"]\n"))
	f.Add([]byte("\xff\x00[["))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err == nil && strings.Count(c.TagPattern(), VersionVariable) != 1 {
			t.Errorf("accepted the pattern %q", c.TagPattern())
		}
	})
}
