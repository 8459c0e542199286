# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# The conformance suite, on waybufd or on one of the peers. A peer runs in its
# own root file system, and the program that was built in ours runs there: all it
# needs are libwayland-client and libdrm.

# conformance [SERVER [NAME...]]: NAME as syncobj-conformance has it.
command_conformance()
{
	local server=${1:-waybufd}
	[ $# -eq 0 ] || shift

	case $server in
	waybufd | weston | sway | mutter) ;;
	*) die "the conformance suite knows waybufd, weston, sway and mutter, not $server" ;;
	esac
	machine_ready
	if [ "$server" != waybufd ]; then
		peers_make
		tb_guest_root=$(peers_path)
		tb_path=/usr/sbin:/usr/bin:/sbin:/bin
		tb_extra_env=()
	fi
	machine_run bash "$tb_parts/conformance-guest.sh" "$server" \
		"$(build_root)/run/tests/conformance/syncobj-conformance" "$@" </dev/null
}
