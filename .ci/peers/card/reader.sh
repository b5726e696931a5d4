#!/bin/sh
# reader.sh DIR CARD - pcscd with a virtual reader, and the program CARD in it. It runs in name
# spaces that card.sh or a test made: /run and the network are nobody else's. The socket of pcscd is
# DIR/run/pcscd.comm, also for those outside.
set -eu
ip link set lo up
mount -t tmpfs none /run
mkdir -p /run/pcscd
mount --bind "$1/run" /run/pcscd
"$2" "$1/card" &
exec "$(command -v pcscd || echo /usr/sbin/pcscd)" --foreground --info --config "$1/conf"
