#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-install.sh TOP BUILD CC: what is installed can be used by pkg-config, and TOP as a subproject
# of somebody else's build, with tests and a default test setup of its own.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
top=$1
build=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check WHAT CMD...
check() {
	what=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		ok "$what"
	else
		not_ok "$what" "$(cat "$work/log")"
	fi
}

find_pc() {
	PKG_CONFIG_PATH=$(dirname "$(find "$work/root" -name "$1.pc")")
	export PKG_CONFIG_PATH
}

# with_library NAME HEADER CALL CC...: the .pc says where it is; here that is another place
with_library() {
	find_pc "$1"
	printf '#include <waybuf/%s>\nint main(void)\n{\n\treturn %s;\n}\n' "$2" "$3" >"$work/main.c"
	flags=$(pkg-config --define-prefix --cflags --libs "$1") || return
	shift 3
	# shellcheck disable=SC2086 # words are what they are
	"$@" -Wall -Werror "$work/main.c" -o "$work/main" $flags
}

# by GStreamer, which looks into the folder and nowhere else
has_element() {
	library=$(find "$work/root" -name libwaybuf-client.so)
	GST_PLUGIN_PATH=$(dirname "$1") GST_PLUGIN_SYSTEM_PATH='' GST_REGISTRY=$work/registry \
		LD_LIBRARY_PATH=$(dirname "$library") gst-inspect-1.0 waybufsink >"$work/element" &&
		grep -q 'display-stats' "$work/element" &&
		grep -q 'memory:DMABuf' "$work/element"
}

has_protocol() {
	find_pc "$1"
	test -e "$(pkg-config --define-prefix --variable=pkgdatadir "$1")/protocol/waybuf-allocator-v1.xml"
}

# ExecStart= names a program, by the path that it will have
starts_installed() {
	service=$(find "$work/root" -name waybufd.service) &&
		program=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' "$service") &&
		test -x "$work/root$program" &&
		grep -qx 'ListenStream=%t/waybuf-0' "${service%.service}.socket"
}

superproject() {
	mkdir -p "$work/toy/subprojects" &&
		ln -s "$top" "$work/toy/subprojects/waybuf" &&
		cat >"$work/toy/meson.build" <<-'TOY' &&
			project('toy', 'c')
			add_test_setup('mine', is_default: true)
			client = dependency('waybuf-client', fallback: 'waybuf')
			server = dependency('waybuf-server-0.1', fallback: 'waybuf')
			xml = server.get_variable('pkgdatadir') / 'protocol/waybuf-allocator-v1.xml'
			assert(import('fs').exists(xml), 'no ' + xml)
			executable('toy', files('toy.c'), dependencies: [client, server])
		TOY
		echo 'int main(void) { return 0; }' >"$work/toy/toy.c" &&
		env -u PKG_CONFIG_PATH meson setup "$work/toy-build" "$work/toy"
}

check 'it installs' env DESTDIR="$work/root" meson install -C "$build" --no-rebuild --quiet
case $(find "$work/root" -name 'libwaybuf-client.so') in
'') not_ok 'there is a library' ;;
esac
case $(find "$work/root" -path '*/systemd/user/waybufd.*' | wc -l) in
0) ;; # without the daemon
2) check 'the service starts what is installed' starts_installed ;;
*) not_ok 'there are two units' ;;
esac
check 'the client library' with_library waybuf-client client.h \
	'(waybuf_client_destroy(0), 0)' "$@"
if [ -n "$(find "$work/root" -name waybuf-egl.pc)" ]; then
	check 'the EGL library' with_library waybuf-egl egl.h '(waybuf_egl_destroy(0), 0)' "$@"
fi
plugin=$(find "$work/root" -name libgstwaybuf.so)
if [ -n "$plugin" ] && command -v gst-inspect-1.0 >/dev/null; then
	check 'the element of GStreamer' has_element "$plugin"
fi
check 'the server library' with_library waybuf-server-0.1 server.h \
	'(waybuf_server_destroy(0), 0)' "$@"
check 'the protocol is found' has_protocol waybuf-server-0.1
check 'as a subproject' superproject
echo "1..$number"
exit $failed
