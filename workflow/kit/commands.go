package kit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"bulla/docker"
	"bulla/workflow/record"
	"bulla/workflow/shell"
)

// The tools of the guide, in its order.
const (
	toolGPG    = "gpg"
	toolSums   = "sums"
	toolSQ     = "sq"
	toolOldSQ  = "sq before 1.0"
	toolGit    = "git"
	toolCosign = "cosign"
	toolNotary = "notary"
	toolBulla  = "bulla"
)

// cloneName is the folder that the guide clones the repository into, beside the files.
func (r *release) cloneName() string {
	name := strings.TrimSuffix(path.Base(r.rec.Predicate.Project), ".git")
	if name == "" || strings.HasPrefix(name, "-") || strings.HasPrefix(name, ".") {
		return "repository"
	}
	return name
}

// signedFiles are those that have a signature beside them.
func signedFiles(p record.Predicate) []string {
	if p.ChecksumsOnly { // the list of checksums vouches for the others
		return append(slices.Clone(p.Checksums), record.Name)
	}
	return slices.Concat(p.Files, p.Checksums, []string{record.Name})
}

// commands are all commands of the guide. They are run in a folder that holds the release's files,
// the kit's keys, and a clone of the repository.
func (r *release) commands() (out []Command) {
	q := shell.Quote
	add := func(tool, why, format string, words ...string) {
		args := make([]any, len(words))
		for i, w := range words {
			args[i] = file(w)
		}
		out = append(out, Command{Tool: tool, Text: fmt.Sprintf(format, args...), Why: why})
	}
	p := r.rec.Predicate
	signed := signedFiles(p)
	add(toolGPG, "the public keys, once", "gpg --import KEYS")
	for _, f := range signed {
		add(toolGPG, "", "gpg --verify %s %s", f+".asc", f)
	}
	for _, list := range p.Checksums {
		program := strings.ToLower(strings.TrimSuffix(path.Base(list), "SUMS")) + "sum"
		if program == "sha256sum" || program == "sha512sum" {
			add(toolSums, "all files at once, after the signature on the list", program+" --check --strict %s", list)
		}
	}
	for _, f := range signed {
		add(toolSQ, "", "sq verify --signer-file KEYS --signature-file %s %s", f+".asc", f)
	}
	for _, f := range signed {
		add(toolOldSQ, "", "sq verify --signer-cert KEYS --detached %s %s", f+".asc", f)
	}
	clone := r.cloneName()
	if r.Remote != "" && !strings.HasPrefix(r.Remote, "-") {
		out = append(out, Command{Tool: toolGit, Text: "git clone " + q(r.Remote) + " " + q(clone), Why: "the repository, once", Reason: "it would need the network"})
	}
	out = append(out, Command{Tool: toolGit, Text: "git -C " + q(clone) + " verify-tag " + q(p.Tag.Name), Why: "the tag, with the key that gpg has imported"})
	for _, img := range r.images {
		_, tag, _ := cutTag(img.Reference)
		out = append(out, Command{Tool: toolCosign, Text: shell.CosignVerify(ImageKeyName, img.Reference, tag), Why: "the image, signed under this tag by the project's own key"})
	}
	for _, img := range r.trust {
		name, tag, ok := cutTag(img.Reference)
		if !ok {
			continue
		}
		out = append(out, Command{Tool: toolNotary, Text: "notary -s " + q(img.ContentTrust.Server) + " lookup " + q(name) + " " + q(tag),
			Why: "the tag must stand for " + plain(img.Digest), Reason: "it would need the trust server, and its root to be pinned"})
	}
	out = append(out, Command{Tool: toolBulla, Text: "(cd " + q(clone) + " && bulla verify --keys ../KEYS --only-keys ../" + record.Name + ")", Why: "all of it: the tag, every file, the lists, the images, and that they belong together"})
	return out
}

// cutTag cuts an image's reference into the name by which Content Trust knows its repository, and
// the tag.
func cutTag(reference string) (name, tag string, ok bool) {
	ref, err := docker.ParseReference(reference)
	if err != nil || ref.Tag() == "" {
		return "", "", false
	}
	return ref.Repository().String(), ref.Tag(), true
}

// file is a file name as a shell word that no program takes for an option.
func file(name string) string {
	if strings.HasPrefix(name, "-") {
		name = "./" + name
	}
	return shell.Quote(name)
}
