# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# The Debian 13 root file system: the build environment and the guest's root.

# Measured on 2 cores; lines of mmdebstrap's output that mean progress.
declare -gr rootfs_seconds=100 rootfs_megabytes=3000 rootfs_lines=1840

# declare -f leaves the comments out: rewording one makes nothing anew.
rootfs_key()
{
	{
		declare -f rootfs_bootstrap
		package_list "$tb_parts/packages"
		sed '/^#/d' "$tb_parts/newer.sh"
	} | recipe_key
}

rootfs_path()
{
	printf '%s' "$(cache_dir)/rootfs-$(rootfs_key)"
}

package_list()
{
	sed 's/#.*//' "$1" | tr -s ' \t\n' ',' | sed 's/^,//; s/,$//'
}

rootfs_ready()
{
	[ -d "$(rootfs_path)" ]
}

# rootfs_make: with the lock held.
rootfs_make()
{
	local log

	rootfs_ready && return
	need_space "$(cache_dir)" "$rootfs_megabytes" 'the root file system'
	cache_begin
	log=$tb_tmp/log
	if ! progress "$1 Debian 13 root file system" $rootfs_seconds $rootfs_lines \
			'^(Get:|Unpacking |Setting up )' "$log" \
			rootfs_bootstrap trixie "$tb_parts/packages" "$tb_tmp/rootfs" \
			--customize-hook="bash '$tb_parts/newer.sh' \"\$1\""; then
		die "root file system: $(explain_log "$log") (log: $(keep_log "$log" rootfs))"
	fi
	[ -x "$tb_tmp/rootfs/usr/bin/meson" ] ||
		die "root file system: mmdebstrap ended well but meson is not in it (log: $(keep_log "$log" rootfs))"
	cache_commit rootfs "$(rootfs_path)"
}

# rootfs_bootstrap SUITE PACKAGES DIR OPTION...: documentation and translations
# are a third of the files, and nothing here reads them.
rootfs_bootstrap()
{
	local suite=$1 packages=$2 dir=$3 mirror args=()
	shift 3

	mirror=$(host_mirror)
	[ -z "$mirror" ] || args=("$mirror")
	# releases other than stable say until when they are valid, and a mirror
	# may be behind that; the signature is checked all the same
	in_namespace mmdebstrap --mode=root --variant=apt --verbose \
		--include="$(package_list "$packages")" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='Acquire::Retries "3"' \
		--dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		"$@" "$suite" "$dir" "${args[@]}"
}
