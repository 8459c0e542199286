# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# Set-up on first use, and its removal.

# setup: everything that a guest needs. Free when it is all there.
setup()
{
	rootfs_ready && kernel_ready && return
	say "first set-up in $(cache_dir): about 7 min on 2 cores, once"
	host_prepare
	cache_lock
	rootfs_make '[1/3]'
	kernel_make '[2/3]' '[3/3]'
	cache_unlock
}

command_clean()
{
	local dir

	dir=$(cache_dir)
	[ -d "$dir" ] || return 0
	cache_lock
	for dir in "$dir"/{rootfs-,kernel-,peers-,clients-,build-,clip-,logs}*; do
		[ -e "$dir" ] || continue
		say "removing $dir"
		remove_tree "$dir"
	done
	cache_unlock
	rm -f -- "$(cache_dir)/lock"
	rmdir -- "$(cache_dir)" 2>/dev/null || :
}
