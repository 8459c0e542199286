#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pack.sh FILE: the testbed's root file system and kernel as one file, for a CI's cache: these keep
# neither owners nor devices of what they find in folders. Builds are of the checkout, and stay out.
set -e
cd "${WAYBUF_TESTBED_CACHE:-$HOME/.cache/waybuf-testbed}"
# what an older recipe has made is of no use
newest() { ls -td -- "$@" | head -n 1; }
tar --numeric-owner --xattrs -cf - "$(newest rootfs-*)" "$(newest kernel-*)" | zstd -q -T0 -f -o "$OLDPWD/$1"
