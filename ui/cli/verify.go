package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bulla/docker"
	"bulla/keys"
	"bulla/ui/component/foundkey"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/images"
	"bulla/workflow/verify"
)

// verifyFlags are the flags of `bulla verify`.
type verifyFlags struct {
	verify.Options
	at, format       string
	allowWeak, quiet bool
	verbose          bool
	commits, source  string
	allow            []string
	fetch            bool
	from             []string
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify [TARGET…]",
		Short: "Verify tags, commits, files, folders, records and images",
		Long: `Verify anything by what it is: a tag, a commit, a file with its signature beside
it, a checksums file and the files in it, a release record and all that it binds,
an image in a registry. Without a target: the newest release. A file without a
signature of its own counts by the signed checksums file beside it that names it.

A folder is taken as it was downloaded: with a record, a checksums file or a
signature in it, every file directly in it must be vouched for by one of them; a
file that is not counts as unsigned. Public keys and hidden files are passed over,
and so is what a checksums file names and is not there.

--source compares a source archive with the tree of a signed tag, file by file, and
names what was added, changed or left out. What .gitattributes asks for
(export-ignore, export-subst, eol=crlf) is understood; what is generated is allowed
by --allow, or by "generated" in the [release] table of the tag's own bulla.toml.

What passes is summed up, a line for each signer; --verbose lists it, --quiet leaves
it out. JSON and JUnit tell everything.

tag:, file:, commit: and image: say which is meant where a name fits several.

Exit codes: 0 all good, 1 something is not, 3 something could not be checked.`,
		Example: `  bulla verify v1.4.0
  bulla verify --commits v1.3.0..HEAD
  bulla verify ~/Downloads/widget-1.4.0/
  bulla verify --keys KEYS --only-keys dist/bulla-release.json
  bulla verify --source widget-1.4.0.tar.gz --allow configure v1.4.0
  bulla verify --format junit dist/SHA256SUMS > report.xml`,
	}
	fs := c.Flags()
	fs.StringArrayVar(&f.Keys, "keys", nil, "add the public keys in `file`: OpenPGP, allowed_signers or PEM (repeatable)")
	fs.BoolVar(&f.OnlyKeys, "only-keys", false, "use no other keys than those of --keys")
	fs.StringArrayVar(&f.Revoked, "revoked", nil, "refuse the SSH keys in `file`: a list of ssh-keygen -k, or public keys (repeatable)")
	fs.StringVar(&f.Signature, "signature", "", "the signature `file` of a single file, list or record")
	fs.StringVar(&f.commits, "commits", "", "verify every commit of a `range`, such as v1.3.0..HEAD")
	fs.StringVar(&f.source, "source", "", "compare the source `archive` with the tree of the tag that is named")
	fs.StringArrayVar(&f.allow, "allow", nil, "with --source: a `glob` of files that may differ (repeatable)")
	fs.StringVar(&f.at, "at", "", "judge as of this `time`: 2026-11-22 or RFC 3339")
	fs.BoolVar(&f.Offline, "offline", false, "do not use the network: images are then not checked")
	fs.BoolVar(&f.allowWeak, "allow-weak", false, "let weak signatures pass (SHA-1, DSA, short RSA)")
	fs.StringVar(&f.format, "format", string(formatText), "`how` to answer: text, json, junit or github")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing about what passes, and nothing at all where all does")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "list all that passes, too, instead of summing it up")
	fs.BoolVar(&f.fetch, "fetch", false, "look for missing public keys on key servers, for this run; they learn what you check")
	fs.StringArrayVar(&f.from, "from", nil, "with --fetch: a `place` to ask, as for bulla keys fetch (repeatable)")
	policyFlags(fs, &f.Policy)
	a.jsonFlag(fs, "print each verdict as a line of JSON: --format json")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case fs.Changed("at") && f.at == "":
			return &explain.UsageError{Message: "--at is empty", Hints: []string{"2026-11-22 or 2026-11-22T15:04:05Z"}}
		case f.quiet && f.verbose:
			return &explain.UsageError{Message: "--quiet and --verbose exclude each other"}
		case f.Signature != "" && len(args) == 0:
			return &explain.UsageError{Message: "--signature names a signature, but no file is named", Hints: []string{"bulla verify --signature FILE.asc FILE"}}
		case f.fetch && (f.Offline || f.OnlyKeys || f.source != ""):
			return &explain.UsageError{Message: "--fetch looks for keys on the network; --offline, --only-keys and --source exclude it", Hints: []string{"bulla keys fetch gets a key beforehand"}}
		case len(f.from) > 0 && !f.fetch:
			return &explain.UsageError{Message: "--from says where to fetch keys, but --fetch is missing"}
		}
		return a.verify(cmd.Context(), f, args)
	}
	return c
}

// reportOf settles the form of the answer. With JSON, errors are told in JSON too.
func (a *app) reportOf(f verifyFlags) (*report, error) {
	format, err := parseFormat(f.format)
	if err != nil {
		return nil, err
	}
	if a.flags.json && format != formatJSON {
		if format != formatText {
			return nil, &explain.UsageError{Message: "--json and --format " + f.format + " exclude each other"}
		}
		format = formatJSON
	}
	a.flags.json = format == formatJSON
	return &report{format: format, quiet: f.quiet, verbose: f.verbose, allowWeak: f.allowWeak}, nil
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &explain.UsageError{Message: "--at is not a time: " + s, Hints: []string{"2026-11-22 or 2026-11-22T15:04:05Z"}}
}

