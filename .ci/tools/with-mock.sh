#!/usr/bin/env bash
# with-mock.sh MODE COMMAND [ARG...] - run a command beside a mock Secret Service with faults.
#
# MODE is one of those of mockss. The mock serves go-keyring's calls only, not secret-tool's.
# MOCKSS names its binary; by default it is built into a temporary folder. COMMAND finds
# MOCK_PID in its environment, and what with-keyring.sh sets.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
[ $# -ge 2 ] || { echo "usage: with-mock.sh MODE COMMAND [ARG...]" >&2; exit 64; }
mode=$1
shift
if [ -z "${MOCKSS:-}" ]; then
  built=$(mktemp -d)
  trap 'rm -rf "$built"' EXIT
  MOCKSS=$built/mockss
  (cd "$here/../.." && go build -o "$MOCKSS" ./.ci/tools/mockss) || exit 70
fi
# shellcheck disable=SC2016 # expanded by the inner shell
"$here/with-keyring.sh" --no-daemon bash -c '
  exec 3< <(exec "$0" -mode "$1")
  MOCK_PID=$!
  export MOCK_PID
  shift
  read -r -t 5 line <&3 && [ "$line" = READY ] || exit 70
  status=0
  "$@" || status=$?
  kill "$MOCK_PID" 2>/dev/null
  exit $status' "$MOCKSS" "$mode" "$@"
