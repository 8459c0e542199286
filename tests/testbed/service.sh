# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# The same programs on waybufd, and on compositors that know nothing of it, with
# a waybufd beside them that only allocates: a table of where their memory comes
# from. The compositors are those of the peers, and the programs those of this
# checkout.

# service [SERVER...]
command_service()
{
	local server peers

	[ $# -gt 0 ] || set -- waybufd weston sway
	for server; do
		case $server in
		waybufd | weston | sway) ;;
		*) die "the table knows waybufd, weston and sway, not $server" ;;
		esac
	done
	setup
	demo_clip_make
	machine_ready
	peers_make
	peers=$(readlink -f -- "$(peers_path)")
	tb_binds+=("ro:$peers" "ro:$(demo_clip_path)")
	machine_run bash "$tb_parts/service-guest.sh" "$peers" "$(demo_clip_path)/clip.mp4" "$@" </dev/null
}
