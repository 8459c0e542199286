# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# An optional second root file system, Debian forky with other compositors, to
# compare with. No test needs it.

declare -gr peers_seconds=80 peers_megabytes=2500 peers_lines=1360

peers_key()
{
	{ declare -f rootfs_bootstrap; package_list "$tb_parts/packages-peers"; } | recipe_key
}

peers_path()
{
	printf '%s' "$(cache_dir)/peers-$(peers_key)"
}

peers_make()
{
	local log

	[ ! -d "$(peers_path)" ] || return 0
	cache_lock
	if [ ! -d "$(peers_path)" ]; then
		need_space "$(cache_dir)" "$peers_megabytes" 'the peers'
		cache_begin
		log=$tb_tmp/log
		progress 'peers, Debian forky' $peers_seconds $peers_lines '^(Get:|Unpacking |Setting up )' "$log" \
			rootfs_bootstrap forky "$tb_parts/packages-peers" "$tb_tmp/peers" ||
			die "peers: $(explain_log "$log") (log: $(keep_log "$log" peers))"
		cache_commit peers "$(peers_path)"
	fi
	cache_unlock
}

# peers [-- CMD...]: makes it, and runs CMD in a guest on it. The programs of
# this checkout are built for the other root and are not offered there.
command_peers()
{
	[ "${1:-}" != -- ] || shift
	setup
	peers_make
	if [ $# -eq 0 ]; then
		say "the peers are in $(peers_path): './testbed peers -- CMD' runs CMD in a guest on them"
		return
	fi
	tb_guest_root=$(peers_path)
	tb_binds=("rw:$tb_top")
	tb_extra_env=(LIBSEAT_BACKEND=builtin SEATD_VTBOUND=0 WLR_LIBINPUT_NO_DEVICES=1)
	bind_here
	machine_run "$@"
}
