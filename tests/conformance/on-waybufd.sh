#!/bin/sh
# SPDX-License-Identifier: MIT
#
# on-waybufd.sh WAYBUFD PROGRAM [NAME...]: the conformance suite on waybufd, on vkms and nothing else:
# whoever runs the tests may be looking at another display. A small mode, as vkms draws on the CPU.
waybufd=$1
program=$2
shift 2
device=
for card in /sys/class/drm/card[0-9]; do
	case $(readlink -f "$card") in
	*/vkms/*) device=/dev/dri/${card##*/} ;;
	esac
done
if [ -z "$device" ]; then
	echo '1..0 # SKIP no vkms device'
	exit 0
fi
XDG_RUNTIME_DIR=$(mktemp -d) || exit 1
export XDG_RUNTIME_DIR
"$waybufd" --log error --device "$device" --mode 640x480 -- "$program" --strict "$@"
status=$?
# whatever waybufd has left there is a fault
rmdir "$XDG_RUNTIME_DIR" || exit 1
exit $status
