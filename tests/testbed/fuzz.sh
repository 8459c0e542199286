# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# Fuzzing: tests/fuzz with libFuzzer, one fuzzer after the other. What they learn
# stays in the cache, beside the build, and is where the next run begins.

# fuzz_one NAME SECONDS: its status is that of the fuzzer.
fuzz_one()
{
	local name=$1 work
	work=$(build_root)/fuzz-work/$name
	mkdir -p -- "$work/corpus"
	tb_binds=("ro:$tb_top" "rw:$(build_root)")
	tb_cwd=$work
	tb_path=/usr/sbin:/usr/bin:/sbin:/bin
	tb_extra_env=(ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1)
	rootfs_run "$(rootfs_path)" "$(build_root)/fuzz/tests/fuzz/fuzz-$name" corpus \
		"$tb_top/tests/fuzz/corpus/$name" -max_total_time="$2" -max_len=1024 -timeout=10 \
		-print_final_stats=1 >"$work/log" 2>&1 </dev/null
}

fuzz_names()
{
	find "$(build_root)/fuzz/tests/fuzz" -maxdepth 1 -type f -executable \
		-name "fuzz-${1:-*}" -printf '%f\n' 2>/dev/null | sed 's/^fuzz-//' | sort
}

command_fuzz()
{
	local names name seconds=${2:-60} status=0 log

	setup
	build fuzz
	mapfile -t names < <(fuzz_names "${1:-}")
	[ ${#names[@]} -gt 0 ] || die "no fuzzer is named ${1:-}: './testbed fuzz' runs all there are"
	for name in "${names[@]}"; do
		log=$(build_root)/fuzz-work/$name/log
		if fuzz_one "$name" "$seconds"; then
			say "$name: $(grep 'cov: ' "$log" | tail -n 1 | sed 's/ lim: .*//')"
		else
			say "$name: a finding, see $log and the file beside it"
			status=1
		fi
	done
	return $status
}
