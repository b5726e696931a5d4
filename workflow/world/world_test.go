package world

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestCertDirs(t *testing.T) {
	env := func(vars map[string]string) func(string) string { return func(k string) string { return vars[k] } }
	for name, c := range map[string]struct {
		vars   map[string]string
		system string
		want   []string
	}{
		"at home":        {map[string]string{"HOME": "/h"}, "linux", []string{"/h/.docker/certs.d", "/h/.config/docker/certs.d", "/etc/docker/certs.d"}},
		"folders moved":  {map[string]string{"HOME": "/h", "DOCKER_CONFIG": "/d", "XDG_CONFIG_HOME": "/x"}, "linux", []string{"/d/certs.d", "/x/docker/certs.d", "/etc/docker/certs.d"}},
		"nobody at home": {nil, "linux", nil},
	} {
		var want []string
		for _, w := range c.want {
			want = append(want, filepath.FromSlash(w))
		}
		if got := certDirs(env(c.vars), c.system); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := certDirs(env(map[string]string{"USERPROFILE": `u`, "PROGRAMDATA": `p`}), "windows"); len(got) != 2 || got[1] != filepath.Join("p", "docker", "certs.d") {
		t.Errorf("windows: %q", got)
	}
}
