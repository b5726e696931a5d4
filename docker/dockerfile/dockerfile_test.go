package dockerfile

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

const example = "# syntax=docker/dockerfile:1\r\n" + `# escape=\
ARG BASE=registry.example.org/base/alpine
ARG TAG="3.20"
ARG EMPTY=
ARG NOVALUE

# the tools
FROM --platform=$BUILDPLATFORM golang:1.26 AS Build
ARG TAG=ignored
RUN --mount=type=bind,from=registry.example.org/tools:1,target=/t --mount=type=cache,target=/c go build \
  # a comment in between
  ./...
RUN <<EOF
FROM not-an-image
EOF
RUN <<-"STOP" cat; echo FROM nowhere
	FROM neither
	STOP
COPY <<one <<'two' /x/
FROM one
one
FROM two
two
FROM ${BASE}:$TAG as middle
FROM build
COPY --from=build /a /b
COPY --from=0 /a /b
COPY --chown=1 --from=registry.example.org/files@sha256:abc /a /b
COPY --from=$X /a /b
from scratch
FROM ${EMPTY:-debian}:${TAG:+12}${EMPTY:+no}
FROM \
   image-on-the-\
next:1
FROM x:$NOVALUE
FROM $UNKNOWN
ONBUILD COPY --from=registry.example.org/later:1 /a /b
`

