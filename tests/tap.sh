# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# tap.sh, for the tests that are scripts: what they found, as TAP. The caller prints the plan, and exits
# with $failed.
number=0
failed=0

# ok NAME
ok()
{
	number=$((number + 1))
	echo "ok $number - $1"
}

# not_ok NAME [WHY]: in any number of lines
not_ok()
{
	number=$((number + 1))
	echo "not ok $number - $1"
	[ -z "${2:-}" ] || echo "$2" | sed 's/^/# /'
	# shellcheck disable=SC2034 # the caller's
	failed=1
}

# verdict NAME WRONG: what is wrong is a line each
verdict()
{
	if [ -z "$2" ]; then
		ok "$1"
	else
		not_ok "$1" "$2"
	fi
}
