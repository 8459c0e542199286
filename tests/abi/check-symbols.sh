#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-symbols.sh LIST LIBRARY: compares what LIBRARY exports with LIST, one name a line, sorted.
# A name that appears or disappears is an ABI change: it needs a line in the list and in CHANGELOG.
set -eu
list=$1
library=$2
found=$(mktemp)
trap 'rm -f "$found"' EXIT
nm --dynamic --defined-only --extern-only "$library" |
	awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | grep -v '^__\(asan\|odr\)' | LC_ALL=C sort -u >"$found"

echo "1..1"
if diff -u "$list" "$found" >"$found.diff"; then
	echo "ok 1 - $(basename "$list" .list)"
	rm -f "$found.diff"
	exit 0
fi
sed 's/^/# /' "$found.diff"
rm -f "$found.diff"
echo "not ok 1 - $(basename "$list" .list)"
exit 1