func TestParse(t *testing.T) {
	got, err := Parse([]byte(example), map[string]string{"TAG": "3.21", "BUILDPLATFORM": "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, b := range got {
		problem := ""
		if b.Problem != "" {
			problem = " !"
		}
		lines = append(lines, fmt.Sprintf("%d %s %s %s %s %v%s", b.Line, b.Use, b.Image, b.Platform, b.Stage, b.Internal, problem))
	}
	want := `1 # syntax docker/dockerfile:1   false
9 FROM golang:1.26 linux/amd64 Build false
11 RUN --mount registry.example.org/tools:1   false
25 FROM registry.example.org/base/alpine:3.21  middle false
26 FROM build   true
27 COPY --from build   true
28 COPY --from 0   true
29 COPY --from registry.example.org/files@sha256:abc   false
30 COPY --from $X   false !
31 FROM scratch   true
32 FROM debian:12   false
33 FROM image-on-the-next:1   false
36 FROM    false !
37 FROM    false !
38 COPY --from registry.example.org/later:1   false`
	if s := strings.Join(lines, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	// Without the build argument the default counts.
	got, err = Parse([]byte("ARG TAG=1\nFROM a/b:$TAG\n"), nil)
	if err != nil || got[0].Image != "a/b:1" {
		t.Errorf("got %+v, %v", got, err)
	}
	// One that no ARG names does not.
	if got, err = Parse([]byte("FROM a/b:$TAG\n"), map[string]string{"TAG": "1"}); err != nil || got[0].Problem == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	// Windows' escape character.
	got, err = Parse([]byte("# escape=`\nFROM a/b:1 `\n AS x\nCOPY c:\\a\\ c:\\b\\\nFROM x\n"), nil)
	if err != nil || len(got) != 2 || !got[1].Internal {
		t.Errorf("got %+v, %v", got, err)
	}
}

// BuildKit sets what a build runs on itself, and what it is for only the person knows: that matters where
// the name of the image depends on it.
func TestPlatforms(t *testing.T) {
	for from, want := range map[string]Base{
		"--platform=$BUILDPLATFORM a:1":          {Image: "a:1", Platform: build["BUILDPLATFORM"]},
		"a:$BUILDARCH":                           {Image: "a:" + runtime.GOARCH},
		"--platform=$TARGETPLATFORM a:1":         {Image: "a:1"},
		"--platform=linux/${TARGETARCH} a:1":     {Image: "a:1"},
		"--platform=$OTHER a:1":                  {Image: "a:1", Problem: "the variable OTHER has no value; --build-arg gives it one"},
		"a:$TARGETARCH":                          {Problem: "the variable TARGETARCH has no value; --build-arg gives it one"},
		"--platform=$TARGETPLATFORM a:$TARGETOS": {Problem: "the variable TARGETOS has no value; --build-arg gives it one"},
	} {
		got, err := Parse([]byte("FROM "+from+"\n"), nil)
		if err != nil || len(got) != 1 || got[0].Image != want.Image || got[0].Platform != want.Platform || got[0].Problem != want.Problem {
			t.Errorf("FROM %s: %+v, %v", from, got, err)
		}
	}
	if got := buildArguments("arm"); got["BUILDPLATFORM"] != "linux/arm/v7" || got["BUILDVARIANT"] != "v7" {
		t.Errorf("got %v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for what, text := range map[string]string{
		"nothing":         "",
		"no FROM":         "# a\nARG X=1\n",
		"RUN before FROM": "RUN x\nFROM a\n",
		"two images":      "FROM a b\n",
		"empty FROM":      "FROM\n",
		"a bad escape":    "# escape=x\nFROM a\n",
		"too long":        strings.Repeat("#", MaxSize+1),
	} {
		var syntax *SyntaxError
		if got, err := Parse([]byte(text), nil); !errors.As(err, &syntax) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("FROM a\nCOPY --from= /x /y\nRUN --mount= x\n"))
	f.Add([]byte("ARG A=${A:-${A:-$A}}\nFROM $A${A}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Parse(data, map[string]string{"TAG": "1"})
		if err != nil {
			return
		}
		for _, b := range list {
			if b.Line < 1 || b.Use == "" || (b.Image == "" && b.Problem == "") {
				t.Errorf("%+v", b)
			}
		}
	})
}

// Places where a careless reader sees other instructions than the builder does, so that an image would
// be hidden from it. What is wanted is what BuildKit's own parser (v0.21.1) makes of each text; some
// thirteen thousand texts put together of such pieces, which both understand, were compared with it.
func TestNothingIsHidden(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string // the images that are fetched
	}{
		"two escape characters do not go on":  {"FROM a\nRUN echo \\\\\nFROM evil\n", "a evil"},
		"one and a blank does":                {"FROM a\nRUN echo \\ \nFROM not\n", "a"},
		"escape after an unknown directive":   {"# foo=bar\n# escape=`\nFROM a\nRUN x `\nFROM evil\n", "a evil"},
		"other blanks":                        {"FROM a\nFROM\vevil\nfrom\tworse\n", "a evil worse"},
		"<< within a word":                    {"FROM a\nRUN echo x<<EOF\nFROM evil\n", "a evil"},
		"a here-string":                       {"FROM a\nRUN cat <<< EOF\nFROM evil\n", "a evil"},
		"<< and a blank":                      {"FROM a\nRUN cat << EOF\nFROM evil\n", "a evil"},
		"<< in quotes":                        {"FROM a\nRUN echo \"<<EOF\"\nFROM evil\n", "a evil"},
		"<< in a list":                        {"FROM a\nRUN [\"echo\", \"<<EOF\"]\nFROM evil\n", "a evil"},
		"<< in arithmetic":                    {"FROM a\nRUN echo $((1<<EOF))\nFROM evil\n", "a evil"},
		"<< in a flag":                        {"FROM a\nRUN --mount=\"x=1 <<EOF\" y\nFROM evil\n", "a evil"},
		"a here-document":                     {"FROM a\nRUN cat 3<<EOF\nFROM not\nEOF\nFROM b\n", "a b"},
		"of ONBUILD":                          {"FROM a\nONBUILD RUN cat <<EOF\nRUN cat <<END\nEOF\nFROM evil\n", "a evil"},
		"tabs before its end":                 {"FROM a\nRUN cat <<EOF\n\tEOF\nRUN cat <<END\nEOF\nFROM evil\n", "a evil"},
		"tabs that do not count":              {"FROM a\nRUN cat <<-EOF\n\tEOF\nFROM evil\n", "a evil"},
		"a name in quotes":                    {"FROM a\nRUN cat <<\"E F\"\nFROM not\nE F\nFROM b\n", "a b"},
		"an odd variable beside it":           {"FROM a\nRUN echo ${X!} <<EOF\nFROM evil\nEOF\n", "!"},
		"a quote that stays open":             {"FROM a\nRUN echo 'x <<EOF\nFROM evil\nEOF\n", "!"},
		"one that does not end":               {"FROM a\nRUN cat <<EOF\nFROM evil\n", "!"},
		"variables in a quoted default":       {"ARG B=evil\nARG A=\"x B=good \"\nFROM $B\n", "evil"},
		"a mount with blanks":                 {"FROM a\nRUN --mount=type=bind,target=\"/x y\",from=evil z\n", "a evil"},
		"a mount in quotes":                   {"FROM a\nRUN --mount='type=bind,\"from=evil\"' z\n", "a evil"},
		"a mount in upper case":               {"FROM a\nRUN --mount=type=bind,FROM=evil z\n", "a evil"},
		"an escaped flag":                     {"FROM a\nRUN --mo\\unt=from=evil z\n", "a evil"},
		"no flags after --":                   {"FROM a\nRUN -- --mount=from=not z\n", "a"},
		"an unknown instruction":              {"FROM a\nFORM evil\n", "!"},
		"a stage of a bad name":               {"FROM a AS 1x\n", "!"},
		"the builder itself":                  {"# syntax = evil/frontend:1 x\nFROM a\n", "evil/frontend:1 a"},
		"after a shebang":                     {"#!/usr/bin/env x\n# syntax=evil/frontend:1\nFROM a\n", "evil/frontend:1 a"},
		"with slashes":                        {"//syntax=evil/frontend:1\nFROM a\n", "!"},
		"a variable in single quotes":         {"ARG A=b\nFROM '$A'\n", "?"},
		"an escaped name":                     {"FROM a\\b\n", "?"},
		"a stage that is named as an image":   {"FROM a AS evil\nFROM EVIL\nCOPY --from=evil /x /y\n", "a"},
		"a stage that comes later":            {"FROM a\nCOPY --from=b /x /y\nFROM c AS b\n", "a b c"},
		"the platform says nothing about it":  {"FROM --platform=linux/arm64 a@sha256:00\n", "a@sha256:00"},
		"a default with a tag":                {"ARG A=b:1\nFROM ${A:-c}\n", "b:1"},
		"ARG in a stage is not for FROM":      {"ARG A=b\nFROM a\nARG A=c\nFROM $A\n", "a b"},
		"comments and blanks within one line": {"FROM \\\n# x\n\n  a\n", "a"},
	} {
		list, err := Parse([]byte(c.text), nil)
		var got []string
		for _, b := range list {
			switch {
			case b.Problem != "":
				got = append(got, "?")
			case !b.Internal:
				got = append(got, b.Image)
			}
		}
		var syntax *SyntaxError
		if errors.As(err, &syntax) {
			got = []string{"!"}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: got %q, want %q (%v)", name, s, c.want, err)
		}
	}
}
