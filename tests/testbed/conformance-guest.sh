#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # the start_ functions are called by name
#
# conformance-guest.sh SERVER PROGRAM [ARG...]: runs in the guest. Starts SERVER,
# runs PROGRAM as its client, and ends with its exit status.
set -u
server=$1
program=$2
shift 2
log=/tmp/server.log
socket=conformance

start_waybufd()
{
	exec waybufd --log error --socket "$socket"
}

start_weston()
{
	exec weston --backend=drm --renderer=gl --continue-without-input --idle-time=0 --socket="$socket"
}

start_sway()
{
	printf 'xwayland disable\n' >/tmp/sway.conf
	export WLR_RENDERER=gles2 WLR_RENDERER_ALLOW_SOFTWARE=1 WLR_LIBINPUT_NO_DEVICES=1
	exec sway --config /tmp/sway.conf
}

# Its display on vkms would need logind; without one it has a virtual monitor.
start_mutter()
{
	exec dbus-run-session -- env EGL_NODE=/dev/dri/renderD128 LD_PRELOAD="${program%/*}/egl-node.so" \
		mutter --headless --no-x11 --virtual-monitor 1024x768 --wayland-display "$socket"
}

# The peers find their devices by what udev knows of them.
start_udev()
{
	/usr/lib/systemd/systemd-udevd --daemon
	udevadm trigger
	udevadm settle --timeout=10
} >/dev/null 2>&1

fail()
{
	echo "testbed: error: $server $1; the end of what it said:" >&2
	tail -n 20 $log >&2
	exit 125
}

export LP_NUM_THREADS=1 LIBSEAT_BACKEND=builtin SEATD_VTBOUND=0
[ "$server" = waybufd ] || start_udev
# it chooses the name itself
[ "$server" != sway ] || socket=wayland-1
"start_$server" >$log 2>&1 </dev/null &
pid=$!
for ((i = 0; i < 300; i++)); do
	[ ! -S "$XDG_RUNTIME_DIR/$socket" ] || break
	kill -0 $pid 2>/dev/null || fail 'did not start'
	sleep 0.1
done
[ -S "$XDG_RUNTIME_DIR/$socket" ] || fail 'is not ready after 30 s'
WAYLAND_DISPLAY=$socket "$program" "$@"
status=$?
kill -0 $pid 2>/dev/null || fail 'has died'
kill -TERM $pid
exit $status
