#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-xml.sh SCANNER XML: checks the protocol file for what the compiler does not see.
#   1. wayland-scanner in its strict mode (validity against the DTD) has nothing to say;
#   2. everything is documented: each interface, request, event and enum has a description, each
#      entry and argument a summary;
#   3. each 64-bit value is two adjacent uints, the high half first;
#   4. a message carries at most one fd and at most one array, and its error enum comes first;
#   5. each enum that an argument names exists, which the scanner does not check;
#   6. lines have at most 80 columns and no tabs.
# Output is TAP.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tests/tap.sh"
scanner=$1
xml=$2

# One element per line: <name attributes, without its text; comments are gone before.
elements() {
	sed 's/<!--.*-->//' "$xml" | tr '\n' ' ' | tr '>' '\n' | sed -n 's/.*<\([a-z/]\)/\1/p'
}

strict() {
	for mode in client-header server-header private-code enum-header; do
		"$scanner" --strict $mode "$xml" /dev/null 2>&1 || echo "$mode failed"
	done
}

undocumented() {
	elements | awk '
		function flush() { if (waiting != "") print waiting; waiting = "" }
		/^(entry|arg) / && !/ summary="[^"]/ { print "no summary: " $0 }
		/^description / { if (/ summary="[^"]/) waiting = ""; next }
		{ flush() }
		/^(interface|request|event|enum) / { waiting = "no description: " $0 }
		END { flush() }'
}

halves() {
	elements | awk '
		function name() { match($0, /name="[^"]*"/); return substr($0, RSTART + 6, RLENGTH - 7) }
		/^\/?(arg|request|event)/ {
			is_arg = /^arg /
			n = is_arg ? name() : ""
			if (high != "" && n != high "_lo") print high "_hi without " high "_lo after it"
			if (n ~ /_lo$/ && high == "") print n " without its _hi before it"
			if (n ~ /_(hi|lo)$/ && !/ type="uint"/) print n " is not a uint"
			high = n ~ /_hi$/ ? substr(n, 1, length(n) - 3) : ""
		}'
}

shape() {
	elements | awk '
		/^interface / { members = 0 }
		/^enum name="error"/ && members { print "error enum not first: " $0 }
		/^(enum|request|event) / { members++; fds = arrays = 0; message = $0 }
		/^arg .* type="fd"/ && ++fds > 1 { print "two fds: " message }
		/^arg .* type="array"/ && ++arrays > 1 { print "two arrays: " message }'
}

references() {
	elements | awk '
		function value(key) {
			match($0, " " key "=\"[^\"]*\"")
			return RSTART ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 4) : ""
		}
		/^interface / { interface = value("name") }
		/^enum / { known[interface "." value("name")] = 1 }
		/^arg / && value("enum") != "" {
			wanted = value("enum")
			asked[wanted ~ /[.]/ ? wanted : interface "." wanted] = 1
		}
		END { for (e in asked) if (!(e in known)) print "no such enum: " e }'
}

lines() {
	awk '/\t/ { print FNR ": tab" } { gsub(/©/, "c") } length > 80 { print FNR ": too long" }' "$xml"
}

echo "1..6"
verdict "wayland-scanner --strict" "$(strict)"
verdict "everything is documented" "$(undocumented)"
verdict "64-bit values are hi, lo" "$(halves)"
verdict "shape of messages" "$(shape)"
verdict "enum references" "$(references)"
verdict "line length" "$(lines)"
