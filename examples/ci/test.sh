#!/bin/sh
# SPDX-License-Identifier: MIT
#
# waybufd [OPTION...] -- test.sh FOLDER PROGRAM [ARGUMENT...]: a program on a display of its own. It
# passes if after two seconds it is there, and has shown something. FOLDER gets a picture of the
# display, what the server knows, and what the program said.
out=$1
shift
mkdir -p "$out" || exit

"$@" >"$out/program.log" 2>&1 &
program=$!
sleep 2
waybufctl screenshot "$out/screen.png" || exit
waybufctl info >"$out/info.txt" || exit
if ! kill "$program" 2>/dev/null; then
	echo "$1 did not last two seconds; it said:" >&2
	cat "$out/program.log" >&2
	exit 1
fi
wait "$program" 2>/dev/null

# frames that the server has shown of any surface
if ! awk '/^surface/ { of = 1 } of && ($1 == "direct" || $1 == "copied") { n += $2 }
	END { exit n == 0 }' "$out/info.txt"; then
	echo "$1 has shown nothing" >&2
	exit 1
fi