func (a *app) verify(ctx context.Context, f verifyFlags, targets []string) error {
	r, err := a.reportOf(f)
	if err != nil {
		return err
	}
	if f.source != "" {
		return a.verifySource(ctx, f, targets, r)
	}
	v, err := a.verifier(ctx, f)
	if err != nil {
		return err
	}
	if len(targets) == 0 && f.commits == "" {
		if targets, err = v.NewestRelease(ctx); err != nil {
			return err
		}
		targets = relativeFiles(targets)
	}
	list, err := a.judge(ctx, v, f, targets)
	if err == nil && f.fetch {
		list, err = a.judgeFetched(ctx, v, f, targets, list)
	}
	if err != nil {
		return err
	}
	r.verdicts(list)
	err = r.write(a.Stdout)
	a.advise(list, f.allowWeak)
	return err
}

// relativeFiles names files as a person would from where bulla was started, where that is shorter.
func relativeFiles(targets []string) []string {
	here, err := os.Getwd()
	for i, t := range targets {
		path, ok := strings.CutPrefix(t, "file:")
		if rel, relErr := filepath.Rel(here, path); ok && err == nil && relErr == nil && len(rel) < len(path) {
			targets[i] = "file:" + rel
		}
	}
	return targets
}

// judge reaches the verdicts on targets and commits.
func (a *app) judge(ctx context.Context, v *verify.Verifier, f verifyFlags, targets []string) ([]keys.Verdict, error) {
	list, err := v.Verify(ctx, targets)
	if err != nil || f.commits == "" {
		return list, err
	}
	n, err := v.Commits(ctx, f.commits, func(v keys.Verdict) { list = append(list, v) })
	if err == nil && n == 0 {
		a.note("warning: there are no commits in %s, so nothing was checked", f.commits)
	}
	return list, err
}

// judgeFetched looks for the keys that are missing and, where some are found, judges once more.
func (a *app) judgeFetched(ctx context.Context, v *verify.Verifier, f verifyFlags, targets []string, list []keys.Verdict) ([]keys.Verdict, error) {
	from, err := a.sources(f.from)
	if err != nil {
		return nil, err
	}
	ring, err := a.fetchMissing(ctx, a.world, list, from)
	if err != nil || ring.Len() == 0 {
		return list, err
	}
	unlisted := func(k keys.Key) bool { p := v.Policy().Policy; return p == nil || !p.Lists(k.Fingerprint) }
	if slices.ContainsFunc(ring.Keys(), unlisted) {
		a.note("warning: %s", foundkey.Caution)
	}
	return a.judge(ctx, v.WithKeys(ring), f, targets)
}

// advise says what to do about what does not pass: how a verdict is reached where only the public key
// is missing, and once for each other kind of trouble.
func (a *app) advise(list []keys.Verdict, allowWeak bool) {
	a.adviseKeys(list)
	told := map[string]bool{}
	for _, v := range verify.Failing(list, allowWeak) {
		word := statusWord(v)
		if v.Status.Undecided() || told[word] {
			continue
		}
		told[word] = true
		more := ""
		if v.Status == keys.StatusWeak && !slices.Contains(v.Weak, keys.WeakOutside) {
			more = "; --allow-weak lets it pass"
		}
		a.note("hint: %s: %s%s", word, explain.Advice(v), more)
	}
}

func (a *app) adviseKeys(list []keys.Verdict) {
	missing := map[string]bool{}
	for _, v := range list {
		what, id, how := "public key", string(v.Claim.Fingerprint), "--keys FILE adds it, --fetch looks for it"
		switch {
		case v.Claim.Authority != "":
			what, id, how = "certificate authority", string(v.Claim.Authority), "--keys FILE adds it, a line of allowed_signers with cert-authority"
		case id == "":
			id = v.Claim.KeyID
		}
		if v.Status == keys.StatusUnknownKey && !missing[id] && len(missing) < 5 {
			missing[id] = true
			a.note("hint: the %s %s is missing; %s", what, id, how)
		}
	}
}

// formerly finds the digests that the tag of an image was signed over before, as bulla image verify
// does.
func (a *app) formerly(ctx context.Context, v *verify.Verifier, ref docker.Reference) (digests []string) {
	t, err := images.Look(ctx, v, ref, images.Options{Trust: a.contentTrust()})
	if err != nil {
		return nil // the verdict stands without
	}
	for _, m := range t.Moved {
		digests = append(digests, m.From)
	}
	return digests
}

// verifier gathers the keys and says what is wrong with them.
func (a *app) verifier(ctx context.Context, f verifyFlags) (*verify.Verifier, error) {
	t, err := parseTime(f.at)
	if err != nil {
		return nil, err
	}
	f.At, f.Dir, f.Former = t, a.repository(), a.formerly
	w, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	v, err := workflow.NewVerifier(ctx, w, f.Options)
	if err != nil {
		return nil, err
	}
	for _, e := range v.Problems() {
		a.note("warning: %v", e)
	}
	a.policyNotes(v, f.quiet)
	return v, nil
}
