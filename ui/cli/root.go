package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/workflow"
)

// Run carries out one command line and returns the exit code.
func Run(ctx context.Context, env Env) int {
	a := &app{Env: env}
	defer a.close()
	a.flags.json = slices.Contains(env.Args, "--json") // told in JSON even if the flags cannot be read
	root := a.root()
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return explain.CodeOK
	case errors.As(err, &code):
		return int(code)
	}
	if ctx.Err() != nil && !errors.Is(err, context.Canceled) {
		err = errors.Join(ctx.Err(), err)
	}
	x := explain.Error(err)
	a.complain(x)
	return x.Code
}

// exitCode ends a command whose answer is already printed.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// complain prints an error: one line "error: …", then hints; with --json one object as well.
func (a *app) complain(x explain.Explanation) {
	if len(x.Problems) > 0 {
		a.complainOfAll(x)
	} else {
		text := "error: " + safetext.Line(x.Headline)
		for _, more := range []string{x.Cause, x.Untouched} {
			if more != "" {
				text += " " + safetext.Line(more)
			}
		}
		fmt.Fprintln(a.Stderr, text)
		for _, h := range x.Next {
			fmt.Fprintln(a.Stderr, "hint: "+safetext.Line(h))
		}
	}
	if a.flags.json {
		_ = encode(a.Stderr, complaintOf(x))
	}
}

// complainOfAll prints an error for each of several problems, and what to do about it below it.
// Neighbours that are mended alike share the hint.
func (a *app) complainOfAll(x explain.Explanation) {
	for i, p := range x.Problems {
		fmt.Fprintln(a.Stderr, "error: "+safetext.Line(p.Text))
		if p.Hint != "" && (i+1 == len(x.Problems) || x.Problems[i+1].Hint != p.Hint) {
			fmt.Fprintln(a.Stderr, "hint: "+safetext.Line(p.Hint))
		}
	}
	if x.Untouched != "" {
		fmt.Fprintln(a.Stderr, safetext.Line(x.Untouched))
	}
}

// complaint is an error as an object of JSON.
type complaint struct {
	Error    string        `json:"error"`
	Hint     string        `json:"hint"`
	Code     int           `json:"code"`
	Problems []problemJSON `json:"problems,omitempty"` // where it is more than one
}

type problemJSON struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

func complaintOf(x explain.Explanation) complaint {
	c := complaint{Error: x.Headline, Hint: strings.Join(x.Next, "; "), Code: x.Code}
	if len(x.Problems) > 0 {
		c.Error += " " + x.Cause
	}
	for _, p := range x.Problems {
		c.Problems = append(c.Problems, problemJSON{p.Text, p.Hint})
	}
	return c
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "bulla",
		Short: "Sign a release: tag, files and image. Check it years later.",
		Long: `bulla carries a release from an unsigned commit to a signed tag, signed files and a
signed image, checks all of it as a stranger would, and lets anyone check it
again years later.

Without a command, in a git repository, it opens the walk on the whole screen.`,
		Version:       a.Version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.walk(cmd.Context(), releaseFlags{})
		},
	}
	root.SetVersionTemplate("bulla {{.Version}}\n")
	f := root.PersistentFlags()
	f.BoolVar(&a.flags.accessible, "accessible", a.Getenv("ACCESSIBLE") != "", "speak line by line instead of drawing screens")
	f.StringVar(&a.flags.theme, "theme", "auto", "colours for a `background`: auto, light or dark")
	f.BoolVar(&a.flags.ascii, "ascii", false, "draw with ASCII characters alone")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return &explain.UsageError{Message: err.Error(), Hints: []string{"--help shows the flags"}}
	})
	root.AddCommand(a.releaseCommand(), a.tagCommand(), a.signCommand(), a.imageCommand(), a.verifyCommand(), a.policyCommand(),
		a.logCommand(), a.kitCommand(), a.keysCommand(), a.vaultCommand(), a.sandboxCommand())
	usageErrors(root)
	return root
}

// usageErrors makes wrong arguments the same kind of error as wrong flags, in c and below.
func usageErrors(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = cobra.ArbitraryArgs
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if err == nil {
			err = nothingEmpty(cmd.Flags(), args)
		}
		if err != nil {
			return &explain.UsageError{Message: err.Error(), Hints: []string{cmd.CommandPath() + " --help shows how"}}
		}
		return nil
	}
	if c.RunE == nil && c.Run == nil {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		}
	}
	for _, sub := range c.Commands() {
		usageErrors(sub)
	}
}

func unknownCommand(c *cobra.Command, name string) error {
	return &explain.UsageError{Message: fmt.Sprintf("unknown command %q for %q", name, c.CommandPath()), Hints: []string{c.CommandPath() + " --help lists them"}}
}

// nothingEmpty refuses arguments and flags that are given and empty: most often a script's variable
// that was never set. Taking them for "not given" would sign with another key than was meant, or
// judge by another policy.
func nothingEmpty(f *pflag.FlagSet, args []string) (err error) {
	if slices.Contains(args, "") {
		return errors.New("an argument is empty")
	}
	mayBeEmpty := []string{"name", "email", "comment", "text"} // what stands in user ids and revocations
	f.Visit(func(g *pflag.Flag) {
		if g.Value.Type() == "string" && g.Value.String() == "" && !slices.Contains(mayBeEmpty, g.Name) {
			err = fmt.Errorf("--%s is empty", g.Name)
		}
	})
	return err
}

// jsonFlag adds --json.
func (a *app) jsonFlag(f *pflag.FlagSet, help string) { f.BoolVar(&a.flags.json, "json", false, help) }

// yesFlag adds --yes.
func (a *app) yesFlag(f *pflag.FlagSet) {
	f.BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask: the plan is confirmed")
}

// fdFlag adds --passphrase-fd or another flag that names a file descriptor.
func fdFlag(f *pflag.FlagSet, name, help string) *int {
	return f.Int(name, -1, help)
}

// descriptor is what --passphrase-fd names, or nil.
func descriptor(n *int) *secretFD { return descriptorOf("--passphrase-fd", n) }

// descriptorOf is what another flag names, or nil.
func descriptorOf(flag string, n *int) *secretFD {
	if n == nil || *n < 0 {
		return nil
	}
	return &secretFD{fd: *n, flag: flag}
}

// screenPossible reports whether the full-screen face can be drawn.
func (a *app) screenPossible() bool {
	out, ok := a.Stdout.(*os.File)
	return ok && a.interactive() && !a.flags.accessible && !a.flags.json && term.IsTerminal(int(out.Fd())) && a.Getenv("TERM") != "dumb"
}

// printer writes lines of JSON or text.
type printer struct {
	out  io.Writer
	json bool
	err  error
}

func (a *app) printer() *printer { return &printer{out: a.Stdout, json: a.flags.json} }

func (p *printer) object(v any) {
	if p.err == nil {
		p.err = encode(p.out, v)
	}
}

// heard is nil where all was written, else an error that says what is done all the same.
func (p *printer) heard(done string) error {
	if p.err == nil {
		return nil
	}
	return &explain.ReportError{Done: done, Err: p.err}
}

// encode writes v as one line of JSON in which no character could move a terminal: what is not
// printable is escaped, and reads the same again.
func encode(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, u)
		}
	}
	out.WriteByte('\n')
	_, err := io.WriteString(w, out.String())
	return err
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, safetext.Line(fmt.Sprintf(format, args...)))
	}
}

// session opens the repository of the working directory.
func (a *app) session(ctx context.Context) (*workflow.Session, error) {
	w, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	return workflow.Open(ctx, w, a.repository())
}
