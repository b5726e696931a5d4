#!/usr/bin/env bash
# leak.sh - where do passphrases travel? The first key, line by line and on the whole screen, and three
# whole releases under strace: keys made and passphrases typed, typed again and kept in a vault file,
# and read from file descriptors. The passphrase may be seen where walk.py hands it over, and nowhere
# else; the secret numbers of the first keys may be seen nowhere.
# Exit status: 0 if it was seen nowhere else; see ../tools/leaktest.py.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cd "$here/../.."
work=$(mktemp -d)
trap 'exec 8>&-; rm -rf "$work"' EXIT
go build -o "$work/bulla" .
go build -o "$work/loopback" ./.ci/loopback
go build -o "$work/material" ./.ci/leak/material

mkfifo "$work/in" "$work/out"
"$work/loopback" acme/widget:1.0.0 acme/widget:1.1.0 acme/widget:1.2.0 <"$work/in" >"$work/out" &
exec 8>"$work/in" # its end ends the registry
read -r registry <"$work/out"

python3 "$here/../tools/leaktest.py" --timeout 3000 --expect 'all three released' \
  --material "$work/material stick.asc disk.asc widget/laptop.asc" \
  --allow '^/dev/(pts/)?ptmx' --allow '/handed-over-[0-9]$' \
  --env "REGISTRY=$registry" --env "BULLA=$work/bulla" --env DBUS_SESSION_BUS_ADDRESS= \
  -- python3 -B "$here/walk.py"
