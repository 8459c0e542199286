#!/bin/sh
# SPDX-License-Identifier: MIT
#
# unpack.sh FILE: puts back what pack.sh has kept, if there is something. The testbed makes the rest.
set -e
cache=${WAYBUF_TESTBED_CACHE:-$HOME/.cache/waybuf-testbed}
[ -e "$1" ] || exit 0
mkdir -p "$cache"
zstd -q -d -c "$1" | tar --numeric-owner --xattrs -xpf - -C "$cache"
