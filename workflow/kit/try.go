package kit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bulla/keys/family"
	"bulla/workflow/record"
	"bulla/workflow/shell"
)

// commandTime bounds one command.
const commandTime = 2 * time.Minute

// stage is a stranger's computer: an empty home, and a folder with the release's files and the
// kit's keys, as someone has downloaded them, and a clone of the repository.
type stage struct {
	top, home, files, bin string
	path                  string
}

// try runs every command that can be run here. One that fails is a *FailedError.
func (r *release) try(ctx context.Context, k *Kit) error {
	s, err := r.build(ctx, k)
	if err != nil {
		return err
	}
	defer s.close(r.LookPath)
	sqOld := r.sqIsOld(ctx, s)
	for i := range k.Commands {
		c := &k.Commands[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.Reason == "" {
			c.Reason = r.hindrance(ctx, c, sqOld)
		}
		if c.Reason != "" {
			continue
		}
		if r.Trying != nil {
			r.Trying(c.Text)
		}
		out, err := s.run(ctx, c.Text)
		if err != nil {
			return &FailedError{Command: c.Text, Output: out, Err: err}
		}
		c.Tried, c.Version = true, r.version(ctx, s, c.Tool)
	}
	return nil
}

// hindrance says why a command cannot be tried here, or "".
func (r *release) hindrance(ctx context.Context, c *Command, sqOld bool) string {
	program := c.Tool
	switch c.Tool {
	case toolSums:
		program, _, _ = strings.Cut(c.Text, " ")
	case toolSQ, toolOldSQ:
		program = "sq"
	case toolGit:
		// git asks gpg; without it there is no verdict to be had.
		if _, err := r.LookPath("gpg"); err != nil {
			return "gpg is not installed here"
		}
	case toolBulla:
		if r.Bulla == "" {
			return "it is not at hand here"
		}
		return r.unreachable(ctx)
	}
	if _, err := r.LookPath("sh"); err != nil {
		return "there is no POSIX shell here"
	}
	if _, err := r.LookPath(program); err != nil {
		return program + " is not installed here"
	}
	switch {
	case c.Tool == toolSQ && sqOld:
		return "an older sq is installed here"
	case c.Tool == toolOldSQ && !sqOld:
		return "a newer sq is installed here"
	case c.Tool == toolCosign:
		return r.unreachable(ctx)
	}
	return ""
}

// unreachable says why the images cannot be asked for.
func (r *release) unreachable(ctx context.Context) string {
	for _, img := range r.images {
		if r.Reachable == nil || r.Reachable(ctx, img.Reference) != nil {
			return "the registry could not be asked from here"
		}
	}
	return ""
}

// build makes the stage.
func (r *release) build(ctx context.Context, k *Kit) (s *stage, err error) {
	top, err := os.MkdirTemp("", "bulla-kit-")
	if err != nil {
		return nil, err
	}
	s = &stage{top: top, home: filepath.Join(top, "h"), files: filepath.Join(top, "files"), bin: filepath.Join(top, "bin")}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(top))
		}
	}()
	for _, dir := range []string{s.home, s.files, s.bin} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
	}
	for _, f := range k.Files {
		if err := os.WriteFile(filepath.Join(s.files, f.Name), f.Data, f.Mode); err != nil {
			return nil, err
		}
	}
	p := r.rec.Predicate
	for _, name := range slices.Concat(p.Files, p.Checksums, []string{record.Name}) {
		for _, n := range []string{name, name + ".asc"} {
			if n != name && !slices.Contains(signedFiles(p), name) {
				continue
			}
			if err := s.link(filepath.Join(r.dir, filepath.FromSlash(n)), n); err != nil {
				return nil, err
			}
		}
	}
	if err := r.programs(s); err != nil {
		return nil, err
	}
	if _, err := r.LookPath("git"); err == nil {
		// The tag and what it points to are enough; --shared copies nothing.
		clone := "git clone --quiet --shared --no-checkout " + shell.Quote(r.Repository) + " " + shell.Quote(r.cloneName())
		if out, err := s.run(ctx, clone); err != nil {
			return nil, &FailedError{Command: clone, Output: out, Err: err}
		}
	}
	return s, nil
}

// programs puts the programs that were found by other ways than PATH where a shell finds them.
func (r *release) programs(s *stage) error {
	s.path = s.bin + string(os.PathListSeparator) + r.Path
	links := map[string]string{}
	if r.Bulla != "" {
		links[toolBulla] = r.Bulla
	}
	if p, err := r.LookPath(toolCosign); err == nil {
		links[toolCosign] = p
	}
	for name, target := range links {
		target, err := filepath.Abs(target)
		if err != nil {
			return err
		}
		if err := os.Symlink(target, filepath.Join(s.bin, name)); err != nil {
			return err
		}
	}
	return nil
}

// link puts a file of the release on the stage.
func (s *stage) link(from, name string) error {
	from, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	if _, err := os.Stat(from); err != nil {
		return err
	}
	to := filepath.Join(s.files, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	err = os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return os.Symlink(from, to) // another disk
}

// run runs a command line in the files' folder with the empty home, and returns what it says.
func (s *stage) run(ctx context.Context, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	family.EndWith(cmd, family.Kill)
	cmd.Dir = s.files
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = []string{
		"HOME=" + s.home, "PATH=" + s.path, "LC_ALL=C", "TMPDIR=" + os.TempDir(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "BULLA_HOME=" + filepath.Join(s.home, "bulla"),
	}
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return out.String(), err
}

// tail keeps the last kilobytes written to it.
type tail struct{ b bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p)
	if over := t.b.Len() - 4096; over > 0 {
		t.b.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string { return t.b.String() }

// version is the first line that a tool says about itself, "" for those that say nothing useful.
func (r *release) version(ctx context.Context, s *stage, tool string) string {
	switch tool {
	case toolSums, toolBulla, toolCosign:
		return ""
	case toolOldSQ:
		tool = "sq"
	}
	out, err := s.run(ctx, tool+" --version")
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
	return plain(line)
}

// sqIsOld reports whether the sq that is installed has the options of before 1.0.
func (r *release) sqIsOld(ctx context.Context, s *stage) bool {
	if _, err := r.LookPath("sq"); err != nil {
		return false
	}
	out, err := s.run(ctx, "sq verify --help")
	return err == nil && !strings.Contains(out, "--signature-file") && strings.Contains(out, "--detached")
}

// close ends what gpg may have started and removes the stage.
func (s *stage) close(lookPath func(string) (string, error)) {
	if _, err := lookPath("gpgconf"); err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _ = s.run(ctx, "gpgconf --kill all") // nothing was started, as a rule
	}
	_ = os.RemoveAll(s.top) // a temporary folder: the system removes what remains
}

// describe says how a command was tried, for the guide.
func (c Command) describe() string {
	if !c.Tried {
		return "not tried: " + c.Reason
	}
	if c.Version != "" {
		return fmt.Sprintf("tried with %s", c.Version)
	}
	return "tried"
}
