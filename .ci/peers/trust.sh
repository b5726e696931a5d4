#!/usr/bin/env bash
# trust.sh - run notary-server (github.com/theupdateframework/notary) on a free port of this
# machine, with a private authority, to look at Content Trust by hand.
#
#   trust.sh start DIR   prints the server's address; DIR/env has what commands need
#   trust.sh stop  DIR   ends it; DIR stays
#
# After `. DIR/env` docker trust, notary and bulla use DIR/docker instead of ~/.docker, and the
# server for every repository. A registry to go with it: registry.sh.
set -euo pipefail
die() { echo "trust.sh: $1" >&2; exit 2; }
usage() { die "usage: trust.sh start DIR | stop DIR"; }

authority() { # one certificate for the server, for a name and an address
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout ca.key -out ca.crt -subj "/CN=test CA" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj "/CN=localhost" 2>/dev/null
  openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out server.crt \
    -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n') 2>/dev/null
}

start() {
  for program in notary-server openssl curl; do
    command -v $program >/dev/null || die "$program is not installed (apt-get install notary openssl curl)"
  done
  mkdir -p "$1"
  cd "$1"
  [ ! -e pid ] || ! kill -0 "$(cat pid)" 2>/dev/null || die "one runs in $1 already"
  [ -e server.crt ] || authority
  for _ in 1 2 3 4 5; do # it takes no port of 0, and somebody else may take the free one
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >config.json <<J
{"server": {"http_addr": "127.0.0.1:$port", "tls_cert_file": "$PWD/server.crt", "tls_key_file": "$PWD/server.key"},
 "trust_service": {"type": "local", "hostname": "", "port": "", "key_algorithm": "ecdsa"},
 "storage": {"backend": "memory"}, "logging": {"level": "error"}}
J
    notary-server -config config.json >log 2>&1 &
    echo $! >pid
    for _ in $(seq 100); do
      if curl -fsS -o /dev/null --cacert ca.crt "https://localhost:$port/_notary_server/health" 2>/dev/null; then
        mkdir -p "docker/tls/localhost:$port"
        cp ca.crt "docker/tls/localhost:$port/ca.crt"
        printf 'export DOCKER_CONTENT_TRUST_SERVER=https://localhost:%s DOCKER_CONFIG=%q\n' "$port" "$PWD/docker" >env
        echo "https://localhost:$port"
        return
      fi
      kill -0 "$(cat pid)" 2>/dev/null || break
      sleep 0.1
    done
    kill "$(cat pid)" 2>/dev/null || true
  done
  cat log >&2
  die "notary-server did not begin to answer"
}

stop() {
  [ -e "$1/pid" ] || die "nothing was started in $1"
  kill "$(cat "$1/pid")" 2>/dev/null || true
  rm -f "$1/pid"
}

[ $# = 2 ] || usage
case $1 in
  start) start "$2" ;;
  stop) stop "$2" ;;
  *) usage ;;
esac
