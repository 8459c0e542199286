#!/bin/bash
# SPDX-License-Identifier: MIT
# selftest.sh: tests of the testbed, as TAP. What takes minutes in earnest (a
# download, a compilation) is replaced by a program of the same name in a folder
# that comes first in PATH; everything else is the real thing.
# shellcheck disable=SC2016,SC2034,SC2094,SC2317 # quoted code, shared names, overridden functions
set -u
here=$(dirname -- "$(readlink -f -- "$0")")
top=$(readlink -f -- "$here/../..")
real_cache=${WAYBUF_TESTBED_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/waybuf-testbed}
work=$(mktemp -d "${TMPDIR:-/tmp}/waybuf-selftest.XXXXXX")
trap 'rm -rf --one-file-system -- "$work"' EXIT
count=0

# check NAME CMD...: a case; CMD's output is shown when it fails.
check()
{
	local name=$1
	shift

	count=$((count + 1))
	rm -rf -- "${work:?}/cache" "${work:?}/bin"
	mkdir -p "$work/cache" "$work/bin"
	if (set -u; "$@") >"$work/out" 2>&1; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' "$work/out"
	fi
}

# fake NAME: a program from stdin.
fake()
{
	{ echo '#!/bin/bash'; cat; } >"$work/bin/$1"
	chmod +x "$work/bin/$1"
}

# The testbed with an empty cache and the fakes.
fresh()
{
	WAYBUF_TESTBED_CACHE=$work/cache PATH=$work/bin:$PATH timeout 30 "$top/testbed" "$@"
}

# The testbed with the real cache.
guest()
{
	WAYBUF_TESTBED_CACHE=$real_cache timeout 60 "$top/testbed" run --no-build -- "$@"
}

parts()
{
	local part
	tb_top=$top tb_parts=$here
	for part in common host rootfs kernel guest; do
		# shellcheck source=/dev/null
		. "$here/$part.sh"
	done
}

# said TEXT COUNT: stdin has TEXT, and an error of just one line.
said()
{
	local text
	text=$(cat)
	printf '%s\n' "$text"
	grep -q -- "$1" <<<"$text" && [ "$(grep -c 'error:' <<<"$text")" -eq 1 ]
}

nothing_left()
{
	! compgen -G "$work/cache/rootfs-*" && ! compgen -G "$work/cache/kernel-*" &&
		! compgen -G "$work/cache/tmp.*"
}

# mmdebstrap with the same arguments; the folder is the one before the mirror.
fake_mmdebstrap()
{
	fake mmdebstrap <<-EOF
		echo run >>"$work/bootstraps"
		for arg; do case \$arg in */rootfs) dir=\$arg;; esac; done
		mkdir -p "\$dir/usr/bin"
		$1
	EOF
}

broken_download()
{
	fake_mmdebstrap 'echo "E: Failed to fetch http://mirror.invalid/x  Could not resolve"; exit 100'
	fresh run true 2>&1 | said 'the download failed.*check the network'
	[ "${PIPESTATUS[0]}" -eq 125 ] && nothing_left
}

disk_full()
{
	fake_mmdebstrap 'echo "dpkg: error: No space left on device"; exit 1'
	fresh run true 2>&1 | said 'the disk is full: make room'
	[ "${PIPESTATUS[0]}" -eq 125 ] && nothing_left
}

# A real small disk, in a namespace of our own.
no_space()
{
	# shellcheck disable=SC2016
	unshare --mount bash -c 'mount -t tmpfs -o size=64m tmpfs "$1" && PATH=$2:$PATH \
		WAYBUF_TESTBED_CACHE=$1 "$3/testbed" run true' _ "$work/cache" "$work/bin" "$top" 2>&1 |
		said 'needs 3000 MB .* set WAYBUF_TESTBED_CACHE'
}

unwritable_cache()
{
	: >"$work/file"
	WAYBUF_TESTBED_CACHE=$work/file/cache "$top/testbed" run true 2>&1 | said 'cannot create .*WAYBUF_TESTBED_CACHE'
}

incomplete_rootfs()
{
	fake_mmdebstrap 'exit 0'
	fresh run true 2>&1 | said 'meson is not in it'
	nothing_left
}

interrupted()
{
	local pid tries

	fake_mmdebstrap "touch '$work/began'; sleep 60"
	rm -f -- "$work/began"
	WAYBUF_TESTBED_CACHE=$work/cache PATH=$work/bin:$PATH "$top/testbed" run true &
	pid=$!
	for ((tries = 0; tries < 100; tries++)); do
		[ ! -e "$work/began" ] || break
		sleep 0.05
	done
	kill -"$1" "$pid"
	wait "$pid"
	[ $? -eq "$2" ] || return
	compgen -G "$work/cache/rootfs-*" && return 1
	[ "$1" = KILL ] || nothing_left || return
	# what a killed one left is removed by the next
	fake_mmdebstrap 'echo "E: Unable to connect"; exit 1'
	fresh run true
	nothing_left
}

