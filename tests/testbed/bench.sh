# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# Benchmarks: every program that the build left in tests/bench, once each, one
# after the other in one guest, because figures compare only within one run.
# Those that need no display run on a machine without one, too (--host).
# A line is: name value unit floor ratio target ok|short.
#
# Other compositors are compared when they are asked for by name: most of them
# are in the root file system of the peers, which is entered from this one, so
# that all take turns on one display.

# Processors of the guest that wait do not sleep: waking one takes the machine
# longer than most of what is measured.
declare -gra bench_kernel_args=(nohlt)

# bench_programs NAME: paths, sorted. NAME is that of the program, with or
# without its bench-, or '*'.
bench_programs()
{
	find "$(build_root)/run/tests/bench" -maxdepth 1 -type f -executable \
		-name "bench-${1#bench-}" ! -name bench-peers 2>/dev/null | sort
}

# bench_peers [NAME...]
bench_peers()
{
	local peers

	machine_ready
	tb_kernel_args=("${bench_kernel_args[@]}")
	peers_make
	peers=$(readlink -f -- "$(peers_path)")
	tb_binds+=("ro:$peers")
	tb_extra_env+=(BENCH_PEERS="$peers" LIBSEAT_BACKEND=builtin SEATD_VTBOUND=0
		WLR_LIBINPUT_NO_DEVICES=1 LP_NUM_THREADS=1)
	# shellcheck disable=SC2016 # expanded by the shell in the guest
	machine_run bash -c 'for folder in dev proc sys run tmp; do
			mount --rbind "/$folder" "$BENCH_PEERS/$folder" || exit 125
		done
		{
			/usr/lib/systemd/systemd-udevd --daemon
			udevadm trigger
			udevadm settle --timeout=10
		} >/dev/null 2>&1
		exec "$@"' bench "$(build_root)/run/tests/bench/bench-peers" "$@" </dev/null
}

command_bench()
{
	local name found programs=()

	if [ "${1:-}" = peers ]; then
		shift
		bench_peers "$@"
		return
	fi
	machine_ready
	tb_kernel_args=("${bench_kernel_args[@]}")
	for name in "${@:-*}"; do
		mapfile -t found < <(bench_programs "$name")
		programs+=("${found[@]}")
		[ ${#found[@]} -gt 0 ] || die "no bench is named $name: './testbed bench' runs all there are"
	done
	tb_extra_env+=(BENCH_ON_HOST="$tb_on_host")
	# not on stdout, where each line is a figure
	echo 'name value unit floor ratio target ok|short' >&2
	# shellcheck disable=SC2016 # expanded by the shell in the guest
	machine_run bash -c 'status=0
		export LIBSEAT_BACKEND=builtin SEATD_VTBOUND=0 WLR_LIBINPUT_NO_DEVICES=1 WLR_RENDERER=pixman
		for program; do
			# wlroots and weston find their device by what udev knows of it, which
			# this machine started itself
			case $BENCH_ON_HOST$program in no*import-any | no*video)
				/usr/lib/systemd/systemd-udevd --daemon
				udevadm trigger
				udevadm settle --timeout=10 ;;
			esac >/dev/null 2>&1
			"$program" || { echo "bench: ${program##*/} could not measure" >&2; status=1; }
		done
		exit $status' bench "${programs[@]}"
}
