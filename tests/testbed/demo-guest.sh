#!/bin/bash
# SPDX-License-Identifier: MIT
# demo-guest.sh CLIP OUT: runs in the guest. Plays CLIP on waybufd, and leaves
# the picture OUT/demo.png and the table OUT/table.
#
# It calls itself as waybufd's command, with the word `inside`: waybufd ends
# when its command does, and with its exit status.
set -u
clip=$1
out=$2

# server_says TYPE KEY: a number from the server's description of itself.
server_says()
{
	waybufctl info --json | awk -v type="\"$1\"" -v key="\"$2\":" '
		/"type":/ { here = index($0, type) }
		here && index($0, key) { gsub(/[^0-9]/, ""); print; exit }'
}

# player_says KEY: from the lines that the player prints at its end.
player_says()
{
	sed -n "s/^$1 //p" "$out/player.log"
}

# The cost of a frame is taken between two looks at the server, away from the
# start and from the screenshot, which has a cost of its own.
play()
{
	local frames cpu player status=0

	"$WAYBUF_BUILD/examples/player" --seconds 5 "$clip" >"$out/player.log" 2>&1 &
	player=$!
	sleep 1
	frames=$(server_says output direct) cpu=$(server_says process cpu_us)
	sleep 2
	frames=$(($(server_says output direct) - frames)) cpu=$(($(server_says process cpu_us) - cpu))
	waybufctl screenshot "$out/demo.png" || status=$?
	wait "$player" || status=$?
	if [ "$status" -ne 0 ]; then
		cat "$out/player.log" >&2
		return "$status"
	fi
	table "$frames" "$cpu" >"$out/table"
}

table()
{
	cat <<-EOF
		video                 $(player_says video)
		frames shown          $(player_says frames-shown) in $(player_says seconds) s, $(player_says frames-dropped) dropped
		copied by the server  $(server_says output copied)
		buffers               $(player_says buffers)
		exporter              $(player_says exporter)
		  chosen              $(player_says why)
	EOF
	sed -n 's/^not /  not /p' "$out/player.log"
	[ "$1" -le 0 ] || echo "server CPU per frame  $(($2 / $1)) us"
}

if [ "${3:-}" = inside ]; then
	play
else
	exec waybufd --log error -- bash "$0" "$clip" "$out" inside
fi