two_at_once()
{
	local dir

	parts
	rm -f -- "$work/bootstraps"
	fake_mmdebstrap 'sleep 1; : >"$dir/usr/bin/meson"; chmod +x "$dir/usr/bin/meson"'
	fake apt-get <<<'exit 1'
	fresh run true &
	fresh run true
	wait
	dir=$(WAYBUF_TESTBED_CACHE=$work/cache rootfs_path)
	[ "$(wc -l <"$work/bootstraps")" -eq 1 ] && [ -x "$dir/usr/bin/meson" ]
}

missing_option()
{
	local config=$here/kernel/config

	# shellcheck source=/dev/null
	. "$here/kernel/make.sh"
	grep '^CONFIG_' "$config" >"$work/all"
	check_config "$config" "$work/all" || return
	grep -v '^CONFIG_DRM_VKMS=' "$work/all" >"$work/less"
	check_config "$config" "$work/less" >"$work/said" && return 1
	[ "$(cat "$work/said")" = \
		"error: CONFIG_DRM_VKMS is not in the kernel's configuration (wanted: CONFIG_DRM_VKMS=y)" ]
}

# A kernel that refuses as the real one does where the machine forbids.
refusing()
{
	WAYBUF_TESTBED_CACHE=$real_cache
	parts
	catch_signals
	kernel_path() { echo "$work/bin/linux"; }
	fake linux
	guest_run true </dev/null
}

seccomp_refused()
{
	refusing <<-'EOF' 2>&1 | said 'using ptrace on one CPU'
		case "$*" in
		*seccomp=on*) echo 'SECCOMP userspace requested but not functional!'; exit 1 ;;
		*ncpus=1*seccomp=off*) echo 'error: the second boot' ; exit 1 ;;
		esac
	EOF
}

ptrace_refused()
{
	refusing <<-'EOF' 2>&1 | said 'refuses ptrace: allow it'
		case "$*" in
		*seccomp=on*) echo 'SECCOMP userspace requested but not functional!' ;;
		*) echo 'check_ptrace : ptrace failed: Operation not permitted' ;;
		esac
		exit 1
	EOF
}

# The slow way really boots.
ptrace_boots()
{
	WAYBUF_TESTBED_CACHE=$real_cache
	parts
	catch_signals
	spec_write_real=$(declare -f spec_write)
	eval "${spec_write_real/spec_write/spec_write_as_is}"
	spec_write() { tb_seccomp=off tb_cpus=1; spec_write_as_is "$@"; }
	guest_run sh -c 'exit 7' </dev/null
	[ $? -eq 7 ]
}

bad_memory()
{
	WAYBUF_TESTBED_MEM=lots guest true 2>&1 | said 'WAYBUF_TESTBED_MEM'
}

# without_display COMMAND...: of the testbed.
without_display()
{
	# shellcheck disable=SC2016
	WAYBUF_TESTBED_CACHE=$real_cache unshare --mount bash -c '[ ! -e /dev/dri ] || mount -t tmpfs tmpfs /dev/dri
		exec "$0/testbed" "$@"' "$top" "$@" 2>&1
}

no_display_on_host()
{
	without_display run --host -- true | said 'needs a DRM device' &&
		without_display bench --host --no-build none | said 'no bench is named none'
}

exit_status()
{
	guest sh -c 'exit 42'
	[ $? -eq 42 ] && guest true
}

output_intact()
{
	guest sh -c 'seq 1 50000; seq 1 500 >&2' >"$work/o" 2>"$work/e" || return
	seq 1 50000 | cmp - "$work/o" && seq 1 500 | cmp - "$work/e"
}

input_intact()
{
	head -c 300000 /dev/urandom >"$work/i"
	guest cat <"$work/i" | cmp - "$work/i"
}

reader_leaves()
{
	guest sh -c 'while :; do echo y; done' | head -n 1
	[ "${PIPESTATUS[0]}" -eq 141 ]
}

cache_untouched()
{
	local before after

	parts
	before=$(WAYBUF_TESTBED_CACHE=$real_cache rootfs_path)
	guest sh -c 'touch /usr/left /etc/left /var/tmp/left /left'
	for after in usr/left etc/left var/tmp/left left; do
		[ ! -e "$before/$after" ] || return
	done
}

killed()
{
	local pid

	mkdir "$work/tmp"
	TMPDIR=$work/tmp WAYBUF_TESTBED_CACHE=$real_cache "$top/testbed" run --no-build -- sleep 4242 >/dev/null &
	pid=$!
	sleep 1.5
	compgen -G "$work/tmp/waybuf-testbed.*" >/dev/null || return
	kill -TERM "$pid"
	wait "$pid"
	[ $? -eq 143 ] || return
	sleep 0.3
	# its folder is on the kernel's command line
	! grep -l -a -F "$work/tmp" /proc/[0-9]*/cmdline 2>/dev/null && [ -z "$(ls "$work/tmp")" ]
}

