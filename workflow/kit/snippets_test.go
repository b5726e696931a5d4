package kit

import (
	"encoding/xml"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys/keystest"
	"bulla/workflow"
)

// job is a CI snippet as its system runs it: what it sets, and the scripts, one after the other.
type job struct {
	file  string
	shell []string // runs a script file
	env   map[string]string
	steps []string
}

// readJob takes the job out of a snippet, by the form of its system.
func readJob(t *testing.T, kit, file string) job {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(kit, "ci", file))
	if err != nil {
		t.Fatal(err)
	}
	j := job{file: file, env: map[string]string{}}
	section := ""
	for l := range strings.Lines(string(data)) {
		l = strings.TrimSpace(l)
		name, value, _ := strings.Cut(l, ":")
		switch {
		case file == "Jenkinsfile":
			j.shell = []string{"sh", "-xe"}
			if command, ok := strings.CutPrefix(l, "sh '"); ok {
				j.steps = append(j.steps, strings.TrimSuffix(command, "'"))
			}
			if inner, ok := strings.CutPrefix(l, "environment {"); ok {
				name, value, _ := strings.Cut(strings.Trim(inner, " }"), " = ")
				j.env[name] = strings.Trim(value, "'")
			}
		case section != "steps" && strings.HasSuffix(l, ":"):
			section = name
		case section == "steps" && strings.HasPrefix(l, "- run: "):
			j.shell = []string{"bash", "-e"}
			j.steps = append(j.steps, strings.TrimPrefix(l, "- run: "))
		case section == "script" && strings.HasPrefix(l, "- "):
			j.shell = []string{"bash", "-eo", "pipefail"}
			j.steps = append(j.steps, strings.TrimPrefix(l, "- "))
		case section == "env" || section == "variables":
			j.env[name] = strings.TrimSpace(value)
		}
	}
	if len(j.steps) == 0 || j.env["FORMAT"] == "" {
		t.Fatalf("%s: no steps or no format: %+v", file, j)
	}
	return j
}

// run runs the job's steps until one fails, in a workspace, with an empty home, as CI does. It
// returns what they said and the exit code that the job ends with.
func (j job) run(t *testing.T, workspace, path string, more map[string]string) (string, int) {
	t.Helper()
	home := t.TempDir()
	env := []string{"PATH=" + path, "HOME=" + home, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C.UTF-8"}
	set := maps.Clone(j.env)
	maps.Copy(set, more)
	for k, v := range set {
		if strings.Contains(v, "${{") {
			t.Fatalf("%s: nothing sets %s", j.file, k)
		}
		env = append(env, k+"="+v)
	}
	said := ""
	for _, step := range j.steps {
		script := filepath.Join(t.TempDir(), "step")
		if err := os.WriteFile(script, []byte(step+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(j.shell[0], append(j.shell[1:len(j.shell):len(j.shell)], script)...)
		cmd.Dir, cmd.Env = workspace, env
		out, err := cmd.CombinedOutput()
		said += string(out)
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if err != nil {
			return said, cmd.ProcessState.ExitCode()
		}
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) > 0 {
		t.Errorf("%s wrote to the home: %v, %v", j.file, entries, err)
	}
	return said, 0
}

// workspaceOf is what a CI system has checked out: a clone with the kit in it. GitHub's own action
// makes a lightweight tag of the one that was pushed; the others get the release's files too.
func workspaceOf(t *testing.T, o Options, kit, file, release, tag string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "workspace")
	git := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("clone", "-q", "--no-local", o.Repository, dir)
	copyTo := func(from, to string) {
		if err := os.CopyFS(filepath.Join(dir, to), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	copyTo(kit, "kit")
	if file == "github.yml" {
		git("-C", dir, "tag", "-f", tag, tag+"^{commit}")
	} else {
		copyTo(release, "release")
	}
	return dir
}

// gh is GitHub's tool where the network is not: the release's files lie in $RELEASED.
const gh = `#!/bin/sh
[ "$*" = "release download $TAG --dir release" ] && [ -n "$GH_TOKEN" ] || { echo "gh: $*" >&2; exit 9; }
cp -R "$RELEASED" release
`

// snippets runs the CI snippets of a kit: a sound release passes, a changed file is exit 1 and named,
// and a kit with another key is exit 3.
func snippets(t *testing.T, o Options, kit, bulla string, res *workflow.Result) {
	t.Helper()
	keystest.Peer(t, "bash")
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "gh"), []byte(gh), 0o755); err != nil {
		t.Fatal(err)
	}
	path := strings.Join([]string{bin, filepath.Dir(bulla), os.Getenv("PATH")}, string(filepath.ListSeparator))
	sound := filepath.Dir(res.Record)
	changed := filepath.Join(t.TempDir(), "changed")
	if err := os.CopyFS(changed, os.DirFS(sound)); err != nil {
		t.Fatal(err)
	}
	name := res.Files[0].Base()
	if err := os.WriteFile(filepath.Join(changed, name), []byte("evil"), 0o644); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign")
	if err := os.CopyFS(foreign, os.DirFS(kit)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(foreign, KeysName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"github.yml", "gitlab-ci.yml", "Jenkinsfile"} {
		for _, c := range []struct {
			name, kit, release string
			code               int
			says               map[string]string // by format
		}{
			{"sound", kit, sound, 0, map[string]string{"github": "all pass", "junit": `failures="0" errors="0"`}},
			{"changed", kit, changed, 1, map[string]string{"github": "::error file=release/" + name + ",", "junit": `file="release/` + name + `"`}},
			{"another key", foreign, sound, 3, map[string]string{"github": "::warning file=release/", "junit": `type="unknown-key"`}},
			{"another key, and changed", foreign, changed, 1, nil},
		} {
			t.Run(file+", "+c.name, func(t *testing.T) {
				j := readJob(t, kit, file)
				dir := workspaceOf(t, o, c.kit, file, c.release, res.Plan.Tag)
				out, code := j.run(t, dir, path, map[string]string{"TAG": res.Plan.Tag, "GH_TOKEN": "token", "RELEASED": c.release})
				if report, err := os.ReadFile(filepath.Join(dir, "report.xml")); err == nil {
					out += string(report)
					if err := xml.Unmarshal(report, new(struct{})); err != nil {
						t.Errorf("the report: %v", err)
					}
				} else if j.env["FORMAT"] == "junit" {
					t.Error(err)
				}
				if code != c.code || !strings.Contains(out, c.says[j.env["FORMAT"]]) {
					t.Errorf("exit %d, want %d and %q\n%s", code, c.code, c.says[j.env["FORMAT"]], out)
				}
			})
		}
	}
	cmd := exec.Command("sh", filepath.Join(kit, "ci", "check.sh"))
	cmd.Env = append(os.Environ(), "PATH="+path)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "usage") {
		t.Errorf("without a folder: %v\n%s", err, out)
	}
}
