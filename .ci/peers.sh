#!/usr/bin/env bash
# peers.sh - get the foreign programs that no package installs, outside the checkout.
#
#   peers.sh start   begins in the background and returns at once
#   peers.sh         waits for what was begun, or builds now; prints the folder of the programs
#
#   BULLA_CACHE      where they are kept; bulla-peers in the user's cache by default
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${BULLA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bulla-peers}
export BULLA_PEERS=${BULLA_PEERS:-$cache/bin}
mkdir -p "$cache"

build() { # one at a time: whoever comes second finds it done
  if command -v flock >/dev/null; then
    exec 9>"$cache/lock"
    flock 9
  fi
  # The tests say that they miss these.
  "$here/peers/docker.sh" >/dev/null || true
  "$here/peers/card.sh" >/dev/null || true
  "$here/peers/ociregistry.sh" >/dev/null || true
  "$here/peers/cosign.sh"
}

case ${1:-} in
  start) (build >"$cache/build.log" 2>&1 &) ;;
  '') build ;;
  *) echo "usage: peers.sh [start]" >&2; exit 2 ;;
esac
