package dockerfile

import (
	"errors"
	"fmt"
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
	want := `9 FROM golang:1.26 linux/amd64 Build false
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
