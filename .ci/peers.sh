#!/usr/bin/env bash
# peers.sh - build the foreign programs that no package brings, outside the checkout.
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
    flock "$cache/lock" "$here/peers/cosign.sh"
  else
    "$here/peers/cosign.sh"
  fi
}

case ${1:-} in
  start) (build >"$cache/build.log" 2>&1 &) ;;
  '') build ;;
  *) echo "usage: peers.sh [start]" >&2; exit 2 ;;
esac
