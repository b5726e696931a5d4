#!/usr/bin/env bash
# with-keyring.sh - run a command inside a throw-away, unlocked Secret Service.
#
#   with-keyring.sh [options] [--] COMMAND [ARG...]
#
#   --locked      leave the login collection locked, with nothing that could answer its prompt
#   --empty       no login or default collection at all (fresh server, first use)
#   --no-daemon   bus only, nobody owns org.freedesktop.secrets
#   --own-home    also give COMMAND the throw-away HOME and XDG folders
#                 (default: only the keyring daemon gets them, so that build caches survive)
#   --keep        keep the work folder and print its path
#   -v            daemon log on standard error
#
# COMMAND finds KEYRING_DAEMON_PID, KEYRING_BUS_PID and KEYRING_FILES in its environment.
#
# Needs dbus (dbus-daemon, dbus-send), gnome-keyring, libsecret-tools and util-linux (setpriv).
# The bus has no service activation, so no prompter or other daemon can start. dbus-daemon is
# run directly, not by dbus-run-session: that one forwards no signals and leaves bus, daemon
# and command behind when it is killed.
#
# Exit status: COMMAND's; 64 usage; 69 a program is missing; 70 the keyring did not come up.
set -euo pipefail

die() { echo "with-keyring: $2" >&2; exit "$1"; }

mode=unlocked own_home=0 keep=0 verbose=0
while [ $# -gt 0 ]; do
  case $1 in
    --locked) mode=locked ;;
    --empty) mode=empty ;;
    --no-daemon) mode=nodaemon ;;
    --own-home) own_home=1 ;;
    --keep) keep=1 ;;
    -v) verbose=1 ;;
    --) shift; break ;;
    -*) die 64 "unknown option $1" ;;
    *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || die 64 "no command given"

need="dbus-daemon dbus-send setpriv"
[ $mode = nodaemon ] || need="$need gnome-keyring-daemon secret-tool"
for tool in $need; do
  command -v "$tool" >/dev/null ||
    die 69 "$tool not found (Debian: dbus gnome-keyring libsecret-tools util-linux)"
done

umask 077
work=$(mktemp -d "${TMPDIR:-/tmp}/bk.XXXXXX") # short: the path of a Unix socket ends at 107 bytes
bus='' daemon='' command=''

# tree lists a process and everything below it, leaves first.
tree() {
  local task child
  for task in /proc/"$1"/task/*/children; do
    for child in $(cat "$task" 2>/dev/null); do tree "$child"; done
  done
  echo "$1"
}

# reap terminates a process and everything below it, waits up to 2 s, then kills.
reap() {
  [ -n "$1" ] || return 0
  # shellcheck disable=SC2046 # one pid a word
  kill -TERM $(tree "$1") 2>/dev/null || return 0
  for _ in $(seq 1 40); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep .05
  done
  kill -KILL "$1" 2>/dev/null || :
}

cleanup() {
  trap '' INT TERM HUP
  trap - EXIT
  reap "$command"; reap "$daemon"; reap "$bus"
  wait 2>/dev/null || :
  if [ $keep = 1 ]; then echo "with-keyring: kept $work" >&2; else rm -rf "$work"; fi
}
trap cleanup EXIT
trap 'cleanup; exit 130' INT
trap 'cleanup; exit 143' TERM
trap 'cleanup; exit 129' HUP

mkdir -p "$work"/{home,run,data,config,cache,bus}
log=$work/daemon.log
[ $verbose = 0 ] || log=/dev/stderr
daemon_env=(HOME="$work/home" XDG_RUNTIME_DIR="$work/run" XDG_DATA_HOME="$work/data"
  XDG_CONFIG_HOME="$work/config" XDG_CACHE_HOME="$work/cache")
unset DISPLAY WAYLAND_DISPLAY GNOME_KEYRING_CONTROL DBUS_SESSION_BUS_ADDRESS

# 1. The bus.
cat >"$work/bus.conf" <<XML
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=$work/bus/s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
<limit name="max_incoming_bytes">1000000000</limit><limit name="max_outgoing_bytes">1000000000</limit>
<limit name="max_message_size">1000000000</limit></busconfig>
XML
env "${daemon_env[@]}" setpriv --pdeathsig TERM \
  dbus-daemon --nofork --nopidfile --config-file="$work/bus.conf" </dev/null >>"$log" 2>&1 &
bus=$!
export DBUS_SESSION_BUS_ADDRESS=unix:path=$work/bus/s
for _ in $(seq 1 100); do
  [ -S "$work/bus/s" ] && break
  kill -0 $bus 2>/dev/null || break
  sleep .02
done
[ -S "$work/bus/s" ] || { cat "$work/daemon.log" >&2 || :; die 70 "dbus-daemon did not start"; }

# 2. The Secret Service.
owned() {
  dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / \
    org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets 2>/dev/null | grep -q true
}
# start reads nothing, or the login password without a newline: that would become part of it.
start() {
  env "${daemon_env[@]}" setpriv --pdeathsig TERM \
    gnome-keyring-daemon --foreground --components=secrets "$@" <&0 >>"$log" 2>&1 &
  daemon=$!
  for _ in $(seq 1 100); do
    owned && return 0
    kill -0 "$daemon" 2>/dev/null || break
    sleep .05
  done
  [ ! -f "$work/daemon.log" ] || cat "$work/daemon.log" >&2
  die 70 "org.freedesktop.secrets did not appear"
}
password=$(head -c 18 /dev/urandom | base64) # with an empty one no login collection is created
case $mode in
  empty) start </dev/null ;;
  unlocked | locked)
    start --unlock < <(printf %s "$password") # printf is a builtin: not in any argv
    # Prove it with a round trip.
    printf probe | timeout 10 secret-tool store --label=probe with-keyring probe
    [ "$(timeout 10 secret-tool lookup with-keyring probe)" = probe ] || die 70 "keyring is not usable"
    timeout 10 secret-tool clear with-keyring probe
    if [ $mode = locked ]; then
      reap "$daemon"
      wait "$daemon" 2>/dev/null || :
      start </dev/null
    fi
    ;;
esac
unset password

# 3. The command.
export KEYRING_DAEMON_PID=$daemon KEYRING_BUS_PID=$bus KEYRING_FILES="$work/data/keyrings"
command_env=(XDG_RUNTIME_DIR="$work/run")
[ $own_home = 0 ] || command_env=("${daemon_env[@]}")
status=0
env "${command_env[@]}" setpriv --pdeathsig TERM -- "$@" <&0 & # <&0: else it would get /dev/null
command=$!
wait "$command" || status=$?
command='' # children that it left running are its own business
exit $status
