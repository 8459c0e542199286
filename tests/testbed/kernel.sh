# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# The guest's kernel: user-mode Linux from Debian's kernel source, compiled in
# the root file system, static so that it runs on any x86-64 machine.
#
# kernel-KEY/ holds two: linux-syncobj, whose vkms and vgem advertise sync
# objects, and linux-plain, without, as distributions ship them.

declare -gr kernel_seconds=200 kernel_megabytes=3500 kernel_lines=960
declare -gr kernel_source_seconds=20
# Series that this recipe was tried with, the preferred one first. Old ones
# leave the archive; when none is left, what linux-source points to is taken.
declare -gr kernel_series='7.3 7.2'
declare -gr kernel_oldest=6.18

kernel_key()
{
	{
		declare -f kernel_fetch kernel_choose
		echo "$kernel_series"
		sed '/^#/d' "$tb_parts/kernel/config" "$tb_parts/kernel/make.sh"
		cat "$tb_parts"/kernel/*.patch
	} | recipe_key
}

# kernel_path syncobj|plain
kernel_path()
{
	printf '%s' "$(cache_dir)/kernel-$(kernel_key)/linux-$1"
}

kernel_ready()
{
	[ -x "$(kernel_path plain)" ]
}

kernel_make()
{
	local log

	kernel_ready && return
	need_space "$(cache_dir)" "$kernel_megabytes" 'the kernel'
	cache_begin
	log=$tb_tmp/log
	mkdir "$tb_tmp/kb" "$tb_tmp/kb/out"
	progress "$1 kernel source" $kernel_source_seconds 10 '^Get:' "$log" kernel_fetch "$tb_tmp/kb" ||
		die "kernel source: $(explain_log "$log") (log: $(keep_log "$log" kernel-source))"
	cp "$tb_parts"/kernel/* "$tb_tmp/kb/"
	tb_binds=("rw:$tb_tmp/kb")
	tb_cwd=$tb_tmp/kb
	: >"$log"
	progress "$2 kernel" $kernel_seconds $kernel_lines '^  (CC|LD|AR) ' "$log" \
		rootfs_run "$(rootfs_path)" bash ./make.sh "$(nproc)" ||
		die "kernel: $(explain_log "$log") (log: $(keep_log "$log" kernel))"
	tb_binds=()
	mv "$tb_tmp/kb/out" "$tb_tmp/kernel"
	cache_commit kernel "$(dirname "$(kernel_path plain)")"
}

# kernel_fetch DIR: puts linux-source_*.deb there. apt gets folders of its own,
# so it touches nothing of the host's and needs no root; it checks Debian's
# signatures with the keys of the root file system.
kernel_fetch()
{
	local dir=$1 apt=$1/apt mirror name

	mkdir -p "$apt/lists/partial" "$apt/archives/partial"
	: >"$apt/status"
	mirror=$(sed -n -E 's/^deb (\[[^]]*\] )?([a-z]+:[^ ]+) trixie .*/\2/p' \
		"$(rootfs_path)/etc/apt/sources.list" | head -n 1)
	[ -n "$mirror" ] || { echo "E: no mirror in the root file system's sources.list"; return 1; }
	printf 'deb [signed-by=%s] %s %s main\n' \
		"$(rootfs_path)/usr/share/keyrings/debian-archive-keyring.gpg" "$mirror" trixie-backports \
		"$(rootfs_path)/usr/share/keyrings/debian-archive-keyring.gpg" "$mirror" forky >"$apt/sources.list"
	cat >"$apt/conf" <<-CONF
		Dir::State::Lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt";
		Dir::Cache::archives "$apt/archives";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "-";
		APT::Sandbox::User "root";
		APT::Architecture "amd64";
		Acquire::Check-Valid-Until "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
	CONF
	export APT_CONFIG=$apt/conf
	apt-get update
	name=$(kernel_choose) || { echo "E: no linux-source of $kernel_oldest or newer in the archive"; return 1; }
	echo "taking $name"
	(cd "$dir" && apt-get download "$name") || return 1
	rm -rf "$apt"
}

# kernel_choose: the name of a linux-source package.
kernel_choose()
{
	local series newest

	for series in $kernel_series; do
		if apt-cache show "linux-source-$series" >/dev/null 2>&1; then
			echo "linux-source-$series"
			return
		fi
	done
	newest=$(apt-cache depends linux-source 2>/dev/null | sed -n 's/.*Depends: linux-source-//p' | head -n 1)
	[ -n "$newest" ] &&
		[ "$(printf '%s\n' "$kernel_oldest" "$newest" | sort -V | head -n 1)" = "$kernel_oldest" ] || return 1
	echo "linux-source-$newest"
}
