# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2317 # read by who sources this; the start_ functions are called by name
#
# How compositors are started in the guest. compositor_start NAME [COMMAND...]
# starts one, with COMMAND before it, and sets compositor_socket and
# compositor_pid when it is ready.
declare compositor_log=/tmp/compositor.log compositor_socket compositor_pid

start_waybufd()
{
	exec "$@" waybufd --log error --socket "$compositor_socket"
}

start_weston()
{
	exec "$@" weston --backend=drm --renderer=gl --continue-without-input --idle-time=0 \
		--socket="$compositor_socket"
}

start_sway()
{
	printf 'xwayland disable\n' >/tmp/sway.conf
	export WLR_RENDERER=gles2 WLR_RENDERER_ALLOW_SOFTWARE=1 WLR_LIBINPUT_NO_DEVICES=1
	exec "$@" sway --config /tmp/sway.conf
}

# Its display on vkms would need logind; without one it has a virtual monitor.
# EGL_NODE_LIBRARY names it a device.
start_mutter()
{
	exec "$@" dbus-run-session -- env EGL_NODE=/dev/dri/renderD128 LD_PRELOAD="$EGL_NODE_LIBRARY" \
		mutter --headless --no-x11 --virtual-monitor 1024x768 --wayland-display "$compositor_socket"
}

# They find their devices by what udev knows of them.
start_udev()
{
	/usr/lib/systemd/systemd-udevd --daemon
	udevadm trigger
	udevadm settle --timeout=10
} >/dev/null 2>&1

compositor_fail()
{
	echo "testbed: error: $1; the end of what it said:" >&2
	tail -n 20 "$compositor_log" >&2
	exit 125
}

compositor_start()
{
	local name=$1 i
	shift

	export LP_NUM_THREADS=1 LIBSEAT_BACKEND=builtin SEATD_VTBOUND=0
	# sway chooses the name itself
	compositor_socket=testbed
	[ "$name" != sway ] || compositor_socket=wayland-1
	"start_$name" "$@" >"$compositor_log" 2>&1 </dev/null &
	compositor_pid=$!
	for ((i = 0; i < 300; i++)); do
		[ ! -S "$XDG_RUNTIME_DIR/$compositor_socket" ] || return 0
		kill -0 "$compositor_pid" 2>/dev/null || compositor_fail "$name did not start"
		sleep 0.1
	done
	compositor_fail "$name is not ready after 30 s"
}
