#!/bin/bash
# SPDX-License-Identifier: MIT
# clients-guest.sh OUT: runs in the guest. Runs each COMMAND of OUT/list (lines of
# NAME|COMMAND|...) as the client of a waybufd of its own, and leaves in OUT what
# became of it: NAME.png, NAME.log, NAME.server, NAME.info, and NAME.row.
#
# It calls itself as waybufd's command, with the word `inside` after OUT.
set -u
out=$1
shift

# Pictures so far, frames on planes, frames composed: of the output and of all surfaces.
frames()
{
	waybufctl info --json | awk '
		/"type":/ { surface = index($0, "\"surface\""); output = index($0, "\"output\"") }
		/"(direct|copied)":/ { on_plane = index($0, "direct"); gsub(/[^0-9]/, "") }
		/^[0-9]+$/ && output { pictures += $0 }
		/^[0-9]+$/ && surface && on_plane { direct += $0 }
		/^[0-9]+$/ && surface && !on_plane { copied += $0 }
		END { print pictures + 0, direct + 0, copied + 0 }'
}

place()
{
	if [ "$1" -gt 0 ] && [ "$2" -gt 0 ]; then
		echo 'planes, composed'
	elif [ "$1" -gt 0 ]; then
		echo plane
	elif [ "$2" -gt 0 ]; then
		echo composed
	else
		echo -
	fi
}

# The first line that is a complaint.
message()
{
	grep -m 1 -i -E 'error|fail|cannot|could not|unable|assert' "$1" |
		tr '\t|' '  ' | cut -c 1-100
}

inside()
{
	local name=$1 client status=alive before after began ended
	shift
	"$@" >"$out/$name.log" 2>&1 </dev/null &
	client=$!
	sleep 2
	read -r -a before < <(frames)
	began=$(date +%s%N)
	sleep 2
	read -r -a after < <(frames)
	ended=$(date +%s%N)
	waybufctl screenshot "$out/$name.png" >/dev/null 2>>"$out/$name.log"
	waybufctl info >"$out/$name.info" 2>&1
	if kill -0 $client 2>/dev/null; then
		kill $client
	else
		wait $client
		status=$?
	fi
	local fps=$(((after[0] - before[0]) * 10000000000 / (ended - began)))
	printf '%s\t%s\t%d.%d\t%s\t%d\t%s\n' "$name" "$status" $((fps / 10)) $((fps % 10)) \
		"$(place "${after[1]}" "${after[2]}")" $((after[1] + after[2])) \
		"$(message "$out/$name.log")" >"$out/$name.row"
}

if [ "${1:-}" = inside ]; then
	shift
	inside "$@"
	exit 0
fi
export LP_NUM_THREADS=1
while IFS='|' read -r name command explanation <&3; do
	read -r -a words <<<"$command"
	waybufd --log info -- bash "$0" "$out" inside "$name" "${words[@]}" 2>"$out/$name.server"
	[ -e "$out/$name.row" ] ||
		printf '%s\tserver\t0.0\t-\t0\twaybufd has ended\n' "$name" >"$out/$name.row"
done 3<"$out/list"
