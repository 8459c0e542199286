# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# What every part needs: messages, the cache and its lock, children that do not
# outlive us, progress.
#
# The cache is a folder of finished things, each named KIND-KEY where KEY is a
# hash of the recipe. A thing is made under tmp.*, and renamed when it is
# complete: what has its final name is whole. Only the holder of the lock
# creates or removes tmp.*, so whatever it finds there is left from a run that
# was killed.

declare -g tb_child='' tb_tmp='' tb_lock='' tb_stty=''
declare -ga tb_beside=()

say() { printf 'testbed: %s\n' "$*" >&2; }

# 125 is ours, so that `run` can pass every other status of its command.
die()
{
	say "error: $*"
	exit 125
}

cache_dir()
{
	printf '%s' "${WAYBUF_TESTBED_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/waybuf-testbed}"
}

# recipe_key: a short hash of what is on stdin.
recipe_key()
{
	sha256sum | cut -c1-12
}

on_exit()
{
	local status=$?

	trap - EXIT
	trap '' INT TERM HUP
	if [ -n "$tb_child" ]; then
		kill -KILL "$tb_child" 2>/dev/null
		wait "$tb_child" 2>/dev/null
	fi
	# these end as we do: their own children first
	[ ${#tb_beside[@]} -eq 0 ] || kill -TERM "${tb_beside[@]}" 2>/dev/null
	beside_wait
	[ -z "$tb_stty" ] || stty "$tb_stty"
	control_remove
	[ -z "$tb_tmp" ] || remove_tree "$tb_tmp"
	exit "$status"
}

# beside_wait: until what was started in tb_beside has ended.
beside_wait()
{
	[ ${#tb_beside[@]} -eq 0 ] || wait "${tb_beside[@]}"
	tb_beside=()
}

# For the shell itself and for each subshell that runs in the background: it
# has its own children, and none of its parent's.
catch_signals()
{
	tb_child='' tb_tmp='' tb_stty='' tb_control='' tb_beside=()
	trap on_exit EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
}

# Trees of an unprivileged user hold files of his subordinate ids, which only
# the namespace may remove.
remove_tree()
{
	[ -e "$1" ] || return 0
	if [ "$(id -u)" -eq 0 ]; then
		rm -rf --one-file-system -- "$1"
	else
		rm -rf --one-file-system -- "$1" 2>/dev/null ||
			(in_namespace rm -rf --one-file-system -- "$1")
	fi
}

# need_space DIR MEGABYTES WHAT
need_space()
{
	local free

	mkdir -p -- "$1" || die "cannot create $1: set WAYBUF_TESTBED_CACHE to a folder you may write"
	free=$(df -BM --output=avail -- "$1" | tail -n 1 | tr -dc 0-9)
	[ "$free" -ge "$2" ] || die "$3 needs $2 MB in $1, which has $free MB free:" \
		"make room or set WAYBUF_TESTBED_CACHE to a larger disk"
}

# Two set-ups at once would download everything twice: the second one waits
# and then finds the work done.
cache_lock()
{
	local cache left

	cache=$(cache_dir)
	mkdir -p -- "$cache" || die "cannot create $cache: set WAYBUF_TESTBED_CACHE to a folder you may write"
	exec {tb_lock}>"$cache/lock" || die "cannot write to $cache: set WAYBUF_TESTBED_CACHE"
	if ! flock -n "$tb_lock"; then
		say "another testbed is setting up in $cache: waiting for it"
		flock "$tb_lock"
	fi
	for left in "$cache"/tmp.*; do
		[ ! -e "$left" ] || remove_tree "$left"
	done
}

cache_unlock()
{
	[ -n "$tb_lock" ] || return 0
	exec {tb_lock}>&-
	tb_lock=''
}

# cache_begin sets tb_tmp to a fresh folder; cache_commit renames one of its
# entries to the final name and removes the rest.
cache_begin()
{
	tb_tmp=$(mktemp -d "$(cache_dir)/tmp.XXXXXX") || die "cannot write to $(cache_dir)"
	chmod 755 "$tb_tmp"
}

cache_commit()
{
	mv -T -- "$tb_tmp/$1" "$2" || die "cannot rename $tb_tmp/$1 to $2"
	remove_tree "$tb_tmp"
	tb_tmp=''
}

# run_child CMD...: in the background and waited for, because bash runs a trap
# only between commands. stdin is kept where the caller redirects it.
run_child()
{
	local status

	"$@" <&0 &
	tb_child=$!
	wait "$tb_child"
	status=$?
	tb_child=''
	return "$status"
}

# progress TITLE SECONDS COUNT PATTERN LOG CMD...
# Runs CMD into LOG. Lines of LOG that match PATTERN are counted against COUNT:
# on a terminal as one line that moves, elsewhere as a line every 20 s.
progress()
{
	local title=$1 seconds=$2 count=$3 pattern=$4 log=$5 begin=$SECONDS said=$SECONDS status
	shift 5

	say "$title: about $seconds s"
	"$@" >>"$log" 2>&1 </dev/null {tb_lock}>&- &
	tb_child=$!
	while kill -0 "$tb_child" 2>/dev/null; do
		sleep 0.5
		if [ -t 2 ]; then
			printf '\rtestbed: %s: %s \033[K' "$title" "$(percent)" >&2
		elif [ $((SECONDS - said)) -ge 20 ]; then
			said=$SECONDS
			say "$title: $(percent)"
		fi
	done
	wait "$tb_child"
	status=$?
	tb_child=''
	[ ! -t 2 ] || printf '\r\033[K' >&2
	[ "$status" -ne 0 ] || say "$title: done in $((SECONDS - begin)) s"
	return "$status"
}

# Of progress(): the share of the work that the log shows, never 100 early.
percent()
{
	local part

	part=$(grep -c -E -- "$pattern" "$log")
	part=$((part * 100 / count))
	[ "$part" -lt 99 ] || part=99
	printf '%d%% after %d s' "$part" $((SECONDS - begin))
}

# explain_log LOG: the one line of a failed log that says why.
explain_log()
{
	local line

	if grep -q -i 'no space left on device' "$1"; then
		echo 'the disk is full: make room or set WAYBUF_TESTBED_CACHE to a larger disk'
	elif line=$(grep -m1 -i -E \
			'could not resolve|failed to fetch|unable to connect|connection (failed|timed out)|hash sum mismatch|unable to fetch' "$1"); then
		echo "the download failed (${line:0:120}): check the network and run the command again"
	elif line=$(grep -m1 -i -E 'unable to locate package|has no installation candidate' "$1"); then
		echo "a package is missing (${line:0:120}): the package list and the distribution disagree"
	elif line=$(grep -i -E '(^|: )(fatal )?error:|^E: ' "$1" | tail -n 1) && [ -n "$line" ]; then
		echo "${line:0:160}"
	else
		tail -n 1 "$1"
	fi
}

# keep_log LOG NAME: moves a log out of the temporary folder, prints its path.
keep_log()
{
	mkdir -p -- "$(cache_dir)/logs"
	mv -f -- "$1" "$(cache_dir)/logs/$2.log"
	printf '%s' "$(cache_dir)/logs/$2.log"
}
