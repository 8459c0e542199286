# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# The test suites. Every case counts: a test program is a TAP stream, and
# tally.py adds the streams up.

# What the guest of the tests is told. Sanitizers touch a lot of memory, which
# comes in larger pieces then, and the smallest usual mode is enough to draw, to
# show, to read back and to compare.
declare -gra tests_kernel_args=(fault_ahead=16 vkms.preferred_width=640 vkms.preferred_height=480)

declare -g tests_long=no

# tests_log BUILD LOG: to be in the tally.
tests_log()
{
	tb_logs+=("$1:$2:$(build_root)/$1/meson-logs/$2.json")
	rm -f -- "$(build_root)/$1/meson-logs/$2".{json,status}
}

# tests_run WHERE BUILD LOG ARGS...: meson test. Its log is what counts; its
# status, or that there is none, tells the tally whether that is the whole log:
# a guest may die, and ends the shell that it was run from.
tests_run()
{
	local where=$1 name=$2 log=$3 dir
	shift 3

	dir=$(build_root)/$name
	[ "$(tail -n 1 "$(build_root)/build-$name.tap")" = 'ok 1 build' ] || return 0
	tb_binds=("ro:$tb_top" "rw:$(build_root)")
	tb_cwd=$dir
	tb_path=/usr/sbin:/usr/bin:/sbin:/bin
	tb_extra_env=(ASAN_OPTIONS=abort_on_error=0:detect_leaks=1:handle_sigill=1)
	# random tests try all that they are worth in the fastest of the builds, and in soak
	[ "$name" = clang ] || [ "$tests_long" = yes ] || tb_extra_env+=(WAYBUF_TEST_SHORT=1)
	"$where" meson test -C "$dir" --no-rebuild --logbase "$log" "$@" \
		>"$dir/$log.out" 2>&1 </dev/null
	echo $? >"$dir/meson-logs/$log.status"
	tb_extra_env=()
}

tests_native() { rootfs_run "$(rootfs_path)" "$@"; }

# tests_stage TITLE CMD...
tests_stage()
{
	local title=$1 begin=$SECONDS
	shift

	say "$title"
	"$@"
	say "$title: $((SECONDS - begin)) s"
}

# suite TITLE WHERE BUILD LOG ARGS...
suite()
{
	tests_log "$3" "$4"
	tests_stage "$1" tests_run "${@:2}"
}

# suite_beside, as suite, in the background. A guest waits for its display more
# than it computes, so three of them and the unit tests share two processors well.
suite_beside()
{
	tests_log "$3" "$4"
	(
		catch_signals
		tests_stage "$1" tests_run "${@:2}"
	) &
	tb_beside+=($!)
}

# tests_build NAME: a build that fails is a failed case, and its tests, without
# their log, are another.
tests_build()
{
	local tap

	tap=$(build_root)/build-$1.tap
	if (build "$1"); then
		printf '1..1\nok 1 build\n' >"$tap"
	else
		rm -f -- "$(build_root)/$1"/meson-logs/*.json
		printf '1..1\nnot ok 1 build (what it said is above)\n' >"$tap"
	fi
	tb_logs+=("$1:build:$tap")
}

tests_self()
{
	bash "$tb_parts/selftest.sh" >"$(build_root)/selftest.tap" 2>"$(build_root)/selftest.err" </dev/null
	tb_logs+=("testbed:selftest:$(build_root)/selftest.tap")
}

# tests_tally: prints the failures and the last line; its status is ours.
tests_tally()
{
	local status

	tb_binds=("ro:$tb_top" "ro:$(build_root)")
	tb_cwd=/
	rootfs_run "$(rootfs_path)" python3 "$tb_parts/tally.py" "${tb_logs[@]}"
	status=$?
	return "$status"
}

command_test()
{
	local tb_logs=() name guest=(--suite guest)
	local unit=(--no-suite guest --no-suite soak --no-suite soak-native --no-suite soak-plain --no-suite bench)

	setup
	tb_kernel_args=("${tests_kernel_args[@]}")
	for name in asan clang bare; do
		tests_stage "building: $name" tests_build "$name"
	done
	if [ "$tb_on_host" = no ]; then
		tb_variant=plain
		suite_beside 'guest tests: a kernel without sync objects' \
			machine_run asan guest-plain --suite guest --no-suite sync-kernel
		tb_variant=syncobj
		suite_beside 'guest tests: whole programs' machine_run asan guest-programs --suite whole-programs
		guest+=(--no-suite plain-kernel --no-suite whole-programs)
	fi
	suite_beside 'guest tests: gcc with sanitizers' machine_run asan guest "${guest[@]}"
	suite 'unit tests: gcc with sanitizers' tests_native asan native "${unit[@]}"
	suite 'unit tests: clang' tests_native clang native "${unit[@]}"
	suite 'unit tests: without optional features' tests_native bare native "${unit[@]}"
	tests_stage 'tests of the testbed' tests_self
	beside_wait
	tests_tally
}

command_soak()
{
	local tb_logs=() tests_long=yes

	setup
	tb_kernel_args=("${tests_kernel_args[@]}")
	tests_stage 'building: asan' tests_build asan
	tests_stage 'building: run' tests_build run
	suite 'soak tests: on the machine' tests_native asan soak-native --suite soak-native
	suite_beside 'soak tests: in the guest' machine_run asan soak --suite soak --timeout-multiplier 10
	suite_beside 'soak tests: in the guest, without sanitizers' \
		machine_run run soak-plain --suite soak-plain --timeout-multiplier 10
	beside_wait
	tests_tally
}
