#!/bin/bash
# SPDX-License-Identifier: MIT
# clients-guest.sh OUT CLIP PEERS: runs in the guest. Runs each COMMAND of OUT/list (lines
# of NAME|HOW|COMMAND|...) as the client of a waybufd of its own, and leaves in OUT
# what became of it: NAME.png, NAME.log, NAME.server, NAME.info, and NAME.row.
#
# It calls itself as waybufd's command, with the word `inside` after PEERS, which is
# the root file system of the peers, or empty.
set -u
out=$1 clip=$2 peers=$3
shift 3

# Pictures so far, frames on planes, frames composed: of the output and of all surfaces
# but waybufd's own, which are cursors.
frames()
{
	waybufctl info --json | awk -v own="$PPID" '
		/"type":/ { surface = index($0, "\"surface\""); output = index($0, "\"output\"") }
		/"pid":/ && index($0, "\"pid\":" own ",") { surface = 0 }
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

# The first line of stdin that is a complaint.
message()
{
	grep -m 1 -i -E 'error|fail|cannot|could not|unable|unsupported|assert|critical' |
		tr '\t|' '  ' | cut -c 1-100
}

# What waybufd complains of, but for the speed of the guest.
server_message()
{
	grep -v '^libinput error' "$1" | message
}

# Until it shows something, or has ended; large programs take their time here.
wait_for_frames()
{
	local now i

	for ((i = 0; i < 80; i++)); do
		read -r -a now < <(frames)
		[ $((now[1] + now[2])) -eq 0 ] || break
		kill -0 "$1" 2>/dev/null || return
		sleep 0.5
	done
	sleep 1
}

# Of a program that is to end by itself: until it has, or for long enough.
wait_for_end()
{
	local i

	for ((i = 0; i < 40; i++)); do
		kill -0 "$1" 2>/dev/null || return
		sleep 0.5
	done
}

inside()
{
	local name=$1 client status=alive before after began ended
	shift
	"$@" >"$out/$name.log" 2>&1 </dev/null &
	client=$!
	wait_for_frames $client
	waybufctl screenshot "$out/$name.png" >/dev/null 2>>"$out/$name.log"
	read -r -a before < <(frames)
	began=$(date +%s%N)
	sleep 2
	read -r -a after < <(frames)
	ended=$(date +%s%N)
	waybufctl info >"$out/$name.info" 2>&1
	! grep -q "^$name|peers|" "$out/list" || wait_for_end $client
	if kill -0 $client 2>/dev/null; then
		kill $client
	else
		wait $client
		status=$?
	fi
	local fps=$(((after[0] - before[0]) * 10000000000 / (ended - began)))
	printf '%s\t%s\t%d.%d\t%s\t%d\t%s\t%s\n' "$name" "$status" $((fps / 10)) $((fps % 10)) \
		"$(place "${after[1]}" "${after[2]}")" $((after[1] + after[2])) \
		"$(message <"$out/$name.log")" "$(server_message "$out/$name.server")" >"$out/$name.row"
}

# What takes pictures needs something to see.
peers_command()
{
	local folder

	for folder in dev proc sys run tmp; do
		mount --rbind "/$folder" "$peers/$folder" || return
	done
	mount --bind "$out" "$peers/mnt" || return
	# shellcheck disable=SC2016 # expanded by the shell that is started
	words=(bash -c 'weston-flower & sleep 3; chroot "$1" bash -c "cd /mnt && exec \"\$@\"" peers "${@:2}"
		status=$?; kill $!; exit $status' peers "$peers" "${words[@]}")
}

if [ "${1:-}" = inside ]; then
	shift
	inside "$@"
	exit 0
fi
export LP_NUM_THREADS=1
while IFS='|' read -r name how command _ <&3; do
	read -r -a words <<<"${command//CLIP/$clip}"
	if [ "$how" = pointer ]; then
		coproc MOUSE { exec python3 "${0%/*}/pointer.py"; }
		pointer=$MOUSE_PID
		read -r _ <&"${MOUSE[0]}"
	fi
	[ "$how" != peers ] || peers_command
	waybufd --log info -- bash "$0" "$out" "$clip" "$peers" inside "$name" "${words[@]}" 2>"$out/$name.server"
	[ -e "$out/$name.row" ] ||
		printf '%s\tserver\t0.0\t-\t0\t\tit has ended\n' "$name" >"$out/$name.row"
	if [ "$how" = pointer ]; then
		kill "$pointer"
		wait "$pointer" 2>/dev/null
	fi
done 3<"$out/list"
exit 0
