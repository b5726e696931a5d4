#!/usr/bin/env bash
# shot.sh OUT COLSxROWS READY -- PROGRAM [ARG...] [@@ KEY...]
#
# Drives a program in a private tmux server and leaves OUT.ansi and OUT.txt of the last screen,
# and OUT.png if SHOT_PNG names an ansi2png binary.
#
#   READY    text to wait for before the first key
#   KEY      a tmux key name (Enter, Down, C-c, q), text:LITERAL, wait:TEXT, size:COLSxROWS
#
#   SHOT_ENV        extra environment, e.g. SHOT_ENV="NO_COLOR=1"
#   SHOT_COLORTERM  COLORTERM of the program; truecolor by default
#   SHOT_POLLS      how often to look for a text, 20 ms apart; 500 by default
#   SHOT_PNG        an ansi2png binary: (cd ansi2png && go build -o FILE .)
#   SHOT_LIGHT      1 draws on white
#
# Needs tmux.
set -euo pipefail
[ $# -ge 5 ] || { echo "usage: shot.sh OUT COLSxROWS READY -- PROGRAM [ARG...] [@@ KEY...]" >&2; exit 64; }
out=$1 size=$2 ready=$3
shift 3
[ "$1" != -- ] || shift
program=()
while [ $# -gt 0 ] && [ "$1" != @@ ]; do program+=("$1"); shift; done
[ $# -eq 0 ] || shift

socket=bulla-shot-$$
tm() { tmux -L "$socket" -f /dev/null "$@"; }
trap 'tm kill-server 2>/dev/null || true' EXIT

command=$(printf '%q ' "${program[@]}")
LANG=C.UTF-8 tm new-session -d -x "${size%x*}" -y "${size#*x}" \
  "env ${SHOT_ENV:-} TERM=tmux-256color COLORTERM=${SHOT_COLORTERM-truecolor} LANG=C.UTF-8 $command; echo exit=\$?; sleep 5"
tm set -g status off >/dev/null
tm resize-window -x "${size%x*}" -y "${size#*x}" 2>/dev/null || true

wait_for() {
  for _ in $(seq "${SHOT_POLLS:-500}"); do
    ! tm capture-pane -p | grep -qF -- "$1" || return 0
    sleep 0.02
  done
  echo "shot.sh: never saw: $1" >&2
  tm capture-pane -p >&2
  return 1
}

wait_for "$ready"
for key in "$@"; do
  case $key in
    wait:*) wait_for "${key#wait:}" ;;
    text:*) tm send-keys -l -- "${key#text:}" ;;
    size:*) size=${key#size:}; tm resize-window -x "${size%x*}" -y "${size#*x}" ;;
    *) tm send-keys "$key" ;;
  esac
done
tm capture-pane -p -e -N >"$out.ansi"
tm capture-pane -p >"$out.txt"
if [ -n "${SHOT_PNG:-}" ]; then
  light=()
  [ "${SHOT_LIGHT:-}" != 1 ] || light=(-light)
  "$SHOT_PNG" -cols "${size%x*}" -rows "${size#*x}" "${light[@]}" <"$out.ansi" >"$out.png"
fi
