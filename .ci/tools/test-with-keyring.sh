#!/usr/bin/env bash
# test-with-keyring.sh - with-keyring.sh keeps its promises: it hands on standard input, exit code and
# arguments, and leaves no process behind, however it is ended. Exit status: 0 if all passed.
set -u
cd "$(dirname "$0")" || exit
failed=0
TMPDIR=$(mktemp -d) # a KILL leaves a folder behind
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
check() { # check NAME TEST...: reports whether the test holds
  local name=$1
  shift
  if "$@"; then echo "ok    $name"; else echo "FAIL  $name"; failed=1; fi
}
running() { ps -eo pid=,args= | grep -E "^ *[0-9]+ (sleep $1|dbus-daemon .*/bk\.|gnome-keyring-daemon --fore)" | sort; }

check stdin [ "$(echo stdin-data | ./with-keyring.sh -- cat)" = stdin-data ]
./with-keyring.sh -- bash -c 'exit 7'
check exit-code [ $? = 7 ]
# shellcheck disable=SC2016 # a literal dollar
check arguments [ "$(./with-keyring.sh -- printf '%s|' 'a b' '' '$x')" = 'a b||$x|' ]
./with-keyring.sh --no-daemon -- timeout 5 secret-tool lookup a b 2>/dev/null
check no-daemon [ $? = 1 ]
# shellcheck disable=SC2016 # expanded inside
check own-home ./with-keyring.sh --own-home -- bash -c '[[ $HOME = */bk.*/home ]]'
PATH=/nonexistent /bin/bash ./with-keyring.sh -- true 2>/dev/null
check missing-programs [ $? = 69 ]

nap=$((54000 + RANDOM % 1000)) # a number of our own, to find our sleeper by
before=$(running $nap)
ended() { # ended: within 5 s nothing of ours is left
  for _ in $(seq 50); do
    [ "$(running $nap)" = "$before" ] && return 0
    sleep .1
  done
  running $nap
  return 1
}
for signal in TERM INT HUP KILL; do
  # bash ignores SIGINT in its background jobs, and whoever runs under nohup SIGHUP; python puts
  # that right
  python3 -c 'import os, signal, sys; [signal.signal(s, signal.SIG_DFL) for s in (1, 2, 15)]; os.execv(sys.argv[1], sys.argv[1:])' \
    ./with-keyring.sh -- bash -c "sleep $nap & sleep $nap" &
  pid=$!
  for _ in $(seq 60); do
    running $nap | grep -q "sleep $nap" && break
    sleep .1
  done
  kill -$signal $pid
  wait $pid 2>/dev/null
  if [ $signal = KILL ]; then # what the command started itself outlives a KILL: end it
    for p in $(running $nap | grep "sleep $nap" | awk '{print $1}'); do kill "$p" 2>/dev/null; done
  fi
  check "SIG$signal" ended
done

pids=()
for i in 1 2 3; do
  # shellcheck disable=SC2016 # expanded inside
  ./with-keyring.sh -- bash -c 'printf "v$0" | secret-tool store --label=x k k; sleep 1; [ "$(secret-tool lookup k k)" = "v$0" ]' $i &
  pids+=($!)
done
for i in 0 1 2; do
  wait "${pids[$i]}"
  check "parallel-$i" [ $? = 0 ]
done
exit $failed