interrupt_from_terminal()
{
	local pid

	# only job control gives a background command a SIGINT that it can trap, and only if this
	# script has not inherited one that is ignored: env gives it back
	set -m
	WAYBUF_TESTBED_CACHE=$real_cache timeout --foreground 60 env --default-signal=INT \
		"$top/testbed" run --no-build -- sleep 4242 >/dev/null &
	pid=$!
	set +m
	sleep 1.5
	kill -INT -- "-$pid"
	wait "$pid"
	[ $? -eq 130 ]
}

tally()
{
	printf '1..3\nok 1 a\nok 2 b # SKIP none\nok 3 c\n' >"$work/1.tap"
	[ "$(python3 "$here/tally.py" "b:s:$work/1.tap" | tail -n 1)" = '2 passed, 0 failed, 1 skipped' ] || return
	printf '1..3\nok 1 a\nnot ok 2 b\n' >"$work/2.tap"
	python3 "$here/tally.py" "b:s:$work/2.tap" >"$work/t" && return 1
	# the failed case, and the third one that never ran
	[ "$(tail -n 1 "$work/t")" = '1 passed, 2 failed' ] || return
	python3 "$here/tally.py" "b:s:$work/none.json" && return 1
	: >"$work/empty.json"
	python3 "$here/tally.py" "b:s:$work/empty.json" && return 1
	return 0
}

# A guest that dies leaves the log of the tests before.
tally_of_half()
{
	mkdir -p "$work/b/logs"
	echo '{"name": "x / y", "result": "OK", "stdout": "1..1\nok 1 a\n"}' >"$work/b/logs/l.json"
	echo 0 >"$work/b/logs/l.status"
	[ "$(python3 "$here/tally.py" "b:s:$work/b/logs/l.json" | tail -n 1)" = '1 passed, 0 failed' ] || return
	echo 'the guest died' >"$work/b/l.out"
	echo 125 >"$work/b/logs/l.status"
	python3 "$here/tally.py" "b:s:$work/b/logs/l.json" >"$work/t" && return 1
	[ "$(tail -n 1 "$work/t")" = '1 passed, 1 failed' ] && grep -q 'the guest died' "$work/t" || return
	rm "$work/b/logs/l.status"
	python3 "$here/tally.py" "b:s:$work/b/logs/l.json" && return 1
	return 0
}

# The last words of a guest are its panic, not the trace after it.
guest_panics()
{
	refusing <<-'EOF' 2>&1 | said 'the guest died: Kernel panic - not syncing: no more'
		printf 'Kernel panic - not syncing: no more\nCall Trace:\n [<60058500>] ? panic\n'
		exit 134
	EOF
}

# Each name is looked for before anything runs, which then is in one guest.
benches_by_name()
{
	parts
	# shellcheck source=/dev/null
	. "$here/bench.sh"
	build_root() { echo "$work/b"; }
	machine_ready() { :; }
	machine_run() { printf '%s\n' "${@:5}"; }
	mkdir -p "$work/b/run/tests/bench"
	for name in a b peers; do
		: >"$work/b/run/tests/bench/bench-$name"
		chmod +x "$work/b/run/tests/bench/bench-$name"
	done
	[ "$(command_bench 2>&1 | sed 's/.*bench-//' | tr '\n' ' ')" = 'name value unit floor ratio target ok|short a b ' ] || return
	[ "$(command_bench b a 2>/dev/null | sed 's/.*bench-//' | tr '\n' ' ')" = 'b a ' ] || return
	(command_bench a c 2>&1) | said 'no bench is named c: .*runs all there are'
}

check 'a broken download says so and leaves nothing' broken_download
check 'a full disk says so and leaves nothing' disk_full
check 'too little space is seen before' no_space
check 'a cache that cannot be made' unwritable_cache
check 'an incomplete root file system is not kept' incomplete_rootfs
check 'SIGTERM during set-up leaves nothing' interrupted TERM 143
check 'SIGKILL during set-up leaves nothing that is used' interrupted KILL 137
check 'two set-ups at once make it once' two_at_once
check 'a kernel option that got lost is named' missing_option
check 'seccomp refused falls back to ptrace' seccomp_refused
check 'ptrace refused says what to do' ptrace_refused
check 'the guest boots with ptrace' ptrace_boots
check 'a guest that panics says what it died of' guest_panics
check 'memory that is no number' bad_memory
check '--host without a display' no_display_on_host
check 'the exit status passes through' exit_status
check 'output passes through' output_intact
check 'input passes through' input_intact
check 'a reader that leaves ends the command' reader_leaves
check 'the guest does not write to the cache' cache_untouched
check 'SIGTERM ends the guest and everything around it' killed
check 'Ctrl-C ends the guest' interrupt_from_terminal
check 'benches run by their names, or all' benches_by_name
if command -v python3 >/dev/null; then
	check 'the tally counts what failed and what is missing' tally
	check 'the tally counts a run that ended early' tally_of_half
fi
echo "1..$count"
