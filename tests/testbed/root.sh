#!/bin/bash
# SPDX-License-Identifier: MIT
#
# root.sh CONTROL: runs in a mount namespace of its own; assembles a root and
# enters it, or boots a kernel on it.
#
# The root is a tmpfs with the cached file system bound read-only into it and
# the folders of the caller at the paths they have on this machine, so a file
# has one name everywhere and the cache stays as it was made. A guest sees all
# of it through one hostfs. Its memory is a file on a tmpfs of ours as well: no
# /dev/shm is too small for it.
#
# CONTROL/spec holds, as bash declarations:
#   tb_rootfs   the cached file system
#   tb_mode     host: run tb_argv here; guest: boot tb_kernel, which runs it
#   tb_binds    ro:PATH and rw:PATH, folders
#   tb_kernel tb_memory tb_cpus tb_seccomp   for the guest
#   tb_cwd tb_env tb_argv    the command
#
# shellcheck disable=SC1091,SC2154 # all tb_ names come from the specification
set -u
control=$1
root=$control/root
. "$control/spec"

fail()
{
	printf 'testbed: error: %s\n' "$*" >&2
	exit 125
}

# An unprivileged user may not drop flags that the mount had outside, hence the
# second try, and a folder that stays writable to its owner is no error.
read_only()
{
	mount -o remount,bind,ro "$1" 2>/dev/null ||
		mount -o remount,bind,ro,nosuid,nodev "$1" 2>/dev/null || :
}

graft()
{
	if [ -L "$1" ]; then
		cp -P -- "$1" "$2"
	elif [ -d "$1" ]; then
		mkdir -p -- "$2"
		mount --bind -- "$1" "$2"
		read_only "$2"
	elif [ -f "$1" ]; then
		cp -p -- "$1" "$2"
	fi
}

# open_folder DIR: makes a bound folder one of ours, with the same contents, so
# that a mount point can be made in it.
open_folder()
{
	local entry

	mount -t tmpfs -o mode=755 tmpfs "$root$1"
	for entry in "$tb_rootfs$1"/*; do
		graft "$entry" "$root$1/${entry##*/}"
	done
}

make_folder()
{
	local path='' part

	while IFS= read -r part; do
		if [ ! -e "$root$path/$part" ]; then
			mkdir -- "$root$path/$part" 2>/dev/null || {
				open_folder "$path"
				mkdir -- "$root$path/$part" || fail "cannot make $path/$part in the testbed"
			}
		fi
		path+=/$part
	done < <(tr / '\n' <<<"${1#/}")
}

# What lies under a folder that the guest covers with its own tmpfs is also put
# aside, where guest.init finds it.
attach()
{
	local how=${1%%:*} path=${1#*:} target

	target=$root$path
	if [ "$tb_mode" = guest ] && [[ $path/ == /tmp/* || $path/ == /run/* || $path/ == /dev/* ]]; then
		late=$((${late:--1} + 1))
		target=$root/.testbed-late/$late
		mkdir -p -- "$target"
		printf '%s' "$path" >"$root/.testbed-late/$late.path"
	else
		make_folder "$path"
	fi
	mount --bind -- "$path" "$target" || fail "cannot mount $path in the testbed"
	[ "$how" = rw ] || read_only "$target"
}

assemble()
{
	local name

	mount -t tmpfs -o mode=755 tmpfs "$root" || fail 'this machine refuses to mount a tmpfs'
	for name in usr etc var bin sbin lib lib32 lib64 libx32; do
		graft "$tb_rootfs/$name" "$root/$name"
	done
	mkdir -m 755 "$root"/{dev,proc,sys,run,mnt,opt,srv,media,home,root,.testbed}
	mkdir -m 1777 "$root/tmp"
	mount -t tmpfs -o mode=1777 tmpfs "$root/var/tmp"
	mount --bind "$control" "$root/.testbed"
	if [ "$tb_mode" = guest ]; then
		mkdir "$root/.testbed-dev"
		ln -s /proc/self/fd "$root/.testbed-dev/fd"
		ln -s /proc/self/fd/0 "$root/.testbed-dev/stdin"
		ln -s /proc/self/fd/1 "$root/.testbed-dev/stdout"
		ln -s /proc/self/fd/2 "$root/.testbed-dev/stderr"
	else
		mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
		mount --rbind /sys "$root/sys"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
		mount -t tmpfs -o mode=755 tmpfs "$root/run"
		mkdir -p "$root/run/home" "$root/run/user/0"
		chmod 700 "$root/run/home" "$root/run/user/0"
	fi
	for name in "${tb_binds[@]}"; do
		attach "$name"
	done
}

enter()
{
	# shellcheck disable=SC2016 # expanded by the inner shell
	exec chroot "$root" /usr/bin/env -i "${tb_env[@]}" \
		/bin/bash -c 'cd -- "$1" || exit 125; shift; exec "$@"' testbed "$tb_cwd" "${tb_argv[@]}"
}

# The kernel's own messages go to the console file, its panic as well: the serial
# lines carry the command's bytes and nothing else.
boot()
{
	mkdir "$control/ram"
	mount -t tmpfs -o "size=$((tb_memory + 64))m" tmpfs "$control/ram" || fail 'cannot mount a tmpfs for the guest memory'
	export TMPDIR=$control/ram
	# not exec: as PID 1 of the namespace a kernel that aborts would not die
	"$tb_kernel" root=none rootfstype=hostfs "rootflags=$root" rw init=/.testbed/init \
		"mem=${tb_memory}M" "ncpus=$tb_cpus" "seccomp=$tb_seccomp" quiet \
		con=null con0=null,fd:2 ssl=null "${tb_lines[@]}" \
		vkms.enable_overlay=1 "${tb_kernel_args[@]}" >"$control/console" 2>&1
}

assemble
if [ "$tb_mode" = host ]; then
	enter
fi
boot
