#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-guide.sh GUIDE BUILD: follows docs/first-buffer.md to the letter, with what BUILD installs: saves
# its program, runs its commands in one shell, one block after the other, and looks in what they say
# for each line that the guide shows.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
guide=$1
build=$2
work=$(mktemp -d)
trap 'jobs -p | xargs -r kill 2>/dev/null; rm -rf "$work"' EXIT

# check WHAT CMD...
check()
{
	local what=$1
	shift
	if "$@"; then
		ok "$what"
	else
		not_ok "$what" "$(cat "$work/said")"
	fi
}

# fenced KIND N: the N-th block of that kind
fenced()
{
	awk -v kind="$1" -v wanted="$2" '
		/^```/ { inside = !inside && $0 == "```" kind && ++n == wanted; next }
		inside' "$guide"
}

# What is installed is found where it is now: the program and the library do not know of DESTDIR.
install_here()
{
	DESTDIR=$work/root meson install -C "$build" --no-rebuild --quiet >"$work/said" 2>&1 || return
	export PKG_CONFIG_SYSROOT_DIR=$work/root XDG_RUNTIME_DIR=$work/run
	PKG_CONFIG_PATH=$(dirname "$(find "$work/root" -name waybuf-client.pc)")
	LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name libwaybuf-client.so)")
	PATH=$(dirname "$(find "$work/root" -name waybufd -type f -perm -u+x)"):$PATH
	export PKG_CONFIG_PATH LD_LIBRARY_PATH PATH
	mkdir -m 700 "$work/run" "$work/here"
	cd "$work/here"
}

# Commands whose output the guide shows are followed by it.
follow()
{
	fenced sh "$1" >"$work/block"
	# shellcheck source=/dev/null
	. "$work/block" >"$work/said" 2>&1
}

# shows N: each line of the N-th output has been said
shows()
{
	local line

	while IFS= read -r line; do
		grep -q -F -- "$line" "$work/said" || { echo "# missing: $line"; return 1; }
	done < <(fenced text "$1")
}

check 'it installs' install_here
check 'there is a program' eval 'fenced c 1 >first.c && test -s first.c'
check 'a server' follow 1
check 'it compiles and runs' follow 2
check 'it says what the guide says' shows 1
check 'who has what' follow 3
check 'it says what the guide says' shows 2
check 'what cannot be' follow 4
check 'it says what the guide says' shows 3
check 'the server ends' follow 5
wait
# The last block is for a server with a display, and does as well without.
if [ -x "$build/examples/simple-client" ]; then
	export WAYBUF_BUILD=$build
	check 'another server' follow 1
	check 'a window' follow 6
	check 'it says what the window shows' grep -q ', shows buffer ' "$work/said"
fi
check 'there is nothing more' test -z "$(fenced sh 7)$(fenced text 4)$(fenced c 2)"
echo "1..$number"
exit $failed
