# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# Running things: in the root file system on this machine's kernel, or in the
# guest. Callers fill tb_binds, tb_cwd and tb_extra_env, then call machine_run
# or rootfs_run.

declare -ga tb_binds=() tb_extra_env=() tb_argv=() tb_lines=() tb_size=() tb_kernel_args=()
declare -g tb_guest_root='' tb_cwd=/ tb_on_host=no tb_variant=syncobj tb_control=''

# A path that the kernel's command line can carry.
control_make()
{
	local base=${TMPDIR:-/tmp}

	[[ $base =~ ^/[A-Za-z0-9/._-]+$ && -w $base ]] || base=/tmp
	tb_control=$(mktemp -d "$base/waybuf-testbed.XXXXXX") || die "cannot write to $base: set TMPDIR"
	mkdir "$tb_control/root"
}

control_remove()
{
	[ -z "$tb_control" ] || rm -rf --one-file-system -- "$tb_control"
	tb_control=''
}

# spec_write ROOTFS MODE
spec_write()
{
	local tb_rootfs=$1 tb_mode=$2 tb_host_root=$tb_control/root
	local -a tb_env=(PATH="$tb_path" HOME=/run/home XDG_RUNTIME_DIR=/run/user/0 LANG=C.UTF-8
		TERM="${tb_term:-dumb}" "${tb_extra_env[@]}")

	declare -p tb_rootfs tb_mode tb_host_root tb_env tb_argv tb_cwd tb_binds tb_lines tb_size \
		tb_kernel tb_kernel_args tb_memory tb_cpus tb_seccomp tb_stdin tb_terminal >"$tb_control/spec" ||
		die "cannot write to $tb_control: make room there or set TMPDIR"
}

declare -g tb_path=/usr/sbin:/usr/bin:/sbin:/bin tb_term=dumb
declare -g tb_kernel='' tb_memory=2048 tb_cpus=2 tb_seccomp=on tb_stdin=no tb_terminal=no

# rootfs_run ROOTFS CMD...: on this machine's kernel.
rootfs_run()
{
	local rootfs=$1 status
	shift

	tb_argv=("$@")
	control_make
	spec_write "$rootfs" host
	run_child in_namespace bash "$tb_parts/root.sh" "$tb_control"
	status=$?
	control_remove
	return "$status"
}

guest_memory()
{
	local want=${WAYBUF_TESTBED_MEM:-2048} free

	[[ $want =~ ^[0-9]+$ && $want -ge 256 ]] || die "WAYBUF_TESTBED_MEM is '$want': it is megabytes, 256 at least"
	free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	[ "$free" -ge 400 ] || die "this machine has $free MB of memory free: the guest needs 400 MB at the very least"
	tb_memory=$want
}

# The guest's boot refuses in one of these ways; the second needs less of the
# machine and is slower.
guest_refused()
{
	if grep -q 'SECCOMP userspace requested but not functional' "$1"; then
		echo seccomp
	elif grep -q -E 'check_(ptrace|sysemu)|ptrace failed|PTRACE_TRACEME' "$1"; then
		echo ptrace
	fi
}

# guest_start: one boot; relays of the command's streams run around it.
guest_start()
{
	local status relays=() sender=''

	mkfifo "$tb_control/out" "$tb_control/err"
	cat "$tb_control/out" &
	relays=($!)
	cat "$tb_control/err" >&2 &
	relays+=($!)
	if [ "$tb_stdin" = yes ]; then
		mkdir "$tb_control/stdin"
		perl "$tb_parts/stdin.pl" send "$tb_control/stdin" <&0 &
		sender=$!
	fi
	in_namespace bash "$tb_parts/root.sh" "$tb_control" \
		3>"$tb_control/out" 4>"$tb_control/err" </dev/null &
	tb_child=$!
	guest_wait "${relays[0]}"
	status=$?
	[ -z "$sender" ] || kill "$sender" 2>/dev/null
	wait "${relays[@]}" 2>/dev/null
	return "$status"
}

