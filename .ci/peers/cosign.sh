#!/usr/bin/env bash
# cosign.sh - build the cosign that the tests use, once, and print the folder it is in.
#
#   export BULLA_PEERS=$(.ci/peers/cosign.sh)
#
# The folder is $BULLA_PEERS, or else bulla-peers/bin in the user's cache. A build takes about
# ten minutes of processor time on a small machine; a cosign of the right version that is there
# already is left alone. The version is checked by Go's module sums like any other dependency.
set -euo pipefail
VERSION=v3.1.3
DIR=${BULLA_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/bulla-peers/bin}

if "$DIR/cosign" version 2>/dev/null | grep -q "GitVersion: *$VERSION\$"; then
  echo "$DIR"
  exit 0
fi
mkdir -p "$DIR"
echo "cosign.sh: building cosign $VERSION into $DIR; this takes a while" >&2
# Outside the checkout, so that its go.mod is not touched; into a folder of its own first, so
# that a build that is interrupted leaves no half cosign behind.
TMP=$(mktemp -d "$DIR/.build-XXXXXX")
trap 'rm -rf "$TMP"' EXIT
(cd / && GOBIN=$TMP GOFLAGS=-p=${JOBS:-2} nice go install "github.com/sigstore/cosign/v3/cmd/cosign@$VERSION" >&2)
mv "$TMP/cosign" "$DIR/cosign"
echo "$DIR"
