#!/usr/bin/env bash
# docker.sh - get a docker command that has `docker trust`, once, and print the folder it is in.
#
#   export BULLA_PEERS=$(.ci/peers/docker.sh)
#
# Version 29 has no trust any more. A docker that has it is used where it is; else the command
# alone is taken out of Debian's package, and no engine is installed or started. The folder is
# $BULLA_PEERS, or else bulla-peers/bin in the user's cache.
set -euo pipefail
DIR=${BULLA_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/bulla-peers/bin}

trusts() { "$1" trust inspect --help >/dev/null 2>&1; }
if trusts docker || trusts "$DIR/docker"; then
  echo "$DIR"
  exit 0
fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "docker.sh: there is no docker with trust, and no apt-get to get one" >&2; exit 1; }
mkdir -p "$DIR"
TMP=$(mktemp -d "$DIR/.docker-XXXXXX")
trap 'rm -rf "$TMP"' EXIT
chmod 755 "$TMP"
for package in docker-cli docker.io; do # since Debian 13 the command is a package of its own
  (cd "$TMP" && apt-get download -qq "$package" >/dev/null 2>&1 && dpkg-deb -x "$package"_*.deb .) || continue
  if trusts "$TMP/usr/bin/docker"; then
    mv "$TMP/usr/bin/docker" "$DIR/docker"
    echo "$DIR"
    exit 0
  fi
done
echo "docker.sh: no package of this system brings a docker with trust" >&2
exit 1
