#!/usr/bin/env bash
# ociregistry.sh - build the registry that lists referrers itself, once, and print the folder it is in.
#
#   export BULLA_PEERS=$(.ci/peers/ociregistry.sh)
#
# The registry is that of cuelabs.dev/go/oci, with a few lines around it (ociregistry/). The folder
# is $BULLA_PEERS, or else bulla-peers/bin in the user's cache. A build takes about a minute of
# processor time; one of the right version that is there already is left alone.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
DIR=${BULLA_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/bulla-peers/bin}

wanted=$(cat "$here"/ociregistry/{main.go,go.sum} | sha256sum | cut -d' ' -f1)
if [ -x "$DIR/ociregistry" ] && [ "$(cat "$DIR/ociregistry.of" 2>/dev/null)" = "$wanted" ]; then
  echo "$DIR"
  exit 0
fi
mkdir -p "$DIR"
echo "ociregistry.sh: building ociregistry into $DIR" >&2
TMP=$(mktemp -d "$DIR/.ociregistry-XXXXXX") # so that a build that is interrupted leaves no half program behind
trap 'rm -rf "$TMP"' EXIT
(cd "$here/ociregistry" && GOWORK=off GOFLAGS="-mod=readonly -buildvcs=false -p=${JOBS:-2}" nice go build -trimpath -o "$TMP/ociregistry" . >&2)
mv "$TMP/ociregistry" "$DIR/ociregistry"
echo "$wanted" >"$DIR/ociregistry.of"
echo "$DIR"
