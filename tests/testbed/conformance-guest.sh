#!/bin/bash
# SPDX-License-Identifier: MIT
#
# conformance-guest.sh SERVER PROGRAM [ARG...]: runs in the guest. Starts SERVER,
# runs PROGRAM as its client, and ends with its exit status.
set -u
# shellcheck source=tests/testbed/compositors-guest.sh
. "${0%/*}/compositors-guest.sh"
server=$1
program=$2
shift 2

export EGL_NODE_LIBRARY=${program%/*}/egl-node.so
[ "$server" = waybufd ] || start_udev
compositor_start "$server"
WAYLAND_DISPLAY=$compositor_socket "$program" "$@"
status=$?
kill -0 "$compositor_pid" 2>/dev/null || compositor_fail "$server has died"
kill -TERM "$compositor_pid"
exit $status
