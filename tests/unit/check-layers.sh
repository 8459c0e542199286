#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-layers.sh TOP: the rule of dependency, include <- src <- {server, client} <- programs. Code
# that breaks it compiles, until somebody wants the mechanism without a display.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
top=$1

# refuse WHAT PATTERN FOLDER...: no file in the folders may include what matches.
refuse() {
	what=$1
	pattern=$2
	shift 2
	found=$(cd "$top" && grep -rnE --include='*.[ch]' "^#include [<\"]($pattern)" "$@" 2>&1)
	if [ $? -eq 1 ]; then # 1: nothing matches; 2: a folder is not there
		ok "$what"
	else
		not_ok "$what" "$found"
	fi
}

refuse 'public headers include public headers only' '(util|core|fence|gate|constraints|exporter|kms|report|server|client)/' include
refuse 'mechanism knows no libwayland' 'wayland-|.*-(server|client)-protocol\.h' src include
refuse 'mechanism knows no glue' '(\.\./)*(server|client|daemon|ctl)/|waybuf/(server|client)\.h' src
# waybufd is a client of itself where libwayland-cursor loads a theme
refuse 'the server knows nothing of the client' '(\.\./)*client/|waybuf/client\.h|wayland-client' --exclude=theme.c server
refuse 'the client knows nothing of the server' '(\.\./)*server/|waybuf/server\.h|wayland-server' client
refuse 'the library knows nothing of the daemon' '(\.\./)*daemon/' --exclude-dir=daemon server
refuse 'examples use what is public' '(util|core|fence|gate|constraints|exporter|kms|report)/' examples
echo "1..$number"
exit $failed
