#!/usr/bin/env bash
# sks.sh - run the key server SKS (Debian's package) on a free port of 127.0.0.1, to look at what it
# makes of keys by hand.
#
#   sks.sh start DIR   prints hkp://127.0.0.1:PORT; everything lies in DIR
#   sks.sh stop  DIR   ends it; DIR stays
set -euo pipefail
die() { echo "sks.sh: $1" >&2; exit 2; }
usage() { die "usage: sks.sh start DIR | stop DIR"; }

free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

start() {
  local sks port
  sks=$(command -v sks || echo /usr/sbin/sks)
  [ -x "$sks" ] || die "sks is not installed (apt-get install sks)"
  mkdir -p "$1"/etc/sks "$1"/var/{lib/sks/{www,dump},log/sks,spool/sks,run/sks}
  cd "$1"
  [ ! -e pid ] || ! kill -0 "$(cat pid)" 2>/dev/null || die "one runs in $1 already"
  port=$(free)
  # It speaks to no other server: that takes a second program, which is not started.
  printf '%s\n' 'hostname: 127.0.0.1' 'hkp_address: 127.0.0.1' "hkp_port: $port" \
    'recon_address: 127.0.0.1' "recon_port: $(free)" 'pagesize: 16' 'ptree_pagesize: 16' >etc/sks/sksconf
  (cd var/lib/sks && { [ -e DB/key ] || "$sks" build -basedir "$OLDPWD" >"$OLDPWD/build.log" 2>&1; })
  (cd var/lib/sks && exec "$sks" db -basedir "$OLDPWD" -stdoutlog) >db.log 2>&1 &
  echo $! >pid
  for _ in $(seq 200); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "hkp://127.0.0.1:$port"; return; fi
    kill -0 "$(cat pid)" 2>/dev/null || break
    sleep 0.1
  done
  cat db.log >&2
  die "sks did not begin to listen"
}

stop() {
  [ -e "$1/pid" ] || die "nothing was started in $1"
  kill "$(cat "$1/pid")" 2>/dev/null || true
  rm -f "$1/pid"
}

case ${1:-} in
  start) [ $# = 2 ] || usage; start "$2" ;;
  stop) [ $# = 2 ] || usage; stop "$2" ;;
  *) usage ;;
esac
