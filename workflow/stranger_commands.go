package workflow

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"bulla/docker"
	"bulla/workflow/images"
	"bulla/workflow/shell"
)

// Command is something a stranger may type to check a release.
type Command struct {
	// Text is the command line, quoted for a POSIX shell; Why says what it shows.
	Text, Why string
}

// PublicKeysName is the file with the OpenPGP key, as it is published beside a release.
const PublicKeysName = "KEYS"

// ImageKeyName is what the public half of the image key with the private file path is called.
func ImageKeyName(private string) string {
	return filepath.Base(images.Key{Path: private}.PublicPath())
}

// maxFileCommands is how many files get a command each. Of more, one is shown as an example: the
// list of checksums covers them all.
const maxFileCommands = 6

// SignerCommands lists what whoever signed does so that strangers can check: the public keys have
// to lie beside the release, for no command of StrangerCommands works without them. dir is where
// the commands are run.
func SignerCommands(r *Result, dir string) []Command {
	key := string(r.Plan.Key.Primary)
	out := []Command{{"bulla keys export " + key + " -o " + PublicKeysName, "your public key, a file to publish beside the release"}}
	if _, err := os.Lstat(filepath.Join(dir, PublicKeysName)); err == nil {
		out[0] = Command{"bulla keys publish " + key + " --to file:" + PublicKeysName, "your public key, added to the file KEYS that is there, or renewed in it"}
	}
	if len(r.Images) > 0 {
		out = append(out, Command{fmt.Sprintf("cp %s %s", shell.Quote(images.Key{Path: r.Plan.ImageKey}.PublicPath()), shell.Quote(ImageKeyName(r.Plan.ImageKey))), "the image key's public half, to publish too"})
	}
	record := r.Record
	if p, err := filepath.Rel(dir, record); err == nil && filepath.IsLocal(p) {
		record = p
	}
	return append(out,
		Command{"bulla keys publish " + key + " --to keys.openpgp.org", "your key where programs look; it asks before it sends"},
		Command{fmt.Sprintf("bulla kit --record %s -o kit", shell.Quote(record)), "or one folder with all of it: keys, and a guide that is tried"})
}

// StrangerCommands lists the commands by which a stranger checks a release with tools that are
// not bulla. publicKey is the file with the OpenPGP key, imageKey that with the image key; dir is
// where the commands are run, paths are relative to it.
func StrangerCommands(r *Result, dir, publicKey, imageKey string) []Command {
	path := func(path string) string {
		if p, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(p) {
			return p
		}
		return path
	}
	rel := func(p string) string { return shell.Quote(path(p)) }
	out := []Command{
		{"gpg --import " + rel(publicKey), "the public key, once"},
		{"git verify-tag " + shell.Quote(r.Plan.Tag), "the tag"},
	}
	for _, f := range r.Files {
		if f.SignaturePath == "" {
			continue // the list of checksums vouches for it
		}
		why := f.Base()
		if len(r.Files) > maxFileCommands {
			why = fmt.Sprintf("one file; each of the %d has its own .asc", len(r.Files))
		}
		out = append(out, Command{fmt.Sprintf("gpg --verify %s %s", rel(f.SignaturePath), rel(f.Path)), why})
		if len(r.Files) > maxFileCommands {
			break
		}
	}
	for _, c := range r.Checksums {
		if strings.HasSuffix(c, ".asc") {
			continue
		}
		tool := strings.ToLower(strings.TrimSuffix(filepath.Base(c), "SUMS")) + "sum"
		out = append(out,
			// Checksums that nobody signed prove nothing.
			Command{fmt.Sprintf("gpg --verify %s %s", rel(c+".asc"), rel(c)), "the list of checksums"},
			Command{fmt.Sprintf("(cd %s && %s -c %s)", rel(filepath.Dir(c)), tool, filepath.Base(c)), "all files at once, by that list"})
	}
	for _, img := range r.Images {
		if img.TrustServer != "" {
			out = append(out, Command{fmt.Sprintf("DOCKER_CONTENT_TRUST_SERVER=%s docker trust inspect --pretty %s", shell.Quote(img.TrustServer), shell.Quote(img.Name)), "the image's tag in Content Trust, with a docker before version 29"})
		}
		if !r.Plan.ImageWith.Cosign() {
			continue
		}
		tag := ""
		if ref, err := docker.ParseReference(img.Name); err == nil {
			tag = ref.Tag()
		}
		out = append(out, Command{shell.CosignVerify(path(imageKey), img.Name, tag), "the image, signed under this tag; " + shell.WhyNoLog})
	}
	return append(out,
		Command{fmt.Sprintf("gpg --verify %s %s", rel(r.Record+".asc"), rel(r.Record)), "the record, which binds all of it"},
		Command{fmt.Sprintf("bulla verify --keys %s --only-keys %s", rel(publicKey), rel(r.Record)), "everything, from the record"})
}
