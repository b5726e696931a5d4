#!/usr/bin/env bash
# test-leaktest.sh - leaktest.py finds planted leaks, passes a clean program, and says when it
# proves nothing. Exit status: 0 if all passed.
set -u
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# expect NAME STATUS PYTHON [OPTION...]: a program that reads a passphrase as s, then runs PYTHON.
expect() {
  local name=$1 want=$2 body=$3 got
  shift 3
  printf '%s\n' 'import base64, getpass, os, subprocess, sys' 's = getpass.getpass("Passphrase: ")' "$body" >"$work/p.py"
  python3 "$here/leaktest.py" --allow '^pipe:' "$@" -- python3 -B "$work/p.py" >"$work/log" 2>&1
  got=$?
  if [ $got = "$want" ]; then
    echo "ok    $name"
  else
    echo "FAIL  $name: exit $got, want $want"
    sed 's/^/      /' "$work/log"
    failed=1
  fi
}

to_pipe='subprocess.run(["true"]); r, w = os.pipe(); os.write(w, s.encode())'
expect clean 0 "$to_pipe"
expect clean-pasted 0 "$to_pipe" --paste
expect vacuous 2 'pass'
expect no-prompt 2 "$to_pipe" --prompt 'never said' --timeout 2
expect unfinished 2 "$to_pipe; raise SystemExit" --expect 'all done'
expect file 1 "$to_pipe; open('x', 'w').write('a ' + s)"
expect removed-file 1 "$to_pipe; open('x', 'w').write(s); os.unlink('x')"
expect base64 1 "$to_pipe; open('x', 'wb').write(base64.b64encode(b'ab' + s.encode()))"
expect argv 1 "$to_pipe; subprocess.run(['true', s])"
expect environment 1 "$to_pipe; subprocess.run(['true'], env={'P': s, 'PATH': os.environ['PATH']})"
expect terminal 1 "$to_pipe; print(s)"
expect file-name 1 "$to_pipe; open(s, 'w')"
expect key-by-key 1 "$to_pipe; f = open('x', 'wb', 0); [f.write(c.encode() + b'\n') for c in s]" --rare
expect key-by-key-clean 0 "$to_pipe" --rare
mkdir "$work/bin"
printf '%s\n' '#!/bin/sh' 'cat >/dev/null' 'echo 00112233445566778899aabbccddeeff' >"$work/bin/material"
printf '%s\n' '#!/bin/sh' 'exit 1' >"$work/bin/none"
chmod +x "$work/bin/material" "$work/bin/none"
key='bytes.fromhex("00112233445566778899aabbccddeeff")'
expect material-clean 0 "$to_pipe" --material "$work/bin/material"
expect material-vacuous 2 "$to_pipe" --material "$work/bin/none"
expect material-in-file 1 "$to_pipe; open('x', 'wb').write(b'a' + $key)" --material "$work/bin/material"
expect material-where-the-canary-may 1 "$to_pipe; os.write(w, $key)" --material "$work/bin/material"
expect material-in-argv 1 "$to_pipe; subprocess.run(['true', $key.hex()])" --material "$work/bin/material"
expect material-on-terminal 1 "$to_pipe; print(base64.b64encode($key).decode())" --material "$work/bin/material"
exit $failed
