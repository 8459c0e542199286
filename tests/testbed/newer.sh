#!/bin/bash
# SPDX-License-Identifier: MIT
# newer.sh ROOT: takes the protocol files of a newer Debian into the root file
# system ROOT, beside those of its own release. Both are XML without
# dependencies, and waybuf is tested with both: with the newer ones, and in a
# build without them with PKG_CONFIG_PATH=/opt/wayland-protocols.
set -euo pipefail
root=$1
suite=forky
own=$root/opt/wayland-protocols

# the files of the release, and a .pc that finds them where they are now
mkdir -p "$own"
cp -a "$root/usr/share/wayland-protocols" "$own/wayland-protocols"
sed 's|^pkgdatadir=.*|pkgdatadir=/opt/wayland-protocols/wayland-protocols|' \
	"$root/usr/share/pkgconfig/wayland-protocols.pc" >"$own/wayland-protocols.pc"

mirror=$(sed -n -E 's/^deb (\[[^]]*\] )?([a-z]+:[^ ]+) trixie .*/\2/p' "$root/etc/apt/sources.list" | head -n 1)
[ -n "$mirror" ] || { echo "E: no mirror in the root file system's sources.list"; exit 1; }
echo "deb $mirror $suite main" >"$root/etc/apt/sources.list.d/$suite.list"
chroot "$root" apt-get update
chroot "$root" sh -c "cd /tmp && apt-get download wayland-protocols/$suite"
chroot "$root" sh -c 'dpkg --install /tmp/wayland-protocols_*.deb && rm /tmp/wayland-protocols_*.deb'
rm -f "$root/etc/apt/sources.list.d/$suite.list"
