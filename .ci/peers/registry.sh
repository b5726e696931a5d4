#!/usr/bin/env bash
# registry.sh - run docker-registry (github.com/distribution/distribution) on a free port of
# 127.0.0.1, to look at signatures by hand.
#
#   registry.sh start DIR [USER PASSWORD]   prints 127.0.0.1:PORT; everything lies in DIR
#   registry.sh stop  DIR                   ends it; DIR stays
#
# With a user it needs htpasswd (apache2-utils). PASSWORD is for tests only: it stands on a
# command line.
set -euo pipefail
die() { echo "registry.sh: $1" >&2; exit 2; }
usage() { die "usage: registry.sh start DIR [USER PASSWORD] | stop DIR"; }

start() {
  command -v docker-registry >/dev/null || die "docker-registry is not installed (apt-get install docker-registry)"
  mkdir -p "$1"
  cd "$1"
  [ ! -e pid ] || ! kill -0 "$(cat pid)" 2>/dev/null || die "one runs in $1 already"
  {
    printf 'version: 0.1\nlog: {level: info}\nhttp: {addr: "127.0.0.1:0"}\n'
    printf 'storage: {filesystem: {rootdirectory: "%s/data"}, delete: {enabled: true}}\n' "$PWD"
    if [ $# = 3 ]; then
      command -v htpasswd >/dev/null || die "htpasswd is not installed (apt-get install apache2-utils)"
      printf '%s' "$3" | htpasswd -inB "$2" >htpasswd
      printf 'auth: {htpasswd: {realm: test, path: "%s/htpasswd"}}\n' "$PWD"
    fi
  } >config.yml
  : >log
  # REGISTRY_… variables would change the configuration.
  env $(env | sed -n 's/^\(REGISTRY_[A-Z_]*\)=.*/-u \1/p') docker-registry serve config.yml >log 2>&1 &
  echo $! >pid
  for _ in $(seq 100); do
    host=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' log)
    [ -z "$host" ] || { echo "$host"; return; }
    kill -0 "$(cat pid)" 2>/dev/null || break
    sleep 0.1
  done
  cat log >&2
  die "docker-registry did not begin to listen"
}

stop() {
  [ -e "$1/pid" ] || die "nothing was started in $1"
  kill "$(cat "$1/pid")" 2>/dev/null || true
  rm -f "$1/pid"
}

case ${1:-} in
  start) shift; { [ $# = 1 ] || [ $# = 3 ]; } || usage; start "$@" ;;
  stop) shift; [ $# = 1 ] || usage; stop "$1" ;;
  *) usage ;;
esac
