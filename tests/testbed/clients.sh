# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# Other people's programs as clients of waybufd: clients-guest.sh runs each in the
# guest, and here their rows become a table.

# NAME|COMMAND|EXPLANATION. The last is for a failure that is known to be the
# client's or the guest's own.
clients_list()
{
	local bo='GBM gets no dumb buffer from the render node of vgem; on weston 14 it fails alike'
	local node='it looks for a device with drmGetDevices(), which knows no virtual ones'

	cat <<-EOF2
		wayland-info|wayland-info|
		simple-shm|weston-simple-shm|
		simple-damage|weston-simple-damage|
		simple-egl|weston-simple-egl|
		subsurfaces|weston-subsurfaces|
		presentation-shm|weston-presentation-shm -f|
		flower|weston-flower|
		image|weston-image /usr/share/weston/terminal.png|
		terminal|weston-terminal --shell=/bin/sh|
		stacking|weston-stacking|
		transformed|weston-transformed|
		cliptest|weston-cliptest|
		scaler|weston-scaler|
		dmabuf-egl|weston-simple-dmabuf-egl|$bo
		dmabuf-feedback|weston-simple-dmabuf-feedback|$node
	EOF2
}

# A verdict for each row: NAME STATUS FPS PLACE SEEN MESSAGE, with tabs.
clients_table()
{
	awk -F '\t' -v list="$1" '
		BEGIN {
			while ((getline line < list) > 0) {
				split(line, part, "|")
				explained[part[1]] = part[3]
			}
			print "| client | result | frames/s | shown | message |"
			print "|---|---|---|---|---|"
		}
		{
			what = explained[$1] != "" ? "explained" : "broken"
			if (($2 == "alive" && $5 > 0) || ($1 == "wayland-info" && $2 == "0"))
				what = "works"
			n[what]++
			message = what == "explained" ? explained[$1] : $6
			printf "| %s | %s | %s | %s | %s |\n", $1, what, $3, $4, message
		}
		END { printf "%d work, %d explained, %d broken\n", n["works"], n["explained"], n["broken"]
			exit n["broken"] > 0 }'
}

# clients [NAME...]
command_clients()
{
	local out status name command explanation

	machine_ready
	out=$(build_root)/clients
	rm -rf -- "$out"
	mkdir -- "$out"
	clients_list | while IFS='|' read -r name command explanation; do
		[ $# -eq 0 ] || [[ " $* " = *" $name "* ]] || continue
		printf '%s|%s|%s\n' "$name" "$command" "$explanation"
	done >"$out/list"
	[ -s "$out/list" ] || die "there is no such client: $*"
	tb_cwd=$out
	machine_run bash "$tb_parts/clients-guest.sh" "$out" </dev/null >/dev/null
	status=$?
	[ "$status" -eq 0 ] || die "the clients could not be run: status $status (their files: $out)"
	say "pictures and logs are in $out"
	cut -d '|' -f 1 "$out/list" | while read -r name; do
		cat "$out/$name.row"
	done | clients_table "$out/list"
}
