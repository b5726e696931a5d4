#!/usr/bin/env bash
# card.sh - an OpenPGP card in software, behind a virtual reader, for the real scdaemon of GnuPG.
#
#   card.sh              builds openpgp-card once, and prints the folder it is in
#   card.sh start DIR    puts a card into a reader of its own; prints what GnuPG needs to find it
#   card.sh stop  DIR    ends both; the card keeps its keys in DIR
#
# The card is opcard, which Nitrokeys run, built by cargo (1.88 or later, and libclang); the reader is
# vsmartcard-vpcd behind pcscd, from Debian. Both run in name spaces of their own, on nobody's
# network. A build takes about two minutes of processor time. While DIR/card/inserted exists the card
# is in the reader; while DIR/card/touched exists somebody touches it. PIN 123456, admin's 12345678.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
DIR=${BULLA_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/bulla-peers/bin}
die() { echo "card.sh: $1" >&2; exit 1; }

build() {
  local sum
  sum=$(cat "$here"/card/Cargo.* "$here"/card/src/* | sha256sum)
  if [ ! -x "$DIR/openpgp-card" ] || [ "$(cat "$DIR/openpgp-card.of" 2>/dev/null)" != "$sum" ]; then
    command -v cargo >/dev/null || die "there is no cargo to build the card with"
    mkdir -p "$DIR"
    echo "card.sh: building openpgp-card into $DIR; this takes some minutes" >&2
    # Outside the checkout, and moved when whole.
    TMP=$(mktemp -d "$DIR/.card-XXXXXX")
    trap 'rm -rf "$TMP"' EXIT
    CARGO_TARGET_DIR=$TMP nice cargo build --quiet --release --locked -j "${JOBS:-2}" --manifest-path "$here/card/Cargo.toml" >&2
    mv "$TMP/release/openpgp-card" "$DIR/openpgp-card"
    echo "$sum" >"$DIR/openpgp-card.of"
  fi
  echo "$DIR"
}

start() {
  local dir
  build >/dev/null
  mkdir -p "$1"/{card,conf,run}
  dir=$(readlink -f "$1")
  printf 'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x8C7B\nLIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so\nCHANNELID 0x8C7B\n' >"$dir/conf/vpcd"
  touch "$dir/card/inserted"
  setsid unshare $([ "$(id -u)" = 0 ] || echo -r) -m -n -p --fork --kill-child "$here/card/reader.sh" "$dir" "$DIR/openpgp-card" </dev/null >"$dir/log" 2>&1 &
  echo $! >"$dir/pid"
  for _ in $(seq 100); do
    if grep -q 'Card inserted' "$dir/log"; then
      echo "export PCSCLITE_CSOCK_NAME=$dir/run/pcscd.comm"
      echo "# and in scdaemon.conf of the home: disable-ccid"
      return
    fi
    sleep 0.1
  done
  cat "$dir/log" >&2
  die "the card did not get into the reader"
}

case ${1:-} in
  '') build ;;
  start) [ $# = 2 ] || die "usage: card.sh start DIR"; start "$2" ;;
  stop) [ $# = 2 ] || die "usage: card.sh stop DIR"; kill -KILL "$(cat "$2/pid")"; rm -f "$2/pid" ;;
  *) die "usage: card.sh [start DIR | stop DIR]" ;;
esac
