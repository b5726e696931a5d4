package gitops

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"bulla/keys/family"
	"bulla/keys/limits"
)

// program runs the user's git.
type program struct {
	path    string
	environ []string
	// ceiling is the folder above the repository: git must not look for another one there.
	ceiling string
}

const (
	// localDeadline bounds a local command whose context has no deadline: the index of a huge
	// tree on a cold disk takes a while.
	localDeadline = 5 * time.Minute
	// killGrace is how long a cancelled git may take to remove its lock files, and its
	// children to close their output.
	killGrace = 3 * time.Second
	maxStderr = 64 << 10
)

// readOptions come before every local command: nothing that the repository configures is run,
// except the content filters that git status needs to see files as git does.
var readOptions = []string{
	"--no-pager", "--literal-pathspecs",
	"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
	"-c", "status.renames=false", "-c", "log.showSignature=false", "-c", "color.ui=false",
}

// errStop ends a stream early without being an error.
var errStop = errors.New("enough read")

// read runs a local command and returns what it prints, at most limit bytes.
func (p *program) read(ctx context.Context, dir string, limit int64, stdin []byte, args ...string) ([]byte, error) {
	out := &limits.Buffer{Limit: limit}
	err := p.run(ctx, dir, stdin, out, args...)
	if out.Full() {
		return nil, &TooLargeError{What: "the output of git " + args[0], Limit: limit}
	}
	return out.Bytes(), err
}

// stream runs a local command and hands its output to f; when f returns errStop the command is
// ended and all is well.
func (p *program) stream(ctx context.Context, dir string, stdin []byte, f func(io.Reader) error, args ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := f(pr)
		if err == nil {
			_, err = io.Copy(io.Discard, pr)
		}
		pr.CloseWithError(errStop)
		if err != nil {
			cancel()
		}
		done <- err
	}()
	err := p.run(ctx, dir, stdin, pw, args...)
	pw.CloseWithError(io.EOF)
	ferr := <-done
	switch {
	case errors.Is(ferr, errStop):
		return nil
	case err != nil && (ferr == nil || errors.Is(ferr, io.EOF) || errors.Is(ferr, io.ErrUnexpectedEOF)):
		return err // git died: the cut output is no news
	}
	return ferr
}

// run runs a local command without network, hooks or prompts.
func (p *program) run(ctx context.Context, dir string, stdin []byte, stdout io.Writer, args ...string) error {
	ctx, cancel := withDeadline(ctx, localDeadline)
	defer cancel()
	cmd := p.command(ctx, dir, append(readOptions[:len(readOptions):len(readOptions)], args...))
	cmd.Env = append(cmd.Env,
		"GIT_OPTIONAL_LOCKS=0",
		// Objects are shown as they are, not as refs/replace would have them.
		"GIT_NO_REPLACE_OBJECTS=1",
		// A partial clone must not fetch behind one's back; older gits know only the second.
		"GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none")
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Stdout = stdout
	return p.finish(ctx, cmd, args[0], dir)
}

// command prepares git with a clean environment and no terminal.
func (p *program) command(ctx context.Context, dir string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, append([]string{"-C", dir}, args...)...)
	cmd.Env = append(cleanEnviron(p.environ),
		"LC_ALL=C", "LANGUAGE=", "GIT_TERMINAL_PROMPT=0", "GIT_PAGER=cat",
		"GIT_CEILING_DIRECTORIES="+p.ceiling)
	cmd.WaitDelay = killGrace
	family.EndWith(cmd, family.Terminate)
	return cmd
}

// finish runs a prepared command and turns its failure into an error with facts.
func (p *program) finish(ctx context.Context, cmd *exec.Cmd, name, dir string) error {
	stderr := &limits.Buffer{Limit: maxStderr, Drop: true}
	if cmd.Stderr == nil {
		cmd.Stderr = stderr
	}
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("git %s: %w", name, context.Cause(ctx))
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("git %s: %w", name, ErrNoGit)
	}
	text := redact(stderr.String())
	if owned := ownershipError(text, dir); owned != nil {
		return owned
	}
	if strings.Contains(text, "not a git repository") {
		return fmt.Errorf("%s: %w", dir, ErrNotRepository)
	}
	code := -1
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	return &GitError{Command: name, Code: code, Stderr: text, Cause: err}
}

var owned = regexp.MustCompile(`(?:dubious ownership in repository at|unsafe repository \() ?'([^'\n]*)'`)

// ownershipError recognises git's refusal of a folder that another user owns.
func ownershipError(stderr, dir string) error {
	if m := owned.FindStringSubmatch(stderr); m != nil {
		return &OwnershipError{Dir: cmp.Or(m[1], dir)}
	}
	return nil
}

// foreignVariables would point git at another repository, index or reading of paths. They are
// set while a hook runs, and bulla may be run from one.
var foreignVariables = map[string]bool{
	"GIT_DIR": true, "GIT_WORK_TREE": true, "GIT_COMMON_DIR": true, "GIT_INDEX_FILE": true,
	"GIT_OBJECT_DIRECTORY": true, "GIT_ALTERNATE_OBJECT_DIRECTORIES": true, "GIT_NAMESPACE": true,
	"GIT_PREFIX": true, "GIT_IMPLICIT_WORK_TREE": true, "GIT_GRAFT_FILE": true, "GIT_SHALLOW_FILE": true,
	"GIT_REPLACE_REF_BASE": true, "GIT_INTERNAL_SUPER_PREFIX": true, "GIT_QUARANTINE_PATH": true,
	"GIT_CONFIG": true, "GIT_GLOB_PATHSPECS": true, "GIT_NOGLOB_PATHSPECS": true,
	"GIT_ICASE_PATHSPECS": true, "GIT_LITERAL_PATHSPECS": true, "GIT_CEILING_DIRECTORIES": true,
	"GIT_EXTERNAL_DIFF": true, "GIT_REDIRECT_STDOUT": true, "GIT_REDIRECT_STDERR": true,
}

func cleanEnviron(environ []string) []string {
	out := make([]string, 0, len(environ)+12)
	for _, kv := range environ {
		if k, _, _ := strings.Cut(kv, "="); !foreignVariables[k] {
			out = append(out, kv)
		}
	}
	return out
}

// withDeadline gives a context without a deadline one.
func withDeadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}
