#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-harness.sh VICTIM SANITIZED: runs tests that misbehave, and wants each to be caught. A
# harness that lets a leak pass would make every other test worth less.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
victim=$1
sanitized=$2

expect() {
	WAYBUF_TEST_ONLY=$2 "$victim" >"$out" 2>/dev/null
	status=$?
	if [ $status -eq "$1" ] && grep -q "^$3" "$out"; then
		ok "$2"
	else
		not_ok "$2: exit status $status instead of $1, or no line '$3'" "$(cat "$out")"
	fi
}

out=$(mktemp)
trap 'rm -f "$out"' EXIT
expect 0 passes 'ok 1 - passes$'
expect 1 leaks_fd 'not ok 1'
if [ "$sanitized" = yes ]; then
	expect 1 leaks_memory 'not ok 1'
	WAYBUF_TEST_LEAKS=may-be expect 0 leaks_memory 'ok 1'
else
	ok 'leaks_memory # SKIP needs -Db_sanitize=address'
	ok 'leaks_memory that may be # SKIP needs -Db_sanitize=address'
fi
expect 1 crashes 'not ok 1'
expect 1 hangs 'not ok 1'
expect 1 exits_early 'not ok 1'
expect 0 skips 'ok 1 - skips # SKIP no device'
expect 1 no_such_test '1..0'
echo "1..$number"
exit $failed