# The reader of our output may leave first (| head): the command then ends as
# SIGPIPE would have ended it here.
guest_wait()
{
	local status ended

	wait -n -p ended "$tb_child" "$1"
	status=$?
	if [ "${ended:-}" = "$1" ] && [ "$status" -ne 0 ]; then
		kill -KILL "$tb_child"
		wait "$tb_child" 2>/dev/null
		echo 141 >"$tb_control/status"
	else
		wait "$tb_child" 2>/dev/null
	fi
	tb_child=''
}

# guest_run CMD...: boots a guest and passes the status of CMD.
guest_run()
{
	local status

	tb_argv=("$@")
	guest_memory
	tb_kernel=$(kernel_path "$tb_variant")
	tb_lines=('ssl0=null,fd:3' 'ssl1=null,fd:4')
	tb_stdin=no
	if [ ! -t 0 ] && [ "$(readlink /proc/self/fd/0)" != /dev/null ]; then
		tb_stdin=yes
	fi
	guest_try guest_start
	status=$?
	return "$status"
}

# guest_try HOW: boots, and once more without seccomp where that is refused.
guest_try()
{
	local how=$1 status refused

	tb_seccomp=on tb_cpus=2
	control_make
	guest_files
	"$how"
	refused=$(guest_refused "$tb_control/console")
	if [ "$refused" = seccomp ]; then
		say 'this machine refuses seccomp filters: using ptrace on one CPU, which is slower'
		control_remove
		tb_seccomp=off tb_cpus=1
		control_make
		guest_files
		"$how"
		refused=$(guest_refused "$tb_control/console")
	fi
	[ "$refused" != ptrace ] ||
		die 'this machine refuses ptrace: allow it (docker run --cap-add SYS_PTRACE; sysctl kernel.yama.ptrace_scope=1)'
	[ -z "${WAYBUF_TESTBED_DEBUG:-}" ] || cat "$tb_control/console" >&2
	guest_status
	status=$?
	control_remove
	return "$status"
}

guest_files()
{
	cp "$tb_parts/guest.init" "$tb_control/init"
	cp "$tb_parts/fstab" "$tb_parts/stdin.pl" "$tb_control/"
	: >"$tb_control/console"
	spec_write "${tb_guest_root:-$(rootfs_path)}" guest
}

# A trace follows the line that says what happened.
guest_last_words()
{
	grep -m 1 -E '^(Kernel panic|BUG:|Oops)' "$1" || grep -v '^ *$' "$1" | tail -n 1
}

guest_status()
{
	local status

	if read -r status <"$tb_control/status"; then
		return "$status"
	fi 2>/dev/null
	mkdir -p "$(cache_dir)/logs"
	cp "$tb_control/console" "$(cache_dir)/logs/guest-console.log"
	die "the guest died: $(guest_last_words "$tb_control/console")" \
		"(its console: $(cache_dir)/logs/guest-console.log)"
}

# machine_run CMD...: in the guest, or with --host on this machine's kernel.
machine_run()
{
	if [ "$tb_on_host" = yes ]; then
		rootfs_run "${tb_guest_root:-$(rootfs_path)}" "$@"
	else
		guest_run "$@"
	fi
}

# machine_shell: a prompt on the caller's terminal.
machine_shell()
{
	local status rows cols

	if [ ! -t 0 ] || [ ! -t 1 ]; then
		die "shell needs a terminal: use './testbed run -- CMD' in scripts"
	fi
	tb_term=${TERM:-dumb}
	if [ "$tb_on_host" = yes ]; then
		rootfs_run "$(rootfs_path)" bash -i
		return
	fi
	tb_argv=(bash -i)
	guest_memory
	tb_kernel=$(kernel_path "$tb_variant")
	tb_terminal=yes
	tb_lines=('ssl0=fd:5,fd:3')
	read -r rows cols < <(stty size)
	tb_size=(rows "$rows" cols "$cols")
	tb_stty=$(stty -g)
	stty raw -echo
	guest_try guest_start_terminal
	status=$?
	stty "$tb_stty"
	tb_stty=''
	return "$status"
}

guest_start_terminal()
{
	local terminal

	# the stdin of a command in the background is /dev/null
	exec {terminal}<&0
	in_namespace bash "$tb_parts/root.sh" "$tb_control" 3>&1 5<&"$terminal" {terminal}<&- </dev/null &
	tb_child=$!
	exec {terminal}<&-
	wait "$tb_child"
	tb_child=''
}
