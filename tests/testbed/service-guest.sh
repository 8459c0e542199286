#!/bin/bash
# SPDX-License-Identifier: MIT
#
# service-guest.sh PEERS CLIP SERVER...: runs in the guest. Starts each SERVER in
# turn, from the root file system PEERS or as waybufd, and shows two programs on
# it: a row each of where their memory came from, and what became of the frames.
set -u
# shellcheck source=tests/testbed/compositors-guest.sh
. "${0%/*}/compositors-guest.sh"
peers=$1
clip=$2
shift 2
output=/tmp/output
row='%-9s %-11s %-12s %-25s %s\n'

# says PATTERN: what the program has said after it.
says()
{
	sed -n "s/^$1//p" "$output" | head -n 1
}

# show SERVER PROGRAM ARG...
show()
{
	local server=$1 program=$2 way memory
	shift 2

	if ! timeout 60 "$WAYBUF_BUILD/examples/$program" "$@" >"$output" 2>&1; then
		kill -0 "$compositor_pid" || echo "testbed: error: $server has died" >&2
		echo "testbed: error: $program failed on $server; the end of what it said:" >&2
		tail -n 20 "$output" >&2
		return 1
	fi
	way=$(says '.*by way of the ')
	memory=$(says 'exporter ')
	[ -n "$memory" ] || memory=$(says '.* memory of ')
	# shellcheck disable=SC2059
	printf "$row" "$server" "$program" "${memory%%,*}" "${way%% (*}" "$(became)"
}

# The player hears of each frame whether the display took it as it is; who draws
# by EGL says how its fences travel.
became()
{
	says 'path '
	says 'fences: '
}

# run SERVER: with the service beside it, unless it is one itself.
run()
{
	local status=0 service= i
	unset WAYLAND_DISPLAY
	if [ "$1" = waybufd ]; then
		compositor_start waybufd
	else
		compositor_start "$1" env -u LD_LIBRARY_PATH chroot "$peers"
		waybufd --no-display --socket waybuf-0 --ready-fd 3 3>/tmp/ready 2>/tmp/service.log &
		service=$!
		for ((i = 0; i < 100; i++)); do
			[ ! -s /tmp/ready ] || break
			sleep 0.1
		done
	fi
	export WAYLAND_DISPLAY=$compositor_socket
	show "$1" player --frames 60 "$clip" || status=1
	show "$1" egl-client --frames 60 || status=1
	# shellcheck disable=SC2086 # empty is none
	kill -TERM "$compositor_pid" $service
	wait "$compositor_pid" $service
	return $status
}

for folder in dev proc sys run tmp; do
	mount --rbind "/$folder" "$peers/$folder" || exit 125
done
start_udev
status=0
# shellcheck disable=SC2059
printf "$row" server program memory 'by way of the' 'what became of it'
for server; do
	run "$server" || status=1
done
exit $status
