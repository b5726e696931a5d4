#!/usr/bin/env bash
# test-keyring.sh - the tests of keys/vault against every state and fault of a Secret Service.
#
# A real gnome-keyring (unlocked, locked, empty, stopped, missing), and a mock that hangs, dies,
# corrupts or never answers. One process for each case: go-keyring shares one bus connection.
# Then the way of a typed passphrase is watched, system call by system call.
# Exit status: 0 if all passed, 1 if not, 69 if a program is missing.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../keys/vault"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go test -c -o "$work/vault.test" .
export MOCKSS=$work/mockss
(cd "$here/../.." && go build -o "$MOCKSS" ./.ci/tools/mockss)

passed=0 failed=0
# run CASE WRAPPER...: the case's tests inside the wrapper.
run() {
  local name=$1
  shift
  if "$@" env BULLA_TEST_KEYRING=1 BULLA_KEYRING_CASE="$name" \
    "$work/vault.test" -test.v -test.timeout=2m -test.run='^TestKeyring' >"$work/log" 2>&1 &&
    grep -q -- '--- PASS: TestKeyring ' "$work/log"; then
    passed=$((passed + 1))
    echo "ok    $name"
  elif grep -q 'not found (Debian' "$work/log"; then
    cat "$work/log" >&2
    exit 69
  else
    failed=$((failed + 1))
    echo "FAIL  $name"
    sed 's/^/      /' "$work/log"
  fi
}

run unlocked "$here/with-keyring.sh" --
run locked "$here/with-keyring.sh" --locked --
run empty "$here/with-keyring.sh" --empty --
run no-daemon "$here/with-keyring.sh" --no-daemon --
run stopped "$here/with-keyring.sh" --
for mode in ok no-login prompt-ok prompt-dismiss prompt-never hang die-on-get corrupt; do
  run $mode "$here/with-mock.sh" $mode
done
run bus-dies "$here/with-mock.sh" prompt-never
run service-dies "$here/with-mock.sh" prompt-never

# Without a bus, and with one that is dead or mute: these tests set that up themselves.
if env -u DBUS_SESSION_BUS_ADDRESS "$work/vault.test" -test.v -test.run='^TestProbe' >"$work/log" 2>&1 &&
  grep -q -- '--- PASS: TestProbeMuteBus' "$work/log"; then
  passed=$((passed + 1))
  echo "ok    no bus"
else
  failed=$((failed + 1))
  echo "FAIL  no bus"
  sed 's/^/      /' "$work/log"
fi

# Where a typed passphrase travels. Into a keychain it goes over the bus, and nowhere else; into a
# vault file or memory it must not be seen at all, so that those two can't tell "clean" from
# "never used": the word done on the terminal does.
leak() { # leak PLACE OPTION... -- WRAPPER...
  local place=$1 options=()
  shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  if "$@" python3 "$here/leaktest.py" "${options[@]}" --env "BULLA_LEAK_SUBJECT=$place" --expect done -- \
    "$work/vault.test" -test.v -test.run='^TestLeakSubject$' >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok    no leak: $place"
  else
    failed=$((failed + 1))
    echo "FAIL  no leak: $place"
    sed 's/^/      /' "$work/log"
  fi
}
leak keychain --allow '^UNIX-STREAM' -- "$here/with-keyring.sh" --
leak file --vacuous-ok --
leak memory --vacuous-ok --

echo "$passed passed, $failed failed"
[ $failed = 0 ]
