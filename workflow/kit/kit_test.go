package kit

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/workflow"
	"bulla/workflow/sandbox"
	"bulla/workflow/shell"
)

// environ is the environment before a test changes it: Go's caches lie in the real home.
var environ = os.Environ()

// binary is what built has made, to be removed at the end.
var binary string

// built is bulla, built once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bulla-built-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bulla")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, "bulla")
	cmd.Env = environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	binary = path
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binary != "" {
		os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// lookPath finds programs as the tests' peers are found.
func lookPath(name string) (string, error) {
	if dir := os.Getenv("BULLA_PEERS"); dir != "" {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return exec.LookPath(name)
}

// released is a practice project with a release, its record, and options for a kit of it.
func released(t *testing.T) (*sandbox.Sandbox, *workflow.Result, Options) {
	t.Helper()
	for _, v := range []string{"HOME", "XDG_CONFIG_HOME", "GNUPGHOME"} {
		t.Setenv(v, filepath.Join(t.TempDir(), "nobody"))
	}
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	ctx := context.Background()
	b, err := sandbox.New(ctx, sandbox.Options{Now: time.Now, Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	res, err := b.Release(ctx, b.Choices(), func(workflow.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(b.PublicKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.ReadKeyring(data, keys.SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	return b, res, Options{Record: res.Record, Keyring: ring, Others: keys.MergeKeyrings(), Repository: filepath.Join(b.Dir(), ".git"), Path: os.Getenv("PATH"), LookPath: lookPath}
}

// Every tool that is here accepts what the kit says, in an empty home; the CI script too.
func TestKitIsTried(t *testing.T) {
	keystest.Peer(t, "gpg")
	keystest.Peer(t, "git")
	_, res, o := released(t)
	bulla, err := built()
	if err != nil {
		t.Fatal(err)
	}
	o.Bulla = bulla
	o.Reachable = func(context.Context, string) error { return nil }
	k, err := Make(context.Background(), o)
	if err != nil {
		var failed *FailedError
		if errors.As(err, &failed) {
			t.Log(failed.Output)
		}
		t.Fatal(err)
	}
	tried := map[string]int{}
	for _, c := range k.Commands {
		if c.Tried {
			tried[c.Tool]++
		} else {
			t.Logf("not tried: %s (%s)", c.Text, c.Reason)
		}
	}
	signed := len(res.Files) + 2 // SHA256SUMS and the record
	if tried[toolGPG] != signed+1 || tried[toolGit] != 1 || tried[toolBulla] != 1 || tried[toolSums] != 1 {
		t.Errorf("tried %v", tried)
	}
	if _, err := lookPath("sq"); err == nil && tried[toolSQ]+tried[toolOldSQ] != signed {
		t.Errorf("sq tried %v", tried)
	}
	if _, err := lookPath("cosign"); err == nil && tried[toolCosign] != 1 {
		t.Errorf("cosign tried %v", tried)
	}
	dir := filepath.Join(t.TempDir(), "kit")
	if err := k.Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := k.Write(dir); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("written twice: %v", err)
	}
	guide, err := os.ReadFile(filepath.Join(dir, GuideName))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range res.Files {
		if !strings.Contains(string(guide), "gpg --verify "+f.Base()+".asc "+f.Base()) {
			t.Errorf("the guide does not check %s", f.Base())
		}
	}
	snippets(t, o, dir, bulla, res)
}

// A kit whose commands fail is not made.
func TestKitOfATamperedRelease(t *testing.T) {
	keystest.Peer(t, "gpg")
	_, res, o := released(t)
	if err := os.WriteFile(res.Files[0].Path, []byte("evil"), 0o644); err != nil {
		t.Fatal(err)
	}
	var failed *FailedError
	if _, err := Make(context.Background(), o); !errors.As(err, &failed) || !strings.Contains(failed.Command, "gpg --verify") || !strings.Contains(failed.Output, "BAD signature") {
		t.Errorf("%v", err)
	}
	if err := os.Remove(res.Files[0].Path); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(context.Background(), o); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// Tools that are missing are said to be, and their commands stand there all the same.
func TestKitWithoutTools(t *testing.T) {
	_, _, o := released(t)
	o.LookPath = func(string) (string, error) { return "", exec.ErrNotFound }
	k, err := Make(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range k.Commands {
		if c.Tried || c.Reason == "" {
			t.Errorf("%+v", c)
		}
	}
	var guide string
	for _, f := range k.Files {
		if f.Name == GuideName {
			guide = string(f.Data)
		}
	}
	for _, words := range []string{"not tried: there is no POSIX shell here", "gpg --import KEYS", "cosign verify --key image.pub", "sq verify --signer-file"} {
		if !strings.Contains(guide, words) {
			t.Errorf("the guide lacks %q:\n%s", words, guide)
		}
	}
	o.Keyring = keys.MergeKeyrings()
	var missing *MissingKeyError
	if _, err := Make(context.Background(), o); !errors.As(err, &missing) {
		t.Errorf("without the key: %v", err)
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"Ann <a@b>": "Ann <a@b>", "a\nb\x1b[2J": "a?b?[2J", "-----BEGIN PGP": "?????BEGIN PGP", "a`b|c\u202e": "a?b?c?", "\xff": "?",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := plain(strings.Repeat("x", 100_000)); len(got) > 300 {
		t.Errorf("%d octets", len(got))
	}
}

// What the end of a release tells the signer and the strangers to type works as it stands, in this
// order, for a stranger who has nothing but what was published.
func TestCommandsOfTheEndWork(t *testing.T) {
	for _, peer := range []string{"gpg", "git", "sha256sum", "cosign"} {
		keystest.Peer(t, peer)
	}
	bulla, err := built()
	if err != nil {
		t.Fatal(err)
	}
	b, res, _ := released(t)
	bin := t.TempDir()
	if err := os.Symlink(bulla, filepath.Join(bin, "bulla")); err != nil {
		t.Fatal(err)
	}
	path := "PATH=" + strings.Join([]string{bin, os.Getenv("BULLA_PEERS"), os.Getenv("PATH")}, string(os.PathListSeparator))
	signer := []string{path, "BULLA_HOME=" + filepath.Join(b.Root(), "home"), "GNUPGHOME=" + keystest.GnuPGHome(t)}
	stranger := []string{path, "BULLA_HOME=" + t.TempDir(), "GNUPGHOME=" + keystest.GnuPGHome(t), "DOCKER_CONFIG=" + t.TempDir()}
	run := func(env []string, c workflow.Command) {
		t.Helper()
		if _, stderr, err := keystest.Run(t, nil, env, "sh", "-c", "cd "+shell.Quote(b.Dir())+" && "+c.Text); err != nil {
			t.Errorf("%s: %v\n%s", c.Text, err, stderr)
		}
	}
	ran := 0
	for _, c := range workflow.SignerCommands(res, b.Dir()) {
		if !strings.Contains(c.Text, " publish ") { // it would leave this computer
			run(signer, c)
			ran++
		}
	}
	theirs := workflow.StrangerCommands(res, b.Dir(), workflow.PublicKeysName, workflow.ImageKeyName(res.Plan.ImageKey))
	var text []string
	for _, c := range theirs {
		run(stranger, c)
		text = append(text, c.Text)
	}
	all := strings.Join(text, "\n")
	for _, want := range []string{"gpg --verify dist/SHA256SUMS.asc dist/SHA256SUMS\n", "gpg --verify dist/bulla-release.json.asc dist/bulla-release.json\n", "--key practice.pub "} {
		if !strings.Contains(all+"\n", want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if strings.Index(all, "SHA256SUMS.asc") > strings.Index(all, "sha256sum -c") {
		t.Errorf("the list is used before it is checked:\n%s", all)
	}
	if ran != 3 || len(theirs) < 7 {
		t.Errorf("%d and %d commands", ran, len(theirs))
	}
	poseAs(t, res.Images[0].Name, sandbox.EarlierVersion)
	refused := 0
	for _, c := range theirs {
		if !strings.HasPrefix(c.Text, "cosign verify ") {
			continue
		}
		_, stderr, err := keystest.Run(t, nil, stranger, "sh", "-c", "cd "+shell.Quote(b.Dir())+" && "+c.Text)
		if err == nil {
			t.Errorf("%s takes the image of %s:\n%s", c.Text, sandbox.EarlierVersion, stderr)
		}
		// Without the tag it is a good image: nothing else is wrong with it.
		any := strings.Replace(c.Text, " -a tag="+sandbox.NextVersion+" ", " ", 1)
		if _, stderr, err := keystest.Run(t, nil, stranger, "sh", "-c", "cd "+shell.Quote(b.Dir())+" && "+any); err != nil || any == c.Text {
			t.Errorf("%s: %v\n%s", any, err, stderr)
		}
		refused++
	}
	if refused != 1 {
		t.Errorf("%d commands of cosign", refused)
	}
}

// poseAs moves an image's tag to what another tag of the repository points to.
func poseAs(t *testing.T, image, other string) {
	t.Helper()
	ref, err := docker.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	manifests := "http://" + ref.Registry() + "/v2/" + ref.Repository().Path() + "/manifests/"
	do := func(method, tag, mediaType string, body io.Reader) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, manifests+tag, body)
		if err != nil {
			t.Fatal(err)
		}
		if mediaType != "" {
			req.Header.Set("Content-Type", mediaType)
		}
		req.Header.Set("Accept", "*/*")
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode >= 300 {
			t.Fatalf("%s %s: %v, %+v", method, req.URL, err, res)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	old := do(http.MethodGet, other, "", nil)
	do(http.MethodPut, ref.Tag(), old.Header.Get("Content-Type"), old.Body)
}
