package kit

import (
	"fmt"
	"slices"
	"strings"

	"bulla/workflow/record"
	"bulla/workflow/shell"
)

// guide is VERIFY.md.
func (r *release) guide(k *Kit) string {
	p := r.rec.Predicate
	var b strings.Builder
	fmt.Fprintf(&b, "# How to check %s %s\n\n", plain(p.Project), plain(p.Version))
	b.WriteString("You need the files of the release with their signatures (`.asc`), and `KEYS` from this folder")
	if len(r.images) > 0 {
		b.WriteString(" with `" + ImageKeyName + "`")
	}
	fmt.Fprintf(&b, ", all in one folder; for the tag also a clone of the repository in it, called `%s`. Any one of the tools below is enough: they check the same signatures.\n\n", plain(r.cloneName()))
	b.WriteString("Everything is signed by this key:\n\n")
	fmt.Fprintf(&b, "    %s\n", grouped(p.Signer.Primary))
	for _, u := range r.signer.UserIDs {
		fmt.Fprintf(&b, "    %s\n", plain(u))
	}
	b.WriteString("\nA key that comes with the files proves nothing by itself: compare the fingerprint with one that you have from elsewhere, an earlier release or the project's own pages.\n")
	for _, section := range r.sections() {
		writeSection(&b, section.title, section.note, section.tools, k.Commands)
	}
	b.WriteString("\n## In CI\n\nThe folder `ci` holds the same check for GitHub, GitLab and Jenkins. Each runs `ci/check.sh` with the folder of the release's files, in a clone of the repository.\n")
	return b.String()
}

type section struct {
	title, note string
	tools       []string
}

func (r *release) sections() []section {
	warning := "gpg warns that the key is not certified: it does not know whose key it is, which is what the fingerprint above is for. \"Good signature\" and that fingerprint are what counts."
	return []section{
		{"bulla", "Exit code 0: everything is good. 1: something is not. 3: something could not be checked.", []string{toolBulla}},
		{"GnuPG", warning, []string{toolGPG}},
		{"Checksums", "", []string{toolSums}},
		{"Sequoia", "Version 1.0 and later:", []string{toolSQ}},
		{"Sequoia before 1.0", "", []string{toolOldSQ}},
		{"git", "", []string{toolGit}},
		{"cosign", "cosign calls --insecure-ignore-tlog insecure; here it is what is meant: " + shell.WhyNoLog + ".", []string{toolCosign}},
		{"Docker Content Trust", r.rootNote(), []string{toolNotary}},
	}
}

// rootNote says what must stand behind the trust data.
func (r *release) rootNote() string {
	var ids []string
	for _, img := range r.trust {
		for _, id := range img.ContentTrust.RootCertificates {
			if !slices.Contains(ids, plain(id)) {
				ids = append(ids, plain(id))
			}
		}
	}
	return "notary believes whatever root it is shown first. Pin the root certificate " + strings.Join(ids, " or ") + " under trust_pinning in its config.json."
}

// writeSection writes the commands of a tool, with what came of trying them as a comment in the
// block, so that each can be copied as it stands.
func writeSection(b *strings.Builder, title, note string, tools []string, all []Command) {
	var commands []Command
	for _, c := range all {
		for _, t := range tools {
			if c.Tool == t {
				commands = append(commands, c)
			}
		}
	}
	if len(commands) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if note != "" {
		b.WriteString(note + "\n\n")
	}
	b.WriteString("```sh\n")
	said := ""
	for _, c := range commands {
		if d := c.describe(); d != said {
			fmt.Fprintf(b, "# %s\n", d)
			said = d
		}
		b.WriteString(c.Text)
		if c.Why != "" {
			b.WriteString("   # " + c.Why)
		}
		b.WriteByte('\n')
	}
	b.WriteString("```\n")
}

// ci adds the snippets. They share one script, so that there is one thing to get right.
func (r *release) ci(k *Kit) {
	tag := shell.Quote(r.rec.Predicate.Tag.Name)
	k.add(ScriptName, script)
	k.add("ci/github.yml", strings.ReplaceAll(githubSnippet, "@TAG@", tag))
	k.add("ci/gitlab-ci.yml", gitlabSnippet)
	k.add("ci/Jenkinsfile", jenkinsSnippet)
}

const script = `#!/bin/sh
# check.sh FOLDER: check a release of this project. Run it in a clone of the repository that has
# the tag; FOLDER holds the release's files with their signatures and ` + record.Name + `.
#
#   FORMAT   text (default), json, junit or github
#
# Exit code: 0 all good, 1 something is not, 2 wrong usage, 3 something could not be checked.
set -eu
if [ $# -ne 1 ]; then
  echo "usage: $0 FOLDER" >&2
  exit 2
fi
if ! command -v bulla >/dev/null; then
  echo "error: bulla is not installed here" >&2
  exit 3
fi
kit=$(cd "$(dirname "$0")/.." && pwd)
set -- "$1/` + record.Name + `"
[ ! -e "$kit/` + ImageKeyName + `" ] || set -- --keys "$kit/` + ImageKeyName + `" "$@"
exec bulla verify --keys "$kit/KEYS" --only-keys --format "${FORMAT:-text}" "$@"
`

const githubSnippet = `# Checks each release of this repository after it is published. The kit lies in the folder "kit";
# bulla must be in the PATH of the runner.
name: verify release
on:
  release:
    types: [published]
  workflow_dispatch:
    inputs:
      tag:
        default: @TAG@
permissions:
  contents: read
jobs:
  verify:
    runs-on: ubuntu-latest
    env:
      TAG: ${{ github.event.release.tag_name || inputs.tag }}
      GH_TOKEN: ${{ github.token }}
      FORMAT: github
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      # The checkout makes a lightweight tag of the one that was pushed.
      - run: git fetch --force --tags origin
      - run: gh release download "$TAG" --dir release
      - run: kit/ci/check.sh release
`

const gitlabSnippet = `# Checks a release when its tag is pushed. The kit lies in the folder "kit", the release's files
# in "release"; bulla must be in the image.
verify release:
  rules:
    - if: $CI_COMMIT_TAG
  variables:
    FORMAT: junit
    GIT_DEPTH: 0
  script:
    - kit/ci/check.sh release > report.xml
  artifacts:
    when: always
    reports:
      junit: report.xml
`

const jenkinsSnippet = `// Checks a release. The kit lies in the folder "kit", the release's files in "release"; bulla
// must be in the agent's PATH.
pipeline {
  agent any
  environment { FORMAT = 'junit' }
  stages {
    stage('Verify release') {
      steps {
        sh 'kit/ci/check.sh release > report.xml'
      }
    }
  }
  post {
    always { junit 'report.xml' }
  }
}
`
