#!/bin/bash
# SPDX-License-Identifier: MIT
# demo-guest.sh CLIP OUT: runs in the guest. Starts waybufd on the display,
# plays CLIP for a few seconds with the player, and leaves OUT/demo.png, a
# picture of the display while it played, and OUT/table.
set -u
clip=$1
out=$2
player=$WAYBUF_BUILD/examples/player

fail()
{
	echo "demo: $*" >&2
	[ ! -s "$out/waybufd.log" ] || tail -n 20 "$out/waybufd.log" >&2
	exit 1
}

# waybufd writes a newline when clients can connect.
start_server()
{
	local ready

	exec {ready}< <(exec waybufd --socket waybuf-demo --ready-fd 3 --log info \
		3>&1 >"$out/waybufd.log" 2>&1)
	server=$!
	read -r -t 10 <&"$ready" || fail 'waybufd did not become ready'
	export WAYLAND_DISPLAY=waybuf-demo
}

# User and system time of a process, in microseconds.
cpu_time()
{
	awk '{ print $1 / 1000 }' "/proc/$1/schedstat" 2>/dev/null || echo 0
}

command -v waybufd >/dev/null || fail 'waybufd is not built'
[ -x "$player" ] || fail 'the player is not built'
start_server
before=$(cpu_time "$server")
"$player" --seconds 4 "$clip" >"$out/table" &
playing=$!
sleep 2
waybufctl screenshot "$out/demo.png" || fail 'no screenshot'
wait "$playing" || fail "the player ended with status $?"
after=$(cpu_time "$server")
awk -v before="$before" -v after="$after" '
	$1 == "frames-shown" { shown = $2 }
	{ name = $1; $1 = ""; printf "%-22s%s\n", name, $0 }
	END { if (shown) printf "%-22s %.0f us (the screenshot included)\n", "server-cpu-per-frame", (after - before) / shown }
' "$out/table" >"$out/table.new" && mv "$out/table.new" "$out/table"
kill -TERM "$server"
wait "$server" || fail "waybufd ended with status $?"
